/** The parts of documents that are generated from the rows of src/config/variables.ts. */

/** One row for each variable, as a Markdown table that is not aligned yet. */
export function configurationTable(variables) {
  const rows = variables.map(
    ({ name, defaultText, value, doc }) => `| \`${name}\` | ${defaultText} | ${value.limit} | ${doc} |`,
  );
  return ['| name | default | allowed | meaning |', '| - | - | - | - |', ...rows].join('\n');
}

/** The variables that name a file which holds a secret. */
export function secretFiles(variables) {
  return variables
    .filter(({ isSecret }) => isSecret)
    .map(({ name }) => `- \`${name}_FILE\``)
    .join('\n');
}

/** Lines of `.env.example`: each variable with what it does, what it may be, and its default. */
export function exampleLines(variables) {
  return offered(variables)
    .map((variable) => {
      const assumed = assumedText(variable);
      const empty = assumed === '' && variable.defaultText !== '' ? ` Empty: ${variable.defaultText}.` : '';
      const text = `${variable.doc} Allowed: ${variable.value.limit}.${empty}`.replaceAll('`', '');
      return [...wrapped(text), `${variable.name}=${assumed}`].join('\n');
    })
    .join('\n\n');
}

/** Lines of the service's `environment:` in `docker-compose.yml`. */
export function composeLines(variables) {
  return offered(variables)
    .map((variable) => `      ${variable.name}: \${${variable.name}:-${assumedText(variable)}}`)
    .join('\n');
}

function offered(variables) {
  return variables.filter(({ isOfStack }) => !isOfStack);
}

/** The default as a value of the variable; empty: it is none, or more than a value. */
function assumedText({ default: assumed }) {
  return ['string', 'number', 'boolean'].includes(typeof assumed) ? String(assumed) : '';
}

/** As comments of at most 120 characters a line. */
function wrapped(text) {
  return text.match(/\S.{0,116}\S(?=\s|$)/g).map((line) => `# ${line}`);
}

import { inContainer } from './command-line.rule';

/**
 * A command line that asks a route as the admin, and works as it stands in a POSIX shell.
 *
 * @param container the id of the container that the service runs in; `null`: it runs in none
 * @param keyFile that holds the admin key; `null`: the variable ADMIN_API_KEY holds it
 * @param options of curl
 */
export function curlLine(
  container: string | null,
  keyFile: string | null,
  url: string,
  options: '-fsS' | '-sS',
): string {
  // the quotes inside "$(…)" are a context of their own
  const key = keyFile === null ? '$ADMIN_API_KEY' : `$(${catLine(container, keyFile)})`;
  return `curl ${options} -H "Authorization: Bearer ${key}" ${quoteForShell(url)}`;
}

/** A command line that prints a file of the service. */
export function catLine(container: string | null, path: string): string {
  return inContainer(container, `cat ${quoteForShell(path)}`);
}

/** A text as a POSIX shell reads it back unchanged. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

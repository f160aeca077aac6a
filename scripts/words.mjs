/**
 * Refuses words that a reader stumbles over, in texts for people: documents, comments, strings and titles of tests.
 *
 * `node scripts/words.mjs` reads the project, `node scripts/words.mjs FILE…` these files alone.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** What is refused, and the plain word for it. Whole words only, so that identifiers (`gone_version`, `toldAt`) may stay. */
const REFUSED = [
  [/\b(tells? of|told of|telling of)\b/, 'old-fashioned: say "reports", "shows", "describes"'],
  [/\btold\b/, 'unclear: say "reported", "received", "configured", "known"'],
  [/\bhear(s|d)?( of)?\b/, 'no word for a program: say "receives", "knows"'],
  [
    /\b(is|are|was|were|be|been|has|have|it's|that's) (all )?gone\b/,
    'ambiguous: say "deleted", "merged", "closed", "unavailable"',
  ],
  [/\b(is|are|was|were|be|been) away\b/, 'ambiguous: say "unavailable"'],
  [/\b(anew|afresh)\b/, 'literary: say "again"'],
  [/\bas (it|they) (was|were)(?=[.,;:)`'"|]|$)/, 'literary: say "unchanged", "as before"'],
  [/\bas was\b/, 'literary: say "as before"'],
  [/\b(goes|go|went|going) on\b(?! (a|the|port) )/, 'ambiguous: say "continues"'],
  [/\bstand(s|ing)? against\b/, 'literary: say "blocks"'],
  [/\bwho(so)?ever\b/, 'stiff: say "the caller", "anyone who", or name the person'],
  [/\bof (which|whom)\b/, 'an inversion: begin a new sentence, or say "whose"'],
  [/\bspoil(t|s|ed)\b/, 'literary: say "malformed", "broken"'],
  [/\bslips? of the pen\b/, 'literary: say "misspelled", "typing error"'],
  [/\bin a circle\b/, 'not the term of the field: say "cycle"'],
  [/\blooked after\b/, 'unclear: say what is done'],
  [/\b(bury|buries|burial)\b/, 'literary: say "marked deleted"'],
  [/\bends? alike\b/, 'literary: say "fails again"'],
  [/\bamid\b/, 'literary: say "during"'],
  [/\bg(i|a)ves? way\b/, 'literary: say "yields", or what overrides it'],
  [/\bat ease\b/, 'literary: say "idle"'],
  [/\bfor want of\b/, 'literary: say "because there is no"'],
  [/\bspeaks? of\b/, 'no word for a program: say "names", "describes"'],
  [/\bthere is no such thing\b/, 'vague: say what was not found'],
  [/\btakes what it takes\b/, 'unclear: say "requires"'],
  [/\bcarried out once\b/, 'unclear: say "idempotent", "processed once"'],
  [/\b(hence|thereby|whence|lest|thence)\b/, 'old-fashioned: say "so", "therefore"'],
].map(([pattern, reason]) => ({ pattern: new RegExp(pattern, 'gi'), reason }));

const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  '.env.example',
];
const FOLDERS = ['docs', 'deploy', 'src', 'simulator', 'scripts', 'migrations', 'bench', 'proof', 'test'];
/** This list itself, and what is generated from texts that are read. */
const EXEMPT = /^(scripts\/words\.mjs|docs\/openapi\.json|docs\/schema\.sql)$/;

const root = fileURLToPath(new URL('..', import.meta.url));
const asked = process.argv.slice(2);
const found = (asked.length > 0 ? asked : projectFiles()).flatMap(refusedIn);
process.stdout.write(found.map((line) => `${line}\n`).join(''));
process.exitCode = found.length === 0 ? 0 : 1;

/** @returns {string[]} the files of the project that people read, or whose texts they read */
function projectFiles() {
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((name) => join(folder, String(name)))
      .filter(
        (path) => statSync(join(root, path)).isFile() && /\.(md|ts|mjs|ya?ml|sh|py|sql|json)$/.test(path),
      ),
  );
  return [...DOCUMENTS, ...inFolders].filter((path) => !EXEMPT.test(path)).map((path) => join(root, path));
}

/** @returns {string[]} one line for each refused word: place, word, reason */
function refusedIn(path) {
  const text = readFileSync(path, 'utf8');
  const name = relative(root, path);
  const readable = /\.(ts|mjs)$/.test(path) ? textsOfCode(path, text, name.startsWith('test/')) : text;
  return readable
    .split('\n')
    .flatMap((line, index) =>
      REFUSED.flatMap(({ pattern, reason }) =>
        [...line.matchAll(pattern)].map(([word]) => `${name}:${String(index + 1)}: "${word}" is ${reason}`),
      ),
    );
}

/** Everything but comments and strings is replaced by blanks, so that lines keep their numbers; of a test only its titles are left. */
function textsOfCode(path, text, isTest) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const strings = [];
  const identifiers = [];
  const titles = [];
  const visit = (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      // one word is an identifier: a code, a column, a field
      (/\s/.test(node.text) ? strings : identifiers).push([node.getStart(source), node.end]);
    } else if (ts.isRegularExpressionLiteral(node)) {
      identifiers.push([node.getStart(source), node.end]);
    }
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText(source))) {
      const title = node.arguments[0];
      if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        titles.push([title.getStart(source), title.end]);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  if (isTest) return keep(text, titles);
  const withoutStrings = erase(text, [...strings, ...identifiers]);
  const comments = [...withoutStrings.matchAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g)].map((match) => [
    match.index,
    match.index + match[0].length,
  ]);
  return keep(text, [...strings, ...comments]);
}

/** @returns {string} blanks of the same length and lines */
function blank(text) {
  return text.replace(/[^\n]/g, ' ');
}

/** @returns {string} the text with everything outside the ranges blanked */
function keep(text, ranges) {
  return paint(text, ranges, (inside) => inside, blank);
}

/** @returns {string} the text with everything inside the ranges blanked */
function erase(text, ranges) {
  return paint(text, ranges, blank, (outside) => outside);
}

/** Of ranges that overlap, the one that begins first counts. */
function paint(text, ranges, inside, outside) {
  let painted = '';
  let at = 0;
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    if (from < at) continue;
    painted += outside(text.slice(at, from)) + inside(text.slice(from, to));
    at = to;
  }
  return painted + outside(text.slice(at));
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Every Markdown file of the project. */
const DOCUMENTS = [
  ...markdownIn('.'),
  ...markdownIn('docs'),
  ...markdownIn('docs/decisions'),
  ...markdownIn('deploy/kubernetes'),
];

/** Records of the past: they may name files that no longer exist. */
const RECORDS = ['CHANGELOG.md', 'docs/faults.md'];

function markdownIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

interface Link {
  readonly from: string;
  readonly to: string;
}

/** Links within the project; code is left out. */
function linksOf(document: string): readonly Link[] {
  const text = readFileSync(document, 'utf8').replaceAll(/```[^]*?```|`[^`\n]*`/g, '');
  const targets = Array.from(
    text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g),
    ([, a, b]) => a ?? b ?? '',
  );
  return targets.filter((to) => !/^[a-z]+:/.test(to)).map((to) => ({ from: document, to }));
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(document: string): readonly string[] {
  const headings = readFileSync(document, 'utf8').matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    const broken = DOCUMENTS.flatMap(linksOf).filter(({ from, to }) => {
      const [path = '', anchor] = to.split('#');
      const file = path === '' ? from : normalize(join(dirname(from), path));
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  it('name files and scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object };
    const missing = DOCUMENTS.filter((document) => !RECORDS.includes(document)).flatMap((document) => {
      const text = readFileSync(document, 'utf8');
      const files = text.matchAll(
        /(?<![\w/.-])(?:src|test|scripts|migrations|bench|simulator)\/[\w./-]+\.\w+/g,
      );
      const runs = text.matchAll(/npm run (?:--silent )?([\w:]+)/g);
      return [
        ...Array.from(files, ([file]) => file).filter((file) => !existsSync(file)),
        ...Array.from(runs, ([, name = '']) => name).filter((name) => !(name in scripts)),
      ].map((name) => `${document}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('keep the README short: fewer than 900 words', () => {
    expect(readFileSync('README.md', 'utf8').split(/\s+/).length).toBeLessThan(900);
  });

  it('name every route in docs/api.md', () => {
    const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as { paths: object };
    const nameless = (text: string): string => text.replaceAll(/\{[^}]*\}/g, '{}');
    const api = nameless(readFileSync('docs/api.md', 'utf8'));
    const missing = Object.keys(paths).filter((path) => {
      const [resource = '', action] = nameless(path.replace('/v1/projects/{project_id}', '')).split(':');
      // of a resource with several actions the table names the later ones alone
      const isNamed =
        action === undefined || api.includes(`${resource}:${action}`) || api.includes(`:${action}\``);
      return !api.includes(resource) || !isNamed;
    });
    expect(missing).toEqual([]);
  });
});

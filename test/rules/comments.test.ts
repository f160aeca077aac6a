import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['src', 'migrations', 'simulator', 'proof', 'bench', 'test'];

/** Every TypeScript file of the project, by its path. */
const FILES = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

/** The TypeScript files that comments name. */
function namedIn(file: string): readonly string[] {
  const comments = readFileSync(file, 'utf8').matchAll(/\/\*[^]*?\*\/|(?<!:)\/\/.*/g);
  return Array.from(comments, ([comment]) => comment.match(/[\w./-]*[\w-]\.ts\b/g) ?? []).flat();
}

it('comments name files that exist', () => {
  const missing = FILES.flatMap((file) =>
    namedIn(file)
      .filter((name) => !FILES.some((path) => path === name || path.endsWith(`/${name}`)))
      .map((name) => `${file}: ${name}`),
  );
  expect(missing).toEqual([]);
});

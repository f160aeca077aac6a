import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Runs, in a folder, the commands that docs/operations.md has for one kind of Postgres, which one program tells from others. */
export function runDocumented(
  what: 'back up' | 'restore',
  program: 'pg_dump' | 'tar',
  folder: string,
  env: Readonly<Record<string, string>>,
): void {
  const document = readFileSync('docs/operations.md', 'utf8');
  const blocks = Array.from(
    document.matchAll(/<!-- commands: [^>]*-->\n\n```sh\n([^]*?)```/g),
    ([, block]) => block ?? '',
  );
  const block = blocks.find((text) => text.includes(program)) ?? '';
  const part = block.split(/^(?=# )/m).find((text) => text.startsWith(`# ${what}`));
  if (part === undefined) throw new Error(`docs/operations.md has no commands with ${program} to ${what}`);
  execFileSync('sh', ['-eu', '-c', part], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

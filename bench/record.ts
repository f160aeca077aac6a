import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';

const folder = 'docs/proof';

/**
 * Appends what a run found to `docs/proof/<id>.jsonl`, a line a sitting, with its day and the commit that it was of.
 *
 * `scripts/documents.mjs` makes the tables of docs/reliability.md from these files.
 */
export function record(id: string, found: object): void {
  const date = new Date().toISOString().slice(0, 10);
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], {
    encoding: 'utf8',
  });
  mkdirSync(folder, { recursive: true });
  appendFileSync(`${folder}/${id}.jsonl`, `${JSON.stringify({ date, commit: commit.trim(), ...found })}\n`);
}

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns the exit code of the check of one file, and the words that it refuses */
function check(
  name: string,
  text: string,
): { readonly code: number | null; readonly words: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'mirror-words-'));
  try {
    const file = join(folder, name);
    writeFileSync(file, text);
    const { status, stdout } = spawnSync(process.execPath, ['scripts/words.mjs', file], { encoding: 'utf8' });
    return { code: status, words: [...stdout.matchAll(/"([^"]+)" is /g)].map(([, word]) => word ?? '') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('refuses unclear words in documents, and in comments and texts of code', () => {
  expect(check('a.md', 'Whoever asks is told.\n')).toEqual({ code: 1, words: ['told', 'Whoever'] });
  const code = "// it goes on\nconst told = 'the contact is gone';\n/* a list,\n some of which fit */\n";
  expect(check('a.ts', code)).toEqual({ code: 1, words: ['goes on', 'is gone', 'of which'] });
});

it('lets identifiers and codes be', () => {
  const code = "const told = row.gone_version;\nconst kind = 'told';\nconst pattern = /told of/;\n";
  expect(check('a.ts', code)).toEqual({ code: 0, words: [] });
});

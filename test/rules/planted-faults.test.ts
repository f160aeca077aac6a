import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { FAULTS, linkPackages, planted } from '../../proof/faults';

describe('the faults that are planted to test the tests', () => {
  it.each(FAULTS)('apply to the source as it is, and leave it readable: $name ($caughtBy)', (fault) => {
    const text = planted(readFileSync(fault.file, 'utf8'), fault);
    expect(text).not.toBe(readFileSync(fault.file, 'utf8'));
    parseSync(text, { syntax: 'typescript', decorators: true, target: 'es2023' });
  });

  it.each([...new Set(FAULTS.map(({ caughtBy }) => caughtBy))])(
    'are looked for by what there is: %s',
    (name) => {
      expect(existsSync(name.startsWith('test/') ? name : `proof/${name.toLowerCase()}.ts`)).toBe(true);
    },
  );

  it('each have a name of their own among those that the same test looks for', () => {
    const names = FAULTS.map(({ name, caughtBy }) => `${name} (${caughtBy})`);
    expect([...new Set(names)]).toEqual(names);
  });
});

describe('the packages of the copy that faults are planted in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mirror-packages-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('can be removed, as npm ci does, without a loss of the original', () => {
    const [original, copy] = [join(folder, 'original'), join(folder, 'copy')];
    const files = ['.package-lock.json', 'plain/index.js', '@scope/inner/index.js'];
    for (const file of files) {
      mkdirSync(join(original, file, '..'), { recursive: true });
      writeFileSync(join(original, file), file);
    }
    linkPackages(original, copy);
    for (const file of files) expect(readFileSync(join(copy, file), 'utf8')).toBe(file);
    for (const name of readdirSync(copy)) rmSync(join(copy, name), { recursive: true });
    for (const file of files) expect(readFileSync(join(original, file), 'utf8')).toBe(file);
  });
});

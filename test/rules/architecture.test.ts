import { existsSync, readFileSync } from 'node:fs';

describe('ARCHITECTURE.md', () => {
  it('names files that are there', () => {
    const named = readFileSync('ARCHITECTURE.md', 'utf8').matchAll(
      /`((?:src|test|docs|scripts)\/[\w./-]+\.\w+)`/g,
    );
    const missing = [...named].map(([, path = '']) => path).filter((path) => !existsSync(path));
    expect(missing).toEqual([]);
  });
});

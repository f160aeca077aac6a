import { readFileSync } from 'node:fs';
import { CONFIG_VARIABLES, type ConfigVariable } from '../../src/config-variables';

/** The cells of the README's configuration table, its head left out. */
function tableRows(): readonly (readonly string[])[] {
  const readme = readFileSync('README.md', 'utf8');
  const table =
    /<!-- configuration table[^>]*-->([^]*?)<!-- end of configuration table -->/.exec(readme)?.[1] ?? '';
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('the README', () => {
  it('tells of every variable what the configuration says', () => {
    const said = CONFIG_VARIABLES.map(({ name, unit, default: assumed, limit, meaning }: ConfigVariable) => [
      `\`${name}\``,
      unit ?? '',
      assumed ?? '',
      limit,
      meaning,
    ]);
    expect(tableRows()).toEqual(said);
  });
});

/**
 * Whether a version lies in a range of the two forms that package.json uses: `^a.b.c` and `>=a.b.c`, joined by `||`.
 *
 * (`scripts/setup.mjs` asks the same before there is a build.)
 */
export function fitsRange(version: string, range: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return range.split('||').some((part) => {
    const [, operator, ...least] = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part) ?? [];
    const [leastMajor = Infinity, leastMinor = 0, leastPatch = 0] = least.map(Number);
    if (major !== leastMajor) return operator === '>=' && major > leastMajor;
    return minor > leastMinor || (minor === leastMinor && patch >= leastPatch);
  });
}

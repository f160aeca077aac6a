/** Names that are shorter are like too many others. */
const lengthMin = 8;
/** From so many characters on, two slips are looked for, below one. */
const lengthOfTwo = 12;

/**
 * Finds the name that another one is probably a misspelling of: the nearest that differs by one or two letters which are
 * missing, too many, wrong or swapped, or in nothing but upper and lower case.
 *
 * @returns null: it is like none, or like short ones alone
 */
export function findNearName(given: string, known: readonly string[]): string | null {
  const text = given.toUpperCase();
  let [nearest, least]: [string | null, number] = [null, Infinity];
  for (const name of known) {
    const slipsMax = name.length < lengthMin ? 0 : name.length < lengthOfTwo ? 1 : 2;
    if (slipsMax === 0 || Math.abs(name.length - text.length) > slipsMax) continue;
    const slips = slipsBetween(text, name);
    if (slips <= slipsMax && slips < least) [nearest, least] = [name, slips];
  }
  return nearest;
}

/** How many letters have to be put in, taken out, changed or swapped with the next, to make one text of the other. */
function slipsBetween(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(
        Math.min(
          at(row, j) + 1,
          at(next, j - 1) + 1,
          at(row, j - 1) + (isSame ? 0 : 1),
          isSwapped ? at(before, j - 2) + 1 : Infinity,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], place: number): number {
  return row[place] ?? Infinity;
}

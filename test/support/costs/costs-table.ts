/** What some work costs in Postgres. */
export interface Cost {
  /** Without those that only begin and end transactions and set what they work as. */
  readonly statements: number;
  /** Those. */
  readonly framing: number;
  /** Rows that statements returned or wrote. */
  readonly rows: number;
  /** Pages of tables and indexes that statements looked at, each time that they did. */
  readonly buffers: number;
}

/** Costs by what they are for. */
export type Costs = ReadonlyMap<string, Cost>;

/** A part of the table, with a heading of its own. */
export interface Section {
  readonly title: string;
  readonly costs: Costs;
}

const FIGURES = ['statements', 'framing', 'rows', 'buffers'] as const;
/** As the table and messages name them. */
const NAMES = { statements: 'statements', framing: 'begin, set, commit', rows: 'rows', buffers: 'buffers' };
/** How far buffers may differ: a part of them, or a page where there are few. */
const buffersPartMax = 0.2;
const buffersMin = 1;

const PLACE = /(<!-- costs:[^>]*-->)[^]*?(<!-- end of costs -->)/;

/** The costs that a document's tables show. */
export function readCosts(document: string): Costs {
  const [text = ''] = PLACE.exec(document) ?? [];
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim());
      const [statements = NaN, framing = NaN, rows = NaN, buffers = NaN] = cells
        .slice(0, FIGURES.length)
        .map((cell) => Number.parseInt(cell, 10));
      return Number.isNaN(buffers) ? [] : [[name, { statements, framing, rows, buffers }] as const];
    }),
  );
}

/** The document with these costs in its tables; a row that still holds stays unchanged. */
export function writeCosts(document: string, sections: readonly Section[]): string {
  if (!PLACE.test(document)) throw new Error('The document has no place for costs.');
  const before = readCosts(document);
  const text = sections.map((section) => sectionText(section, before)).join('\n\n');
  return document.replace(PLACE, (_, begin: string, end: string) => `${begin}\n\n${text}\n\n${end}`);
}

function sectionText({ title, costs }: Section, before: Costs): string {
  const rows = [...costs].map(([name, now]) => {
    const known = before.get(name);
    const cost = known !== undefined && changesOf(known, now).length === 0 ? known : now;
    return [name, ...FIGURES.map((figure) => String(cost[figure]))];
  });
  const head = ['', ...FIGURES.map((figure) => NAMES[figure])];
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [`## ${title}`, '', line(head), line(rule), ...rows.map(line)].join('\n');
}

/** What differs between two costs of the same work, a line for each figure: buffers only where they differ by more than a fifth. */
export function changesOf(before: Cost, now: Cost): readonly string[] {
  return FIGURES.flatMap((figure) => {
    const [was, is] = [before[figure], now[figure]];
    const slack = figure === 'buffers' ? Math.max(buffersMin, buffersPartMax * was) : 0;
    return Math.abs(is - was) <= slack
      ? []
      : [`${NAMES[figure]}: ${was} before, ${is} now (${is > was ? 'dearer' : 'cheaper'})`];
  });
}

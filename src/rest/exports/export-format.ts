import { stringify } from 'csv-stringify/sync';

export const EXPORT_FORMATS = ['ndjson', 'csv'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** How an export is written. */
export interface ExportManner {
  readonly format: ExportFormat;
  /** Whether the first and the last line say where the feed continues and that nothing is missing. */
  readonly markers: boolean;
  /** Whether a byte order mark begins CSV: some spreadsheets take it for UTF-8 only then. */
  readonly bom: boolean;
}

/** What is exported, row by row. */
export interface Exported<Row> {
  /** Names the file. */
  readonly list: string;
  /** Names a row. */
  readonly row: string;
  /** The cells of a row in CSV by the names of their columns; null for an empty one. */
  readonly columns: Readonly<Record<string, (row: Row) => string | null>>;
}

/** How the parts of an export are written, each with its line break. */
export interface ExportWriter<Row> {
  readonly contentType: string;
  /** @param feedToken the `page_token` with which the feed continues from before the export */
  readonly begin: (feedToken: string) => string;
  readonly rows: (rows: readonly Row[]) => string;
  /** That nothing is missing: an export that was cut off has no such line. */
  readonly end: (rowsCount: number) => string;
}

/** The writer of a format. */
export function exportWriter<Row>(manner: ExportManner, exported: Exported<Row>): ExportWriter<Row> {
  return manner.format === 'csv' ? csv(exported, manner) : ndjson(exported, manner);
}

/** Each line an object with one key, which tells what it is. */
function ndjson<Row>({ row }: Exported<Row>, { markers }: ExportManner): ExportWriter<Row> {
  const line = (key: string, value: unknown): string => `${oneLine(JSON.stringify({ [key]: value }))}\n`;
  return {
    contentType: 'application/x-ndjson',
    begin: (feedToken) => (markers ? line('begin', { feed_token: feedToken }) : ''),
    rows: (rows) => rows.map((each) => line(row, each)).join(''),
    end: (rowsCount) => (markers ? line('end', { complete: true, rows: rowsCount }) : ''),
  };
}

/** JSON without the characters that some readers take for line breaks; JSON itself escapes CR and LF. */
function oneLine(json: string): string {
  return json.replaceAll(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Puts a `'` before whatever a spreadsheet may take for a formula: at the begin of a cell, and after what a spreadsheet may
 * take for the begin of another one, since programs of many languages separate cells by semicolons or TABs (OWASP, "CSV
 * injection"). Quotes and blanks before it do not matter.
 */
function guardFormulas(cell: string): string {
  return cell.replaceAll(/(^|[;\t\r\n])(?=[ "]*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r])/g, "$1'");
}

/**
 * RFC 4180, every cell quoted. The first column tells what a row is; the second of the first and the last row holds a word,
 * so that no token begins like a formula. Without markers every row is of one kind, and there is no such column.
 */
function csv<Row>({ row, columns }: Exported<Row>, { markers, bom }: ExportManner): ExportWriter<Row> {
  const cells = Object.values(columns);
  const write = (records: readonly (readonly (string | null)[])[]): string =>
    stringify([...records], {
      record_delimiter: 'windows',
      quoted: true,
      quoted_empty: true,
      cast: { string: guardFormulas },
    });
  const special = (record: string, content: string): readonly (string | null)[] => [
    record,
    content,
    ...cells.slice(1).map(() => null),
  ];
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    begin: (feedToken) => {
      const names = Object.keys(columns);
      const lines = markers ? [['record', ...names], special('begin', `page_token=${feedToken}`)] : [names];
      return `${bom ? '\ufeff' : ''}${write(lines)}`;
    },
    rows: (rows) =>
      write(rows.map((each) => [...(markers ? [row] : []), ...cells.map((cell) => cell(each))])),
    end: (rowsCount) => (markers ? write([special('end', `rows=${rowsCount}`)]) : ''),
  };
}

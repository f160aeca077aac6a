import { stringify } from 'csv-stringify/sync';

export const EXPORT_FORMATS = ['ndjson', 'csv'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

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
  /** @param feedToken the `page_token` with which the feed goes on from before the export */
  readonly begin: (feedToken: string) => string;
  readonly rows: (rows: readonly Row[]) => string;
  /** That nothing is missing: an export that was cut off has no such line. */
  readonly end: (rowsCount: number) => string;
}

/** The writer of a format. */
export function exportWriter<Row>(format: ExportFormat, exported: Exported<Row>): ExportWriter<Row> {
  return format === 'csv' ? csv(exported) : ndjson(exported);
}

/** Each line an object with one key, which tells what it is. */
function ndjson<Row>({ row }: Exported<Row>): ExportWriter<Row> {
  const line = (key: string, value: unknown): string => `${JSON.stringify({ [key]: value })}\n`;
  return {
    contentType: 'application/x-ndjson',
    begin: (feedToken) => line('begin', { feed_token: feedToken }),
    rows: (rows) => rows.map((each) => line(row, each)).join(''),
    end: (rowsCount) => line('end', { complete: true, rows: rowsCount }),
  };
}

/**
 * RFC 4180. The first column tells what a row is; the second of the first and the last row holds a word, so that no token
 * begins like a formula.
 */
function csv<Row>({ row, columns }: Exported<Row>): ExportWriter<Row> {
  const cells = Object.values(columns);
  const write = (records: readonly (readonly (string | null)[])[]): string =>
    stringify([...records], {
      record_delimiter: 'windows',
      // every CR and LF, not only the line breaks that it writes
      quote_record_delimiter: true,
      escape_formulas: true,
    });
  const special = (record: string, content: string): readonly (string | null)[] => [
    record,
    content,
    ...cells.slice(1).map(() => null),
  ];
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    begin: (feedToken) =>
      write([['record', ...Object.keys(columns)], special('begin', `page_token=${feedToken}`)]),
    rows: (rows) => write(rows.map((each) => [row, ...cells.map((cell) => cell(each))])),
    end: (rowsCount) => write([special('end', `rows=${rowsCount}`)]),
  };
}

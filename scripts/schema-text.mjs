/** docs/schema.sql, made of the rows that scripts/schema.sql returns. */

const HEAD = `-- The database schema of this release. Written by scripts/documents.mjs from the catalogue of a migrated database; do not edit.
--
-- To read it with a tool, load it into an empty database: psql -v ON_ERROR_STOP=1 -f docs/schema.sql "$DATABASE_URL"
-- The service makes its own schema at the start (migrations/), and does not start on a database that was loaded from this file.
-- In a real database the roles have eight digits at the end of their names.

set check_function_bodies = off;`;

/** By section of the query. */
const TITLES = {
  1: 'Extensions',
  2: 'Schemas',
  3: 'Roles',
  4: 'Functions',
  5: 'Tables',
  6: 'Constraints',
  7: 'Foreign keys',
  8: 'Indexes',
  9: 'Views',
  10: 'Triggers',
  11: 'Row-level security',
  12: 'Policies',
  13: 'Revoked rights',
  14: 'Granted rights',
  15: 'Comments',
};

/** Sections whose parts have several lines. */
const SPACED = new Set([3, 4, 5, 9]);

export function schemaText(rows) {
  const sections = Object.entries(TITLES).flatMap(([number, title]) => {
    const parts = rows.filter(({ section }) => section === Number(number)).map(({ part }) => part.trim());
    const between = SPACED.has(Number(number)) ? '\n\n' : '\n';
    return parts.length === 0 ? [] : [`-- ${title}\n\n${parts.join(between)}`];
  });
  return `${[HEAD, ...sections].join('\n\n')}\n`;
}

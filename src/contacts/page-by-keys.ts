/**
 * For each contact of a page so many are looked at in order, before the index of names is asked: of the first page few, as most
 * names that are sought are rare; of the pages after it more, as the contacts that have this name fill a page.
 */
const nearPerContact = { first: 5, later: 20 } as const;
/** For each contact of a page so many that have a name are sorted; a name that more have is met often enough in order. */
const sortedPerContact = 40;

/**
 * The statement of a page of the contacts with a part of a name that has several keys.
 *
 * Postgres takes keys for independent of each other, so a common name for rare, and would sort all contacts that have it. So
 * the contacts that follow are looked through first. Where they do not fill the page, the index of names tells whether few
 * have the name: these are sorted by id alone. If many have it, contacts are read in order until the page is full.
 *
 * @param name the parameters of its keys and of its text
 * @param isFirst whether it is the first page
 * @param columns of the rows that it returns
 */
export function pageByKeys(
  conditions: readonly string[],
  follows: string,
  name: { readonly keys: string; readonly part: string },
  size: number,
  isFirst: boolean,
  columns: string,
): string {
  const all = conditions.join(' and ');
  const hasPart = `strpos(display_name, ${name.part}) > 0`;
  const fewMax = sortedPerContact * size;
  const nearMax = size * nearPerContact[isFirst ? 'first' : 'later'];
  return `
      with near as materialized (
        select id, display_name from contact where ${all} and ${follows} order by id limit ${nearMax}
      ),
      nearest as materialized (select id from near where ${hasPart} order by id limit ${size}),
      sought as materialized (
        select id from contact
        where (select count(*) from nearest) < ${size} and ${all} and name_keys @> ${name.keys}::text[] and ${hasPart}
        limit ${fewMax + 1}
      ),
      found (id) as materialized (
        select id from nearest where (select count(*) from nearest) = ${size}
        union all
        (select id from sought where (select count(*) from sought) <= ${fewMax} and ${follows} order by id limit ${size})
        union all
        (select id from contact
         where (select count(*) from sought) > ${fewMax} and ${all} and ${follows} and ${hasPart}
         order by id limit ${size})
      )
      select ${columns}
      from contact
      where project_id = $1 and id = any (array(select id from found))`;
}

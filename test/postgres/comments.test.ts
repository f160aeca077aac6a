import { createDatabase } from '../support/server/database';
import { ask } from '../support/postgres/connections';

it('every table, view and column has a comment, and so have the schemas and functions for SQL', async () => {
  const database = await createDatabase();
  const bare = await ask<{ name: string }>(
    database.ownerUrl,
    `with relation as (
       select c.oid, n.nspname, c.relname
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'v', 'm', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and not exists (select from pg_depend where objid = c.oid and deptype = 'e')
     )
     select format('%s.%s', nspname, relname) as name from relation where coalesce(obj_description(oid, 'pg_class'), '') = ''
     union all
     select format('%s.%s.%s', nspname, relname, attname)
     from relation
     join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped
     where coalesce(col_description(oid, attnum), '') = ''
     union all
     select nspname from pg_namespace
     where nspname in ('mirror', 'one_project') and coalesce(obj_description(oid, 'pg_namespace'), '') = ''
     union all
     select proname from pg_proc
     where pronamespace = 'mirror'::regnamespace and coalesce(obj_description(oid, 'pg_proc'), '') = ''
     order by 1`,
  );
  await database.drop();
  expect(bare).toEqual([]);
});

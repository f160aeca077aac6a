import { StartRefusal } from '../../config/start-refusal';
import type { ProjectReads } from './project-reads';
import { rows } from '../rows';

/**
 * Makes sure that Postgres itself holds projects apart for those who read: the role is the reader's, the tables' names are
 * those of its views, and row-level security applies.
 *
 * @param role the reader's
 * @throws StartRefusal that names what is amiss
 */
export async function requireProjectsApart(reads: ProjectReads, role: string): Promise<void> {
  // any project: the catalogue is asked, not the tables
  const found = rows<{ role: string; table_name: string; is_held: boolean }>(
    await reads.of('').query(PROTECTION),
  );
  const open = found.filter(({ is_held: isHeld }) => !isHeld).map((row) => row.table_name);
  const current = found[0]?.role ?? role;
  if (current !== role)
    throw new StartRefusal(
      `REST would read as the role ${current} instead of ${role}: let DATABASE_URL lead to Postgres itself, without a program between them that changes the role`,
    );
  if (found.length === 0)
    throw new StartRefusal(
      'The schema one_project has no views, so projects are not kept apart: restore the database from a backup',
    );
  if (open.length > 0)
    throw new StartRefusal(
      `The role ${role} could read several projects at once: ${open.join(', ')}. Run as the owner: ${open.map((table) => `alter table ${table} enable row level security`).join('; ')}; if that does not help, restore the database from a backup`,
    );
}

/** Of each table that has a view: whether its name is the view's, and row-level security applies to this role there. */
const PROTECTION = `
select current_user::text as role, t.relname as table_name,
       row_security_active(t.oid) and to_regclass(quote_ident(t.relname)) = v.oid as is_held
from pg_class t
join pg_class v on v.relname = t.relname and v.relnamespace = 'one_project'::regnamespace
where t.relnamespace = 'public'::regnamespace`;

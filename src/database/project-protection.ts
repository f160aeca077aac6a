import { StartRefusal } from '../start-refusal';
import type { ProjectReads } from './project-reads';
import { rows } from './rows';

/**
 * Makes sure that Postgres itself holds projects apart for those who read.
 *
 * @throws StartRefusal that names what is amiss
 */
export async function requireProjectsApart(reads: ProjectReads): Promise<void> {
  // any project: the catalogue is asked, not the tables
  const found = rows<{ role: string; table_name: string; is_held: boolean }>(
    await reads.of('').query(PROTECTION),
  );
  const open = found.filter(({ is_held: isHeld }) => !isHeld).map((row) => row.table_name);
  const role = found[0]?.role ?? 'of the readers';
  if (found.length === 0 || open.length > 0)
    throw new StartRefusal(`The role ${role} could read several projects at once: ${open.join(', ')}`);
}

/** Of each table that has a view: whether row-level security applies to this role there. */
const PROTECTION = `
select current_user as role, t.relname as table_name, row_security_active(t.oid) as is_held
from pg_class t
join pg_class v on v.relname = t.relname and v.relnamespace = 'one_project'::regnamespace
where t.relnamespace = 'public'::regnamespace`;

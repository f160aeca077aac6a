import type { DataSource } from 'typeorm';
import { rows } from '../database/rows';
import { StartRefusal } from '../config/start-refusal';

/**
 * Makes sure that Postgres itself keeps the journal as it is: the service may add to it, and nothing else.
 *
 * @throws StartRefusal that names what is amiss
 */
export async function requireProtectedJournal(database: DataSource): Promise<void> {
  const [state] = rows<{ role: string; may_change: boolean; is_guarded: boolean }>(
    await database.query(PROTECTION),
  );
  if (state?.may_change !== false) {
    const role = state?.role ?? 'of the service';
    throw new StartRefusal(
      `The role ${role} could change the journal: it must only SELECT and INSERT. Run as the owner: revoke update, delete, truncate on audit_event from ${role}, public; if the role is a member of the owner, also revoke that membership`,
    );
  }
  if (!state.is_guarded)
    throw new StartRefusal(
      'The trigger that keeps the journal from being changed is missing, disabled or replaced. Run as the owner: alter table audit_event enable always trigger audit_event_immutable; if that does not help, restore the database from a backup',
    );
}

/** A superuser, and an owner by way of granting, could change the journal whatever the grants say. */
const PROTECTION = `
select current_user as role,
       has_table_privilege('audit_event', 'UPDATE, DELETE, TRUNCATE')
         or has_any_column_privilege('audit_event', 'UPDATE')
         or pg_has_role((select relowner from pg_class where oid = 'audit_event'::regclass), 'MEMBER') as may_change,
       exists (select from pg_trigger
               where tgrelid = 'audit_event'::regclass and tgname = 'audit_event_immutable' and tgenabled = 'A'
                 and tgtype = 58) as is_guarded`; // before each UPDATE, DELETE and TRUNCATE statement (pg_trigger.h)

import type { ParkedEventsRepository, ParkedEventRow } from '../../../src/followers/parked-events.repository';
import { ask } from './connections';

/** Has Postgres refuse every row of the tables that names a contact of the table `tripwire`. */
export async function tripOver(ownerUrl: string, tables: readonly string[]): Promise<void> {
  await ask(
    ownerUrl,
    `create table tripwire (project_id text, contact_id text);
     grant select on tripwire to public;
     create function trip() returns trigger language plpgsql as $$
     begin
       if exists (select from public.tripwire t
                  where t.project_id = new.project_id and to_jsonb(new)::text like '%"' || t.contact_id || '"%') then
         raise exception 'tripped' using errcode = '54000';
       end if;
       return new;
     end $$;
     ${tables
       .map(
         (table) =>
           `create trigger trip before insert or update on ${table} for each row execute function trip();`,
       )
       .join('')}`,
  );
}

/** Retries what is parked of a project, in the order that dice give. @returns how many events that were */
export async function retryAll(
  parked: ParkedEventsRepository,
  projectId: string,
  retry: (row: ParkedEventRow) => Promise<void>,
  roll: (sides: number) => number,
): Promise<number> {
  const left = [...(await parked.page({ follower: null, projectIds: [projectId] }, null, 100))];
  const count = left.length;
  while (left.length > 0) {
    const [row] = left.splice(roll(left.length), 1);
    if (row !== undefined) await retry(row);
  }
  return count;
}

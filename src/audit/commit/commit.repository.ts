import type { Session, Statement } from '../../database/session';
import { arrayLiteral } from '../../base/array-literal.rule';
import { bigintArray, byteaArray, hexArray, textArray, timeArray } from '../../base/binary-array.rule';
import { flatMapInTurns } from '../../base/in-turns';
import type { ContactEvent } from './contact-event.rule';
import { contactIdsOf, registerChangesOf, join, positionOf, type RegisterChange } from './mirror.rule';
import { currentReading, projectionsOf, valuesDigest, type Projections } from './projections.rule';

/** What a batch leaves of one contact. */
interface ContactRow extends RegisterChange {
  readonly projectId: string;
}

/** A batch as a statement and its parameters. */
export interface Batch {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/**
 * Takes several turns of the event loop where the events say much.
 *
 * @param era the era in which the session writes, from `claimEra`
 * @param events one alone, where it goes alone
 */
export async function batchOf(era: number, events: readonly ContactEvent[]): Promise<Batch> {
  const [statement] = events.flatMap((event) => statementOf(event) ?? []);
  if (statement !== undefined) return { statement, values: [era, ...journalColumns(events)] };
  const rows = foldBatch(events);
  const searched = await flatMapInTurns(rows, (row) => [searchedOf(row)]);
  return {
    statement: COMMIT_BATCH,
    values: [era, ...journalColumns(events), ...mapColumns(rows, searched)],
  };
}

/** Whether an event is a batch of its own: it is kept only if what it tells can be done, by the same statement. */
export function goesAlone(event: ContactEvent): boolean {
  return statementOf(event) !== null;
}

/**
 * Commits a batch: the journal and what the events do in one statement, so together or not at all.
 *
 * Takes every event, new or repeated, in any order; rows are locked in key order, so replicas cannot deadlock.
 *
 * @returns false where nothing was written, since the one event would have changed nothing
 * @throws DatabaseError with the SQLSTATE that the commit queue sorts
 */
export async function commitBatch(session: Session, { statement, values }: Batch): Promise<boolean> {
  const written = await session.run(statement, values);
  return statement === COMMIT_BATCH || written.length > 0;
}

/** The statement of an event that goes alone; null for those that go together. */
function statementOf({ notification: { content } }: ContactEvent): Statement | null {
  if (content.trigger === 'reference.set') return SET_REFERENCE;
  return content.trigger === 'reference.removed' ? REMOVE_REFERENCE : null;
}

/** One row a contact: a statement may touch a row once only. */
function foldBatch(events: readonly ContactEvent[]): readonly ContactRow[] {
  const rows = new Map<string, ContactRow>();
  for (const { notification } of events) {
    const { projectId } = notification;
    for (const effect of registerChangesOf(notification)) {
      const key = `${projectId}\0${effect.contactId}`;
      const row = rows.get(key);
      rows.set(key, {
        projectId,
        contactId: effect.contactId,
        ...(row === undefined ? effect : join(row, effect)),
      });
    }
  }
  return [...rows.values()];
}

/** In the order of the first `unnest`. */
function journalColumns(events: readonly ContactEvent[]): readonly Buffer[] {
  const ids = events.map((event) => contactIdsOf(event.notification.content));
  return [
    textArray(events.map((event) => event.notification.projectId)),
    textArray(events.map((event) => event.notification.content.trigger)),
    textArray(ids.map(([contactId]) => contactId)),
    textArray(ids.map(([, ...related]) => arrayLiteral(related))),
    textArray(events.map((event) => event.notification.appId)),
    timeArray(events.map((event) => event.notification.version)),
    bigintArray(events.map((event) => event.notification.version)),
    hexArray(events.map((event) => positionOf(event.notification).tieBreak)),
    timeArray(events.map((event) => event.receivedAt)),
    textArray(events.map((event) => event.source)),
    textArray(events.map((event) => event.actor)),
    hexArray(events.map((event) => event.notification.fingerprint)),
    textArray(events.map((event) => event.signature && JSON.stringify(event.signature))),
    byteaArray(events.map((event) => event.payload)),
  ];
}

/** What a row is searched by, its lists as texts: `unnest` would flatten lists of lists. */
interface Searched extends Omit<Projections, 'nameKeys' | 'identityKeys' | 'identityPhones'> {
  readonly nameKeys: string;
  readonly identityKeys: string;
  readonly identityPhones: string;
}

const NOWHERE: Projections = {
  displayName: null,
  nameKeys: [],
  email: null,
  externalId: null,
  language: null,
  identityKeys: [],
  identityPhones: [],
};

function searchedOf({ says }: ContactRow): Searched {
  const projections = says === null ? NOWHERE : projectionsOf(says.snapshot);
  return {
    ...projections,
    nameKeys: arrayLiteral(projections.nameKeys),
    identityKeys: arrayLiteral(projections.identityKeys),
    identityPhones: arrayLiteral(projections.identityPhones),
  };
}

/** In the order of the second `unnest`. A contact known only as gone says nothing: version −1, which any snapshot beats. */
function mapColumns(rows: readonly ContactRow[], searched: readonly Searched[]): readonly Buffer[] {
  return [
    textArray(rows.map((row) => row.projectId)),
    textArray(rows.map((row) => row.contactId)),
    bigintArray(rows.map((row) => row.says?.version ?? -1n)),
    hexArray(rows.map((row) => row.says?.tieBreak ?? '')),
    textArray(rows.map((row) => row.says?.snapshot.json ?? '{}')),
    textArray(searched.map(({ displayName }) => displayName)),
    textArray(searched.map(({ nameKeys }) => nameKeys)),
    textArray(searched.map(({ email }) => email)),
    textArray(searched.map(({ externalId }) => externalId)),
    textArray(searched.map(({ language }) => language)),
    textArray(searched.map(({ identityKeys }) => identityKeys)),
    textArray(searched.map(({ identityPhones }) => identityPhones)),
    textArray(rows.map((row) => row.went?.gone ?? null)),
    textArray(rows.map((row) => row.went?.survivorId ?? null)),
    bigintArray(rows.map((row) => row.went?.version ?? null)),
    hexArray(rows.map((row) => row.went?.tieBreak ?? null)),
    bigintArray(rows.map((row) => row.says && valuesDigest(row.says.snapshot))),
  ];
}

const EVENT = `event as (
  select *
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[], $9::bytea[],
              $10::timestamptz[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::bytea[])
    as e (project_id, type, contact_id, related_contact_ids, app_id, accepted_at, version, tie_break,
          received_at, source, actor, fingerprint, signature, payload)
)`;

const INTO_JOURNAL = `insert into audit_event (era, project_id, type, contact_id, related_contact_ids, app_id, accepted_at, version, tie_break,
                           received_at, source, actor, fingerprint, signature, payload)
  select $1::int, project_id, type, contact_id, related_contact_ids::text[], app_id, accepted_at, version, tie_break,
         received_at, source, actor, fingerprint, signature::jsonb, payload
  from event`;

/** The name of a reference stands in the payload, the only place in the journal for it. */
const SAID = `said as (select convert_from(payload, 'UTF8')::jsonb as name from event)`;

/** Does a change, and appends its event where the change did something; returns a row then, and else none. */
const appendIfChanged = (change: string): string => `
with ${EVENT},
${SAID},
change as (${change})
${INTO_JOURNAL}
where exists (select from change)
returning id`;

/** Of two who give one name at once, one is first: the other's event is not kept. */
const SET_REFERENCE: Statement = {
  name: 'set-reference',
  text: appendIfChanged(`
  insert into contact_reference (project_id, system, external_id, contact_id, created_by)
  select e.project_id, s.name ->> 'system', s.name ->> 'external_id', e.contact_id, e.actor
  from event e
  cross join said s
  on conflict (project_id, system, external_id) do nothing
  returning contact_id`),
};

/** Removes a reference from the contact that it was given to; if another contact has it by now, that contact keeps it. */
const REMOVE_REFERENCE: Statement = {
  name: 'remove-reference',
  text: appendIfChanged(`
  delete from contact_reference r
  using event e, said s
  where r.project_id = e.project_id and r.system = s.name ->> 'system' and r.external_id = s.name ->> 'external_id'
    and r.contact_id = e.contact_id
  returning r.contact_id`),
};

/**
 * The law of `mirror.rule.ts` in SQL. `gone` is compared as text: 'merged' > 'deleted' > 'absent', as the law wants it.
 *
 * The outermost `order by` fixes the lock order; the arbiter of the journal is named, since a bare `do nothing` would also
 * swallow a collision of ids.
 */
const COMMIT_BATCH: Statement = {
  name: 'commit-batch',
  text: `
with ${EVENT},
journal as (
  ${INTO_JOURNAL}
  order by project_id collate "C", contact_id collate "C", version, tie_break
  on conflict (project_id, contact_id, version, tie_break) do nothing
)
insert into contact as c (project_id, id, version, tie_break, snapshot, display_name, name_keys, email, external_id, language,
                          identity_keys, identity_phones, projected_by, gone, survivor_id, gone_version, gone_tie_break, values_digest, values_tx)
select project_id, id, version, tie_break, snapshot::json,
       display_name, name_keys::text[], email, external_id, language,
       identity_keys::text[], identity_phones::text[], ${currentReading}, gone, survivor_id, gone_version, gone_tie_break,
       values_digest, pg_current_xact_id()
from unnest($16::text[], $17::text[], $18::bigint[], $19::bytea[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[],
            $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::bytea[], $32::bigint[])
  as r (project_id, id, version, tie_break, snapshot, display_name, name_keys, email, external_id,
        language, identity_keys, identity_phones, gone, survivor_id, gone_version, gone_tie_break, values_digest)
order by project_id collate "C", id collate "C"
on conflict (project_id, id) do update set
  version        = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.version       else c.version       end,
  tie_break      = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.tie_break     else c.tie_break     end,
  snapshot       = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.snapshot      else c.snapshot      end,
  display_name   = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.display_name  else c.display_name  end,
  name_keys      = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.name_keys     else c.name_keys     end,
  email          = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.email         else c.email         end,
  external_id    = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.external_id   else c.external_id   end,
  language       = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.language      else c.language      end,
  identity_keys  = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.identity_keys else c.identity_keys end,
  identity_phones = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.identity_phones else c.identity_phones end,
  projected_by   = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.projected_by  else c.projected_by  end,
  values_digest  = case when (excluded.version, excluded.tie_break) > (c.version, c.tie_break) then excluded.values_digest else c.values_digest end,
  values_tx      = case when c.gone is null and excluded.gone is null
                          and ((excluded.version, excluded.tie_break) <= (c.version, c.tie_break) or excluded.values_digest = c.values_digest)
                        then c.values_tx else excluded.values_tx end,
  (gone, survivor_id, gone_version, gone_tie_break) = (
    select went.gone, went.survivor_id, went.gone_version, went.gone_tie_break
    from (values (c.gone, c.survivor_id, c.gone_version, c.gone_tie_break),
                 (excluded.gone, excluded.survivor_id, excluded.gone_version, excluded.gone_tie_break))
      as went (gone, survivor_id, gone_version, gone_tie_break)
    where went.gone is not null
      and (went.gone <> 'absent'
           or (went.gone_version, went.gone_tie_break) >= (c.version, c.tie_break)
              and (went.gone_version, went.gone_tie_break) >= (excluded.version, excluded.tie_break))
    order by went.gone desc,
             case when went.gone <> 'absent' then went.gone_version end, case when went.gone <> 'absent' then went.gone_tie_break end,
             went.gone_version desc, went.gone_tie_break desc
    limit 1)
where (excluded.version, excluded.tie_break) > (c.version, c.tie_break)
   or excluded.gone > c.gone
   or excluded.gone is not null and c.gone is null
      and (excluded.gone <> 'absent' or (excluded.gone_version, excluded.gone_tie_break) >= (c.version, c.tie_break))
   or excluded.gone = c.gone
      and case when c.gone = 'absent' then (excluded.gone_version, excluded.gone_tie_break) > (c.gone_version, c.gone_tie_break)
               else (excluded.gone_version, excluded.gone_tie_break) < (c.gone_version, c.gone_tie_break) end`,
};

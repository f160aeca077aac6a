import { createHash } from 'node:crypto';
import { currentReading } from '../src/audit/commit/projections.rule';
import { ask } from '../test/support/postgres/connections';
import { callback, contact, PROJECT } from '../test/support/sinch/callbacks';

export const eventsPerContact = 5;
/** How many contacts one statement makes. */
const chunkContacts = 50_000;
const workersCount = 2;

/** The id of a contact by its number, in no order, as Sinch's are over many nodes; `ID` is the same in SQL. */
export function idOf(i: number): string {
  return `01K${md5(String(i)).slice(0, 23).toUpperCase()}`;
}

/** A word of a contact's name. */
export function nameOf(i: number): string {
  return md5(`n${i}`).slice(0, 8);
}

/** Whether the last event of a contact was a merge into the next one, or its deletion. */
export function isGone(i: number): boolean {
  return i % 50 === 1 || i % 70 === 1;
}

/** A callback with new metadata of a contact; its other fields do not change. */
export function updateOf(i: number, metadata: string, acceptedAt: bigint): Buffer {
  const identity = `1${2_000_000_000 + i}`;
  const fields = {
    channel_identities: ['SMS', 'WHATSAPP'].map((channel) => ({ channel, identity, app_id: '' })),
    channel_priority: ['WHATSAPP', 'SMS'],
    display_name: `Name ${nameOf(i)} ${md5(`m${i}`).slice(0, 6)}`,
    email: `user${i % 40 === 5 ? i - 1 : i}@example.com`,
    external_id: `crm-${i}`,
    metadata,
    language: i % 1000 === 2 ? 'FR' : 'EN_US',
  };
  return callback({ update: contact(idOf(i), fields) }, acceptedAt);
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

const ID = `'01K' || upper(substr(md5(i::text), 1, 23))`;

/** In nanoseconds since the epoch: contacts come one a second, their events hour by hour. */
const VERSION = '1718460000000000000 + (e * 3600 + i) * 1000000000';

/** What Sinch says of contact number `i`, at its event `e`. One in forty has the email of the one before it. */
const SNAPSHOT = `json_build_object(
  'id', ${ID},
  'channel_identities', json_build_array(
    json_build_object('channel', 'SMS', 'identity', '1' || (2000000000 + i), 'app_id', ''),
    json_build_object('channel', 'WHATSAPP', 'identity', '1' || (2000000000 + i), 'app_id', '')),
  'channel_priority', json_build_array('WHATSAPP', 'SMS'),
  'display_name', 'Name ' || substr(md5('n' || i), 1, 8) || ' ' || substr(md5('m' || i), 1, 6),
  'email', 'user' || (i - (i % 40 = 5)::int) || '@example.com',
  'external_id', 'crm-' || i,
  'metadata', md5('a' || i || e) || md5('b' || i) || md5('c' || i) || md5('d' || i),
  'language', case when i % 1000 = 2 then 'FR' else 'EN_US' end)`;

/** `nameKeys` of an ASCII name whose words have one blank between them, in the order of their first places. */
const NAME_KEYS = `(
  select array_agg(key order by place)
  from (select substr(' ' || name, at, 3) as key, min(at) as place from generate_series(1, length(name) - 1) at group by key) k)`;

/** `valuesDigest`: the first eight bytes of the SHA-256 over JSON as JavaScript writes it. */
const VALUES_DIGEST = `('x' || left(encode(sha256(convert_to(
  format('["%s","%s","%s",[{"channel":"SMS","identity":"%s","app_id":""},{"channel":"WHATSAPP","identity":"%s","app_id":""}]]',
         s ->> 'email', s ->> 'external_id', s ->> 'language', phone, phone), 'UTF8')), 'hex'), 16))::bit(64)::bigint`;

/** Every 50th was merged into the next one, every 70th deleted, by its last event. `values_tx` is the transaction of SQL's own. */
const CONTACTS = `
insert into contact (project_id, id, version, tie_break, snapshot, display_name, name_keys, email, external_id, language, identity_keys,
                     identity_phones, projected_by, gone, survivor_id, gone_version, gone_tie_break, values_digest, values_tx)
select '${PROJECT}', s ->> 'id', version, '\\x03', s, name, ${NAME_KEYS}, s ->> 'email', s ->> 'external_id', s ->> 'language',
       array['SMS:' || phone, 'tel:' || phone, 'WHATSAPP:' || phone], array[phone, phone], ${currentReading},
       gone, case gone when 'merged' then (select ${ID} from (values (i + 1)) n(i)) end,
       case when gone is not null then version end, case when gone is not null then '\\x05'::bytea end,
       ${VALUES_DIGEST}, pg_current_xact_id()
from generate_series($1::bigint, $2::bigint) i
cross join (values (${eventsPerContact})) last(e)
cross join lateral (select ${SNAPSHOT} as s, ${VERSION} as version, '1' || (2000000000 + i) as phone,
                           case when i % 50 = 1 then 'merged' when i % 70 = 1 then 'deleted' end as gone) c
cross join lateral (select lower(s ->> 'display_name') as name) n`;

/** A creation, then updates; for a merged or deleted contact the last event is its merge or deletion. */
const EVENTS = `
insert into audit_event (era, project_id, type, contact_id, related_contact_ids, app_id, accepted_at, version, tie_break,
                         received_at, source, fingerprint, signature, payload)
select (select max(era) from journal_era), '${PROJECT}', type, case type when 'CONTACT_MERGE' then next else s ->> 'id' end,
       case type when 'CONTACT_MERGE' then array[s ->> 'id'] else '{}' end, '', at, version,
       case type when 'CONTACT_MERGE' then '\\x05' else '\\x03' end::bytea || fingerprint, at + interval '1 s', 'webhook', fingerprint,
       json_build_object('nonce', md5(i || '-' || e)::uuid, 'timestamp', extract(epoch from at)::bigint::text,
                         'signature', encode(fingerprint, 'base64'), 'secret_id', '71d97529'),
       convert_to(json_build_object(
         'app_id', '', 'accepted_time', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'project_id', '${PROJECT}',
         case type when 'CONTACT_CREATE' then 'contact_create_notification' when 'CONTACT_UPDATE' then 'contact_update_notification'
                   when 'CONTACT_DELETE' then 'contact_delete_notification' else 'contact_merge_notification' end,
         case type when 'CONTACT_MERGE' then json_build_object('preserved_contact', json_build_object('id', next), 'deleted_contact', s)
                   else json_build_object('contact', s) end,
         'message_metadata', '')::text, 'UTF8')
from generate_series($1::bigint, $2::bigint) i
cross join generate_series(1, ${eventsPerContact}) e
cross join lateral (select ${SNAPSHOT} as s, ${VERSION} as version,
                           timestamptz '2024-06-15 14:00:00Z' + (e * 3600 + i) * interval '1 second' as at,
                           sha256((i || '|' || e)::bytea) as fingerprint, (select ${ID} from (values (i + 1)) n(i)) as next,
                           case when e = 1 then 'CONTACT_CREATE' when e < ${eventsPerContact} then 'CONTACT_UPDATE'
                                when i % 50 = 1 then 'CONTACT_MERGE' when i % 70 = 1 then 'CONTACT_DELETE' else 'CONTACT_UPDATE' end as type) c`;

/** The emails that two share. */
const SHARED_VALUES = `
insert into shared_value (project_id, digest, contact_id, kind, value)
select '${PROJECT}', sha256('email'::bytea || '\\x00' || email::bytea), ${ID}, 'email', email
from generate_series($1::bigint, $2::bigint) i
cross join lateral (select 'user' || (i - (i % 40 = 5)::int) || '@example.com' as email) c
where i % 40 = 5 or i % 40 = 4 and i < $3`;

/** Their sets, all open. */
const DUPLICATES = `
insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
select '${PROJECT}', 'open', array[least(a, b), greatest(a, b)], 2, '{email}', '{}', 0, now(), now()
from generate_series($1::bigint, $2::bigint) n
cross join lateral (select (select ${ID} from (values (n - 1)) v(i)) collate "C" as a, (select ${ID} from (values (n)) v(i)) collate "C" as b) pair
where n % 40 = 5`;

/** How each contact was counted. */
const COUNTED = `
insert into counted_contact (project_id, contact_id, status, language, channels, created_version, created_tie_break,
                             created_channel, created_app_id, created_language)
select '${PROJECT}', ${ID}, case when i % 50 = 1 then 'merged' when i % 70 = 1 then 'deleted' else 'active' end, language,
       '{SMS,WHATSAPP}', ${VERSION}, '\\x03'::bytea || sha256((i || '|' || e)::bytea), 'SMS', '', language
from generate_series($1::bigint, $2::bigint) i
cross join (values (1)) first(e)
cross join lateral (select case when i % 1000 = 2 then 'FR' else 'EN_US' end as language) c`;

/** The sums over them. */
const COUNTS = `
insert into project_count (project_id, kind, value, count)
select project_id, kind, value, count(*)
from counted_contact
cross join lateral (select 'status' as kind, status as value
                    union all select 'channel', unnest(channels) where status = 'active'
                    union all select 'language', language where status = 'active'
                    union all select 'merges', '' where status = 'merged') counted
group by project_id, kind, value`;

/** Of each day and value, how many had been created by the end of each quarter of an hour. */
const DAYS = `
insert into acquisition_day (project_id, dimension, day, value, contacts)
with created as (
  select project_id, dimension, (created_version / 86400000000000)::int as day, value,
         (created_version % 86400000000000 / 900000000000)::int as quarter, count(*) as count
  from counted_contact
  cross join lateral (values ('all', ''), ('channel', created_channel), ('app_id', created_app_id), ('language', created_language))
    as d (dimension, value)
  group by 1, 2, 3, 4, 5
),
summed as (
  select project_id, dimension, day, value, quarter,
         sum(coalesce(count, 0)) over (partition by project_id, dimension, day, value order by quarter) as sum
  from (select distinct project_id, dimension, day, value from created) days
  cross join generate_series(0, 95) quarter
  left join created using (project_id, dimension, day, value, quarter)
)
select project_id, dimension, day, value, array_agg(sum::int order by quarter) from summed group by 1, 2, 3, 4`;

/** The cursors of those who follow, at the end of the journal. */
const FOLLOWED = `
insert into follower (name, era, tx, id)
select name, era, tx, id
from (select era, tx, id from audit_event order by era desc, tx desc, id desc limit 1) last
cross join unnest(array['duplicates', 'stats']) name`;

/**
 * Fills a migrated database, which must be empty, with so many contacts and five times as many events by SQL, and with what
 * those who follow the journal keep; nobody else may write meanwhile. `growsAlike` holds it to what the service does.
 */
export async function grow(url: string, contacts: number): Promise<void> {
  const chunks = Array.from(
    { length: Math.ceil(contacts / chunkContacts) },
    (_, n) => n * chunkContacts,
  ).values();
  const work = async (): Promise<void> => {
    for (const from of chunks) {
      const range = [from + 1, Math.min(from + chunkContacts, contacts)];
      for (const statement of [CONTACTS, EVENTS, DUPLICATES, COUNTED]) await ask(url, statement, range);
      await ask(url, SHARED_VALUES, [...range, contacts]);
    }
  };
  await Promise.all(Array.from({ length: workersCount }, work));
  for (const statement of [COUNTS, DAYS, FOLLOWED, 'vacuum analyze']) await ask(url, statement);
}

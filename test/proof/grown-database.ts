import { ask } from '../postgres/connections';
import { PROJECT } from '../sinch/callbacks';

export const eventsPerContact = 5;
/** How many contacts one statement makes. */
const chunkContacts = 50_000;

/** The id of a contact by its number, and the same in SQL: in no order, as Sinch's are over many nodes. */
const ID = `'01K' || upper(substr(md5(i::text), 1, 23))`;

/** What Sinch says of contact number `i`, at its event `e`. */
const SNAPSHOT = `json_build_object(
  'id', ${ID},
  'channel_identities', json_build_array(
    json_build_object('channel', 'SMS', 'identity', '1' || (2000000000 + i), 'app_id', ''),
    json_build_object('channel', 'WHATSAPP', 'identity', '1' || (2000000000 + i), 'app_id', '')),
  'channel_priority', json_build_array('WHATSAPP', 'SMS'),
  'display_name', 'Name ' || substr(md5('n' || i), 1, 8) || ' ' || substr(md5('m' || i), 1, 6),
  'email', 'user' || i || '@example.com',
  'external_id', 'crm-' || i,
  'metadata', md5('a' || i || e) || md5('b' || i) || md5('c' || i) || md5('d' || i),
  'language', case when i % 1000 = 1 then 'FR' else 'EN_US' end)`;

/** Every 50th was merged into the next one, every 70th deleted, by its last event. */
const CONTACTS = `
insert into contact (project_id, id, version, tie_break, snapshot, display_name, email, external_id, language, identity_keys,
                     gone, survivor_id, gone_version, gone_tie_break)
select '${PROJECT}', s ->> 'id', version, '\\x03', s, s ->> 'display_name', s ->> 'email', s ->> 'external_id', s ->> 'language',
       array['SMS:1' || (2000000000 + i), 'WHATSAPP:1' || (2000000000 + i), 'tel:1' || (2000000000 + i)],
       gone, case gone when 'merged' then (select ${ID} from (values (i + 1)) n(i)) end,
       case when gone is not null then version end, case when gone is not null then '\\x05'::bytea end
from generate_series($1::bigint, $2::bigint) i
cross join (values (${eventsPerContact})) last(e)
cross join lateral (select ${SNAPSHOT} as s, 1718460000000000000 + (e * 100000000 + i) * 1000 as version,
                           case when i % 50 = 1 then 'merged' when i % 70 = 1 then 'deleted' end as gone) c`;

/** A creation, then updates, the last of which is a merge or a deletion for those that are gone. */
const EVENTS = `
insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at,
                         source, fingerprint, payload)
select (select max(era) from journal_era), '${PROJECT}', type, case type when 'CONTACT_MERGE' then next else s ->> 'id' end,
       case type when 'CONTACT_MERGE' then array[s ->> 'id'] else '{}' end, at, version,
       case type when 'CONTACT_MERGE' then '\\x05' else '\\x03' end::bytea || fingerprint, at + interval '1 s', 'webhook', fingerprint,
       convert_to(json_build_object(
         'app_id', '', 'accepted_time', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'project_id', '${PROJECT}',
         case type when 'CONTACT_CREATE' then 'contact_create_notification' when 'CONTACT_UPDATE' then 'contact_update_notification'
                   when 'CONTACT_DELETE' then 'contact_delete_notification' else 'contact_merge_notification' end,
         case type when 'CONTACT_MERGE' then json_build_object('preserved_contact', json_build_object('id', next), 'deleted_contact', s)
                   else json_build_object('contact', s) end,
         'message_metadata', '')::text, 'UTF8')
from generate_series($1::bigint, $2::bigint) i
cross join generate_series(1, ${eventsPerContact}) e
cross join lateral (select ${SNAPSHOT} as s, 1718460000000000000 + (e * 100000000 + i) * 1000 as version,
                           timestamptz '2024-06-15 14:00:00Z' + (e * 100000000 + i) * interval '1 microsecond' as at,
                           sha256((i || '|' || e)::bytea) as fingerprint, (select ${ID} from (values (i + 1)) n(i)) as next,
                           case when e = 1 then 'CONTACT_CREATE' when e < ${eventsPerContact} then 'CONTACT_UPDATE'
                                when i % 50 = 1 then 'CONTACT_MERGE' when i % 70 = 1 then 'CONTACT_DELETE' else 'CONTACT_UPDATE' end as type) c`;

/** Open sets of two, one in twenty contacts. */
const DUPLICATES = `
insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
select '${PROJECT}', 'open', array[least(a, b), greatest(a, b)] collate "C", 2, '{email}', '{}', 0, now(), now()
from generate_series($1::bigint + 3, $2::bigint - 1, 40) n
cross join lateral (select (select ${ID} from (values (n)) v(i)) collate "C" as a, (select ${ID} from (values (n + 1)) v(i)) collate "C" as b) pair`;

/**
 * Fills a migrated database with so many contacts and five times as many events, by SQL, as if all of it had been followed;
 * nobody else may write meanwhile.
 */
export async function grow(url: string, contacts: number): Promise<void> {
  for (let from = 1; from <= contacts; from += chunkContacts) {
    const range = [from, Math.min(from + chunkContacts - 1, contacts)];
    for (const statement of [CONTACTS, EVENTS, DUPLICATES]) await ask(url, statement, range);
  }
  await ask(
    url,
    `update follower set (era, tx, id) = (select era, tx, id from audit_event order by era desc, tx desc, id desc limit 1)`,
  );
  await ask(url, 'vacuum analyze');
}

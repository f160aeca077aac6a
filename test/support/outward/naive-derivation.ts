import type { DerivedEvent } from '../../../src/history/derived-event.rule';
import { reconcileMerge } from '../../../src/contacts/merges/reconcile-merge.rule';
import { canonicalJson, type Json, type JsonObject } from '../../../src/json/canonical.rule';

/** A row of the journal, as the model reads it. */
export interface JournalRow {
  readonly id: string;
  readonly type: string;
  readonly contact_id: string;
  readonly related_contact_ids: readonly string[];
  readonly version: string;
  readonly tie_break: string;
  readonly fingerprint: string;
  readonly source: string;
  readonly payload: Buffer;
}

/** What the model makes of an event: all but what is copied from the row. */
export type NaiveEvent = Pick<
  DerivedEvent,
  'type' | 'place' | 'subject' | 'keys' | 'before' | 'after' | 'data'
> & {
  readonly version: string;
  readonly identities: readonly Json[] | null;
};

type Contact = Readonly<Record<string, Json>>;

const EMPTY: Contact = {
  channel_identities: [],
  channel_priority: [],
  display_name: '',
  email: '',
  external_id: '',
  metadata: '',
  language: 'UNSPECIFIED',
};

/**
 * What the rows of a journal, in its order, are told as: a plain model, which looks at all earlier rows for each one.
 *
 * @returns the events of each row
 */
export function deriveNaively(journal: readonly JournalRow[]): readonly (readonly NaiveEvent[])[] {
  return journal.map((row, n) => tell(row, journal.slice(0, n)));
}

function tell(row: JournalRow, past: readonly JournalRow[]): readonly NaiveEvent[] {
  const id = row.contact_id;
  const references = referencesOf(id, past);
  switch (row.type) {
    case 'reference.set':
    case 'reference.removed':
      return [event(row, row.type, 0, id, { data: { contact_id: id, ...parse(row) } })];
    case 'CONTACT_DELETE':
    case 'contact.absent': {
      const known = newest(id, past);
      const isAbsence = row.type === 'contact.absent';
      if (
        isGone(id, past) ||
        (isAbsence && known !== null && (known.type === row.type || stands(known, row) > 0))
      )
        return [];
      const before = snapshot(known, id);
      const data = { contact_id: id, reason: isAbsence ? 'absent' : 'deleted', before, references };
      return [event(row, 'contact.deleted', 0, id, { before, data })];
    }
    case 'CONTACT_CREATE': {
      const isFirst =
        row.source === 'webhook' &&
        !past.some((each) => each.type === row.type && each.contact_id === id && each.source === 'webhook');
      if (!isFirst || isGone(id, past)) return updates(row, past, 0);
      const now = newest(id, [...past, row]);
      const after = snapshot(now, id);
      if (now === null || after === null) return [];
      const created = event(row, 'contact.created', 0, id, {
        version: now.version,
        after,
        data: { contact_id: id, after, references },
      });
      const others = snapshot(newest(id, past), id) === null ? [] : updates(row, past, 0);
      return [created, ...others.filter(({ place }) => place > 0)];
    }
    case 'CONTACT_UPDATE':
      return updates(row, past, 0);
    case 'CONTACT_MERGE':
      return [...merged(row, past), ...updates(row, past, 4)];
    default:
      return [];
  }
}

function merged(row: JournalRow, past: readonly JournalRow[]): readonly NaiveEvent[] {
  const [loser = '', survivor] = [row.related_contact_ids[0], row.contact_id];
  const believed = believedMerge(loser, past);
  if (believedMerge(loser, [...past, row]) !== row || believed?.contact_id === survivor) return [];
  const loserBefore = isGone(loser, past) ? null : snapshot(newest(loser, past), loser);
  const survivorOf = (rows: readonly JournalRow[]): Json =>
    isGone(survivor, past) ? null : snapshot(newest(survivor, rows), survivor);
  const [older] = sorted(tellers(survivor, past).filter((each) => stands(each, row) < 0)).reverse();
  const stated = contactIn(row, survivor);
  const loserFields =
    contactIn(row, loser) ?? (isGone(loser, past) ? null : fieldsOf(newest(loser, past), loser));
  const { moved, kept, dropped } = reconcileMerge(
    older === undefined ? null : fieldsOf(older, survivor),
    loserFields,
    stated ?? {},
  ).identities;
  const from = losers(loser, past).filter((each) => each !== survivor);
  const to = endOf(survivor, [...past, row]);
  const data = {
    contact_id: loser,
    survivor_id: survivor,
    merge_id: Buffer.from(`${loser}\0${survivor}`).toString('base64url'),
    loser_before: loserBefore,
    survivor_before: survivorOf(past),
    survivor_after: survivorOf([...past, row]),
    identities: { moved, kept, dropped },
    redirects: from.map((each) => ({ from: each, to })),
    references: { loser: referencesOf(loser, past), survivor: referencesOf(survivor, past) },
  };
  return [event(row, 'contact.merged', 0, loser, { keys: [loser, survivor], before: loserBefore, data })];
}

function updates(row: JournalRow, past: readonly JournalRow[], first: number): readonly NaiveEvent[] {
  const id = row.contact_id;
  const known = newest(id, past);
  if (isGone(id, past) || (known !== null && stands(known, row) > 0)) return [];
  const before = snapshot(known, id);
  const after = snapshot(row, id);
  if (after === null) return [];
  const changes = differences(before ?? { id, ...EMPTY }, after);
  if (before !== null && changes.length === 0) return [];
  const references = referencesOf(id, past);
  const part = (
    type: NaiveEvent['type'],
    place: number,
    own: JsonObject,
    identities: Json[] | null = null,
  ): NaiveEvent =>
    event(row, type, first + place, id, {
      before,
      after,
      identities,
      data: { contact_id: id, ...own, after, references },
    });
  const [had, has] = [before, after].map((each) =>
    ((each?.['channel_identities'] ?? []) as JsonObject[]).map(identityOf),
  );
  const onlyIn = (some: readonly JsonObject[] = [], others: readonly JsonObject[] = []): JsonObject[] =>
    some.filter(
      (each, n) =>
        !others.some((other) => isSame(each, other)) && some.findIndex((other) => isSame(each, other)) === n,
    );
  const [added, removed] = [onlyIn(has, had), onlyIn(had, has)];
  const metadata = changes.filter(({ pointer }) => pointer.startsWith('/metadata'));
  return [
    part('contact.updated', 0, { before, changed: changes.map(({ pointer }) => pointer).sort() }),
    ...(added.length > 0 ? [part('contact.channel_added', 1, { identities: added }, added)] : []),
    ...(removed.length > 0 ? [part('contact.channel_removed', 2, { identities: removed }, removed)] : []),
    ...(metadata.length > 0 ? [part('contact.metadata_changed', 3, { changes: metadata })] : []),
  ];
}

function identityOf({ channel, identity, app_id }: JsonObject): JsonObject {
  return { channel, identity, app_id: app_id ?? '' };
}

interface Change extends JsonObject {
  readonly pointer: string;
  readonly before: Json;
  readonly after: Json;
}

function differences(before: Contact, after: Contact): readonly Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [had, has] = [valueIn(before, name), valueIn(after, name)];
    const [from, to] = [had, has].map((text) => (text === null ? {} : objectIn(text)));
    if (name !== 'metadata' || !from || !to)
      return isSame(had, has) ? [] : [{ pointer: `/${escape(name)}`, before: had, after: has }];
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].sort().flatMap((key) => {
      const [was, is] = [valueIn(from, key), valueIn(to, key)];
      return isSame(was, is) ? [] : [{ pointer: `/metadata/${escape(key)}`, before: was, after: is }];
    });
  });
}

const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function valueIn(fields: Contact, name: string): Json {
  const value = Object.hasOwn(fields, name) ? (fields[name] ?? null) : null;
  return value === '' ? null : value;
}

function objectIn(text: Json): Contact | null {
  try {
    const value = JSON.parse(typeof text === 'string' ? text : '') as Json;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Contact) : null;
  } catch {
    return null;
  }
}

const isSame = (a: Json, b: Json): boolean => canonicalJson(a) === canonicalJson(b);

/** What tells what a contact is, or that it is absent. */
function tellers(id: string, past: readonly JournalRow[]): readonly JournalRow[] {
  const types = ['CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE', 'contact.absent'];
  return past.filter((each) => each.contact_id === id && types.includes(each.type));
}

function newest(id: string, past: readonly JournalRow[]): JournalRow | null {
  return sorted(tellers(id, past)).at(-1) ?? null;
}

const sorted = (some: readonly JournalRow[]): JournalRow[] => [...some].sort(stands);

function stands(a: JournalRow, b: JournalRow): number {
  const [one, other] = [BigInt(a.version), BigInt(b.version)];
  if (one !== other) return one < other ? -1 : 1;
  return a.tie_break < b.tie_break ? -1 : a.tie_break > b.tie_break ? 1 : 0;
}

function isGone(id: string, past: readonly JournalRow[]): boolean {
  return past.some(
    (each) =>
      (each.type === 'CONTACT_DELETE' && each.contact_id === id) ||
      (each.type === 'CONTACT_MERGE' && each.related_contact_ids[0] === id),
  );
}

/** Of several merges that a contact lost, the earliest. */
function believedMerge(loser: string, past: readonly JournalRow[]): JournalRow | null {
  const keyOf = ({ version, fingerprint }: JournalRow): string => version.padStart(20, '0') + fingerprint;
  const lost = past.filter((each) => each.type === 'CONTACT_MERGE' && each.related_contact_ids[0] === loser);
  // of equal ones the first that came
  return lost.reduce<JournalRow | null>((a, b) => (a !== null && keyOf(a) <= keyOf(b) ? a : b), null);
}

/** A contact and all that was merged into it, the nearest first, each step in the order of versions. */
function losers(id: string, past: readonly JournalRow[]): readonly string[] {
  const found = [id];
  for (const each of found)
    for (const row of sorted(
      past.filter(({ type, contact_id }) => type === 'CONTACT_MERGE' && contact_id === each),
    )) {
      const loser = row.related_contact_ids[0] ?? '';
      const believed = believedMerge(loser, past);
      if (believed?.contact_id === each && !found.includes(loser)) found.push(loser);
    }
  return found;
}

function endOf(survivor: string, past: readonly JournalRow[]): string {
  let end = survivor;
  for (let steps = 0; steps <= past.length; steps++) {
    const next = believedMerge(end, past);
    if (next === null) return end;
    end = next.contact_id;
  }
  return survivor;
}

function referencesOf(id: string, past: readonly JournalRow[]): JsonObject {
  const given = past.filter((each) => each.contact_id === id && each.type.startsWith('reference.'));
  const names = new Map<string, readonly [string, string]>();
  for (const each of given) {
    const { system, external_id } = parse(each) as { readonly system: string; readonly external_id: string };
    const key = `${system}/${external_id}`;
    if (each.type === 'reference.set') names.set(key, [system, external_id]);
    else names.delete(key);
  }
  const systems = [...new Set([...names.values()].map(([system]) => system))].sort();
  return Object.fromEntries(
    systems.map((system) => [
      system,
      [...names.values()]
        .filter(([each]) => each === system)
        .map(([, external]) => external)
        .sort(),
    ]),
  );
}

function event(
  row: JournalRow,
  type: NaiveEvent['type'],
  place: number,
  subject: string,
  own: Partial<NaiveEvent> & Pick<NaiveEvent, 'data'>,
): NaiveEvent {
  const nothing = { before: null, after: null, identities: null, keys: [subject], version: row.version };
  return { type, place, subject, ...nothing, ...own };
}

function parse(row: JournalRow): JsonObject {
  return JSON.parse(row.payload.toString()) as JsonObject;
}

/** A contact as an event tells it, with all fields of Sinch's. */
function snapshot(row: JournalRow | null, id: string): Contact | null {
  const fields = fieldsOf(row, id);
  if (fields === null) return null;
  const given = Object.entries(fields).filter(([name, value]) => !(value === null && name in EMPTY));
  return { id, ...EMPTY, ...Object.fromEntries(given) };
}

function fieldsOf(row: JournalRow | null, id: string): JsonObject | null {
  return row === null || row.type === 'contact.absent' ? null : contactIn(row, id);
}

function contactIn(row: JournalRow, id: string): JsonObject | null {
  const found = Object.values(parse(row)).flatMap((value) =>
    typeof value === 'object' && value !== null ? Object.values(value) : [],
  ) as (JsonObject | string | null)[];
  return (
    found.find(
      (each): each is JsonObject => typeof each === 'object' && each !== null && each['id'] === id,
    ) ?? null
  );
}

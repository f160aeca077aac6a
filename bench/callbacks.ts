import { Random as Chance } from '../simulator/random.rule';
import { writeTime } from '../src/json/read-time.rule';

/** That the callbacks are about. */
export const PROJECT = 'e2df3a34-a71b-4448-9db5-a8d2baad28e4';
/** Crockford's base 32: the alphabet of ULIDs, which Sinch's ids are. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const FIRST_NAMES =
  'Ada Amira Björn Chen Diego Elif Fatima Grace Hugo Ingrid João Kofi Lena Mei Noor Omar Priya'.split(' ');
const LAST_NAMES =
  'Andersson Bauer Costa Dubois Eriksen Fernández García Haddad Ivanova Jones Kim Li Müller'.split(' ');
/** So many contacts are created before anything else happens to them. */
export const contactsMin = 1_000;

/** A contact as the sender remembers it. */
interface Person {
  readonly id: string;
  readonly name: string;
  readonly digits: string;
}

export type Random = () => number;

/** A number from 0 to 1, as `Math.random`, but the same for the same seed. */
export function seededRandom(seed: number): Random {
  const chance = new Chance(seed);
  return () => chance.next();
}

/**
 * Bodies of callbacks about contacts of their own, no two alike: 40 % CREATE, 45 % UPDATE, 5 % DELETE, 7 % MERGE, 3 %
 * DUPLICATION, most of them of 600 to 1,000 bytes.
 *
 * All but CREATE are about a contact that an earlier body created, so any prefix is a history. An UPDATE brings other metadata
 * and, one time in four, another name.
 */
export function* callbacks(random: Random, count: number): Generator<string> {
  const live: Person[] = [];
  const began = BigInt(Date.now()) * 1_000_000n;
  for (let at = 0; at < count; at++) {
    yield JSON.stringify({
      app_id: '',
      accepted_time: writeTime(began + BigInt(at) * 1_000n),
      project_id: PROJECT,
      ...notification(random, live),
      message_metadata: '',
    });
  }
}

function notification(random: Random, live: Person[]): object {
  const dice = random();
  const at = Math.floor(random() * live.length);
  const person = live[at];
  if (dice < 0.4 || person === undefined || live.length < contactsMin) {
    const created = { id: ulid(random), name: name(random), digits: digits(random) };
    live.push(created);
    return { contact_create_notification: { contact: contact(random, created) } };
  }
  if (dice < 0.85) {
    const updated = random() < 0.25 ? { ...person, name: name(random) } : person;
    live[at] = updated;
    return { contact_update_notification: { contact: contact(random, updated) } };
  }
  if (dice < 0.88) {
    const entry = { channel: 'SMS', contact_ids: [person.id, ulid(random)] };
    return { duplicated_contact_identities_notification: { duplicated_identities: [entry] } };
  }
  const last = live.pop() ?? person;
  if (last !== person) live[at] = last;
  if (dice < 0.93) return { contact_delete_notification: { contact: contact(random, person) } };
  const survivor = live[Math.floor(random() * live.length)] ?? last;
  return {
    contact_merge_notification: {
      preserved_contact: contact(random, survivor),
      deleted_contact: contact(random, person),
    },
  };
}

function contact(random: Random, { id, name, digits }: Person): object {
  return {
    id,
    channel_identities: [
      { channel: 'SMS', identity: digits, app_id: '' },
      { channel: 'WHATSAPP', identity: digits, app_id: '' },
      { channel: 'MESSENGER', identity: digits.padStart(16, '7'), app_id: '01EKA07N79THJ20ZSN6AS30TMW' },
    ],
    channel_priority: ['WHATSAPP', 'SMS', 'MESSENGER'],
    display_name: name,
    email: `${digits}@example.com`,
    external_id: `crm-${digits}`,
    metadata: text(random, Math.floor(random() * 400)),
    language: 'EN_US',
  };
}

function ulid(random: Random): string {
  let id = '01KB';
  while (id.length < 26) id += ALPHABET.charAt(Math.floor(random() * 32));
  return id;
}

export function name(random: Random): string {
  const one = (names: readonly string[]) => names[Math.floor(random() * names.length)] ?? '';
  return `${one(FIRST_NAMES)} ${one(LAST_NAMES)}`;
}

export function digits(random: Random): string {
  return `1${String(Math.floor(random() * 1e10)).padStart(10, '0')}`;
}

export function text(random: Random, length: number): string {
  let written = '';
  while (written.length < length) written += Math.floor(random() * 2 ** 30).toString(36);
  return written.slice(0, length);
}

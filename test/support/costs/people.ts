import type { ContactEvent } from '../../../src/audit/commit/contact-event.rule';
import { readPayload } from '../../../src/audit/commit/read-notification.rule';
import { callback, type Told } from '../sinch/callbacks';
import { inProject } from '../sinch/histories';
import { BEGIN } from '../postgres/events';

/** Whose costs are counted; of the other project are some of the rows that must cost nothing. */
export const PROJECT = 'counted';
const OTHER_PROJECT = 'another';

const otherPeopleCount = 300;
/** It has a long history, and others were merged into it. */
export const BUSY = 500;
const busyUpdates = 150;
const busyLosers = 10;
/** Each of these was merged into the next. */
export const CHAIN: readonly [first: number, last: number] = [600, 610];
/** Its name is nobody else's. */
const RARE = 77;

const FIRST_NAMES =
  'Ada Amira Björn Chen Diego Elif Fatima Grace Hugo Ingrid João Kofi Lena Mei Noor Omar Priya'.split(' ');
const LAST_NAMES =
  'Andersson Bauer Costa Dubois Eriksen Fernández García Haddad Ivanova Jones Kim Li Müller'.split(' ');

/** Ids have the length of Sinch's. */
export const id = (n: number): string => `01KC${String(n).padStart(22, '0')}`;
export const phone = (n: number): string => `1555${String(n).padStart(7, '0')}`;
export const email = (n: number): string => `person${n}@example.com`;

/**
 * A contact of a usual size. Every twentieth shares its address with the one before, every fortieth its number.
 *
 * @param edition each has other metadata
 */
export function person(n: number, edition = 0): Record<string, unknown> {
  const name = `${FIRST_NAMES[n % FIRST_NAMES.length]} ${LAST_NAMES[(n * 7) % LAST_NAMES.length]}`;
  const number = phone(n % 40 === 31 ? n - 1 : n);
  return {
    id: id(n),
    channel_identities: [
      { channel: 'SMS', identity: number, app_id: '' },
      { channel: 'WHATSAPP', identity: number, app_id: '' },
      { channel: 'MESSENGER', identity: phone(n).padStart(16, '7'), app_id: '01EKA07N79THJ20ZSN6AS30TMW' },
    ],
    channel_priority: ['WHATSAPP', 'SMS', 'MESSENGER'],
    display_name: n === RARE ? 'Zoë Жукова' : name,
    email: email(n % 20 === 19 ? n - 1 : n),
    external_id: `crm-${n}`,
    metadata: JSON.stringify({ edition, note: 'x'.repeat((n * 37) % 400) }),
    language: n % 3 === 0 ? 'DE' : 'EN_US',
  };
}

/**
 * A history, in the order of the journal: each contact is created, then some of the first are updated, deleted, merged and reported
 * as duplicates.
 *
 * @param eventful how many contacts have more events than their creation; 1,000 at least
 */
export function* past(people: number, eventful: number): Generator<ContactEvent> {
  let at = 0;
  for (const change of changes(people, eventful)) yield eventAt(change, at++);
  for (let n = 0; n < otherPeopleCount; n++) yield eventAt({ create: person(n) }, n, OTHER_PROJECT);
}

function* changes(people: number, eventful: number): Generator<Told> {
  for (let n = 0; n < people; n++) yield { create: person(n) };
  for (let n = 0; n < eventful; n += 2) yield { update: person(n, 1) };
  for (let n = 0; n < busyUpdates; n++) yield { update: person(BUSY, n + 2) };
  for (let n = 7; n < eventful; n += 50) yield { delete: person(n) };
  for (let n = 3; n < eventful; n += 25) yield merge(n, n + 1);
  for (let n = 0; n < busyLosers; n++) yield merge(BUSY + 10 + n, BUSY);
  for (let n = CHAIN[0]; n < CHAIN[1]; n++) yield merge(n, n + 1);
  for (let n = 20; n < eventful; n += 50) yield duplication(n, n + 1);
}

export const merge = (loser: number, survivor: number): Told => ({
  merge: { survivor: person(survivor, 3), loser: person(loser) },
});

export const duplication = (one: number, another: number): Told => ({
  duplicates: [{ channel: 'SMS', contact_ids: [id(one), id(another)] }],
});

/** The moment of the n-th event: two seconds each. */
export const momentOf = (n: number): bigint => BEGIN + BigInt(n) * 2_000_000_000n;

export const bodyAt = (told: Told, n: number, project = PROJECT): Buffer =>
  inProject(callback(told, momentOf(n)), project);

export function eventAt(told: Told, n: number, project = PROJECT): ContactEvent {
  const payload = bodyAt(told, n, project);
  const reading = readPayload(payload);
  if (reading.kind !== 'event') throw new Error(`Not an event: ${payload.toString()}`);
  const { notification } = reading;
  return {
    notification,
    payload,
    receivedAt: momentOf(n + 1),
    source: 'webhook',
    actor: null,
    signature: null,
  };
}

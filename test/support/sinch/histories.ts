import fc from 'fast-check';
import { foundAbsent } from '../../../src/audit/commit/fetched.rule';
import type { Notification } from '../../../src/audit/commit/read-notification.rule';
import { callback, contact, PROJECT, type Told } from './callbacks';

/** A time of 2024 at which generated histories begin, in nanoseconds since the epoch. */
const BEGIN = 1_718_460_000_000_000_000n;
const IDS = ['A', 'B', 'C', 'D'] as const;

const anId = fc.constantFrom(...IDS);
/** Few times, so that equal ones, and ones a nanosecond apart, are common. */
const aTime = fc.constantFrom(0n, 0n, 1n, 2n, 1_000_000n, 3_600_000_000_000n).map((offset) => BEGIN + offset);
const aContact = (id: string): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .record({
      display_name: fc.constantFrom('Ann', 'Bob', ''),
      metadata: fc.constantFrom('', '{"tier":"gold"}'),
    })
    .map((fields) => contact(id, fields));

const aMergeOf = (survivor: string, loser: string): fc.Arbitrary<Told> =>
  fc.record({ merge: fc.record({ survivor: aContact(survivor), loser: aContact(loser) }) });

const aMerge = fc
  .tuple(anId, anId)
  .filter(([survivor, loser]) => survivor !== loser)
  .chain(([survivor, loser]) => aMergeOf(survivor, loser));

/** What one callback may tell: gone contacts and merges are as common as news, so that they meet. */
const aTale: fc.Arbitrary<Told> = fc.oneof(
  anId.chain(aContact).map((create) => ({ create })),
  anId.chain(aContact).map((update) => ({ update })),
  anId.chain(aContact).map((gone) => ({ delete: gone })),
  aMerge,
  aMerge,
  fc
    .shuffledSubarray([...IDS], { minLength: 2 })
    .map((ids) => ({ duplicates: [{ channel: 'SMS', contact_ids: ids }] })),
);

/** What chance brings together too seldom: three merges in a circle, and one loser merged into two survivors. */
const aTangle: fc.Arbitrary<Told[]> = fc.oneof(
  fc.tuple(aMergeOf('B', 'A'), aMergeOf('C', 'B'), aMergeOf('A', 'C')),
  fc.tuple(aMergeOf('B', 'A'), aMergeOf('C', 'A')),
);

/** In Sinch's own shape or, where there is one, in the documented variant, which names the gone contact by its id alone. */
const aCallback = (told: Told): fc.Arbitrary<Buffer> =>
  fc.tuple(aTime, fc.integer({ min: 0, max: 9 })).map(([time, die]) => {
    const body = callback(told, time);
    if (die < 2) return documented(body);
    if (die < 4) return found('fetched', body);
    return die === 4 ? found('absent', body) : body;
  });

/** Marks a callback as one that nobody sent: what it tells was found by asking. The mark is an unknown field for Sinch's reader. */
function found(finding: 'fetched' | 'absent', body: Buffer): Buffer {
  return Buffer.from(body.toString().replace('{', `{"finding":"${finding}",`));
}

/** What a marked body stands for: its contact as it was fetched or, of a create or an update, its absence. */
export function asFound(body: Buffer, notification: Notification): Notification {
  const { finding } = JSON.parse(body.toString()) as { readonly finding?: string }; // ours
  const { projectId, version, content } = notification;
  if (finding === undefined) return notification;
  if (finding === 'absent' && (content.trigger === 'CONTACT_CREATE' || content.trigger === 'CONTACT_UPDATE'))
    return foundAbsent(content.contact.id, version, {
      projectId,
      source: 'reconcile',
      actor: null,
      receivedAt: version,
    }).notification;
  return { ...notification, shape: 'fetched' };
}

/** Callback bodies about a handful of contacts: merge chains and cycles, deletes before creates, equal times, and the like. */
export function aHistory(lengthMax: number): fc.Arbitrary<Buffer[]> {
  const tales = fc.array(aTale, { minLength: 1, maxLength: lengthMax });
  const tangled = fc.tuple(aTangle, tales).map(([tangle, rest]) => [...tangle, ...rest].slice(0, lengthMax));
  return fc
    .oneof({ arbitrary: tales, weight: 3 }, { arbitrary: tangled, weight: 1 })
    .chain((told) => fc.tuple(...told.map(aCallback)));
}

/** The same callback, told of another project. */
export function inProject(body: Buffer, project: string): Buffer {
  return Buffer.from(body.toString().replace(PROJECT, project));
}

/** The documented variant of a delete or a merge (docs/sinch.md, 1); any other callback as it is. */
function documented(body: Buffer): Buffer {
  const envelope = JSON.parse(body.toString()) as Record<string, Record<string, { readonly id: string }>>; // ours
  const { contact_delete_notification: gone, contact_merge_notification: merge, ...rest } = envelope;
  const notification = gone
    ? { contact_delete_notification: { contact_id: gone['contact']?.id } }
    : merge && {
        contact_merge_notification: {
          preserved_contact: merge['preserved_contact'],
          deleted_contact_id: merge['deleted_contact']?.id,
        },
      };
  return notification ? Buffer.from(JSON.stringify({ ...rest, ...notification })) : body;
}

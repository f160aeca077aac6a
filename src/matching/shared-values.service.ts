import { Injectable } from '@nestjs/common';
import {
  ContactValuesRepository,
  type ContactValuesRow,
  type SoughtValues,
} from './contact-values.repository';
import { isPhoneChannel } from '../normalise/normalise-identity.rule';
import { phoneVariants } from '../normalise/phone-variants.rule';
import { phoneKey } from '../audit/commit/projections.rule';
import type { Queryable } from '../database/queryable';
import { flatMapInTurns, inTurns } from '../base/in-turns';
import {
  holdersMax,
  lookUpKey,
  readValues,
  splitIdentity,
  type SharedKind,
  type SharedValue,
} from './evidence.rule';
import { EvidenceRepository, type HeldValue } from './evidence.repository';

/** Most holders of one value that are found at once; the others are found when they are examined themselves. */
const foundOfEachMax = 200;
/** Most contacts, and most keys of theirs, that are compared at once. */
const sliceContactsMax = 1_000;
const sliceKeysMax = 10_000;

/** A value whose holders changed, with the first of them before and after. */
export interface ChangedValue {
  readonly shared: SharedValue;
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
}

/** Keeps which values several contacts share. */
@Injectable()
export class SharedValuesService {
  constructor(
    private readonly contactValues: ContactValuesRepository,
    private readonly evidence: EvidenceRepository,
  ) {}

  /**
   * Brings what is known up to what the contacts hold now: of so many at once that they have a bounded number of identities.
   *
   * @returns the values whose holders changed
   */
  async refresh(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly ChangedValue[]> {
    const changed: ChangedValue[] = [];
    for (const some of await this.slices(session, projectId, contactIds)) {
      for (const each of await this.refreshSome(session, projectId, some)) changed.push(each);
    }
    return changed;
  }

  private async refreshSome(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly ChangedValue[]> {
    const [contactValues, known] = [
      await this.contactValues.find(projectId, contactIds, session),
      await this.evidence.valuesOf(projectId, contactIds, session),
    ];
    const held = await inTurns(heldBy(contactValues));
    const { gained, lost } = await inTurns(compare(held, known));
    if (gained.length === 0 && lost.length === 0) return [];

    const before = await this.holdersBefore(session, projectId, gained, lost);
    const unshared = gained.filter(({ digest }) => !before.has(digest));
    const found = await this.findSharers(session, projectId, unshared);
    const added = [...gained.filter(({ digest }) => before.has(digest)), ...found];
    const changed = await inTurns(changedValues(before, added, lost));
    const alone = changed.flatMap(({ shared, after }) =>
      after.size === 1 ? [...after].map((contactId) => ({ digest: shared.digest, contactId })) : [],
    );
    const isAlone = new Set(alone.map(holderOf));
    // first what goes: a contact that begins or ceases to name an app holds another value of the same digest
    await this.evidence.removeValues(session, projectId, [...lost, ...alone]);
    await this.evidence.addValues(
      session,
      projectId,
      added.filter((value) => !isAlone.has(holderOf(value))),
    );
    return changed;
  }

  /** Cuts contacts into parts that have a bounded number of identities in all, or are one contact. */
  private async slices(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly (readonly string[])[]> {
    const counts = await this.contactValues.countKeys(projectId, contactIds, session);
    const slices: string[][] = [];
    let keys = 0;
    for (const id of contactIds) {
      keys += counts.get(id) ?? 0;
      const slice = slices.at(-1);
      if (slice !== undefined && slice.length < sliceContactsMax && keys <= sliceKeysMax) slice.push(id);
      else {
        slices.push([id]);
        keys = counts.get(id) ?? 0;
      }
    }
    return slices;
  }

  /** The known holders of values that are gained or lost: enough of each to tell whether it is hot after all losses. */
  private async holdersBefore(
    session: Queryable,
    projectId: string,
    gained: readonly HeldValue[],
    lost: readonly HeldValue[],
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const sizes = new Map<string, number>();
    for (const { digest } of gained) sizes.set(digest, holdersMax + 1);
    for (const { digest } of lost) sizes.set(digest, (sizes.get(digest) ?? holdersMax + 1) + 1);
    return this.evidence.holdersOf(
      projectId,
      [...sizes].map(([digest, size]) => ({ digest, size })),
      session,
    );
  }

  /** Of values that nobody was known to share: all holders, where the map has several. */
  private async findSharers(
    session: Queryable,
    projectId: string,
    values: readonly HeldValue[],
  ): Promise<readonly HeldValue[]> {
    if (values.length === 0) return [];
    const digests = new Set(values.map(({ digest }) => digest));
    const byDigest = new Map<string, Map<string, HeldValue>>();
    const add = (value: HeldValue): void => {
      if (!digests.has(value.digest)) return;
      const holders = byDigest.get(value.digest);
      if (holders === undefined) byDigest.set(value.digest, new Map([[value.contactId, value]]));
      else holders.set(value.contactId, value);
    };
    const addHolders = async (sought: SoughtValues): Promise<void> => {
      const ids = await this.contactValues.holders(session, projectId, sought, foundOfEachMax);
      for (const some of await this.slices(session, projectId, ids)) {
        const held = await inTurns(heldBy(await this.contactValues.find(projectId, some, session)));
        for (const value of held) add(value);
      }
    };
    // with the contacts themselves: the map may have changed since they were read
    for (const value of values) add(value);
    const { sought, byPhone } = soughtValues(values);
    await addHolders(sought);
    // of a phone number with more holders than are looked up, those of one channel may not be among them
    const crowded = byPhone.filter(({ digest }) => (byDigest.get(digest)?.size ?? 0) >= foundOfEachMax);
    if (crowded.length > 0)
      await addHolders({ identityKeys: crowded.map(({ key }) => key), emails: [], externalIds: [] });
    return flatMapInTurns([...byDigest.values()], (holders) =>
      holders.size > 1 ? [...holders.values()] : [],
    );
  }
}

/** Whether too many hold a value for it to be evidence. */
export function isHot(holders: ReadonlySet<string>): boolean {
  return holders.size > holdersMax;
}

/** What contacts hold; yields after each key. */
function* heldBy(rows: readonly ContactValuesRow[]): Generator<void, readonly HeldValue[], void> {
  const held: HeldValue[] = [];
  for (const row of rows) {
    for (const value of yield* readValues(row)) held.push({ ...value, contactId: row.id });
    yield;
  }
  return held;
}

/** What is held and was not known, and what was known and is not held. */
function* compare(
  held: readonly HeldValue[],
  known: readonly HeldValue[],
): Generator<void, { readonly gained: readonly HeldValue[]; readonly lost: readonly HeldValue[] }, void> {
  const isHeld = new Set<string>();
  const isKnown = new Set<string>();
  for (const value of held) {
    isHeld.add(keyOf(value));
    yield;
  }
  for (const value of known) {
    isKnown.add(keyOf(value));
    yield;
  }
  return {
    gained: held.filter((value) => !isKnown.has(keyOf(value))),
    lost: known.filter((value) => !isHeld.has(keyOf(value))),
  };
}

function holderOf({ digest, contactId }: Pick<HeldValue, 'digest' | 'contactId'>): string {
  return `${digest}${contactId}`;
}

function keyOf(held: HeldValue): string {
  return JSON.stringify([holderOf(held), held.value]);
}

/**
 * What to look holders of values up by. A contact that has a phone number on one channel has the number, so one look-up of the number
 * finds the identities on all channels.
 *
 * @returns `byPhone`: the keys that are left out for it, each with the digest of the number
 */
function soughtValues(values: readonly SharedValue[]): {
  readonly sought: SoughtValues;
  readonly byPhone: readonly { readonly key: string; readonly digest: string }[];
} {
  const ofKind = (kind: SharedKind): readonly SharedValue[] => values.filter((each) => each.kind === kind);
  const textsOf = (kind: SharedKind): string[] => [...new Set(ofKind(kind).map(({ value }) => value))];
  const digests = new Map<string, string>();
  for (const { value, digest } of ofKind('phone'))
    for (const phone of phoneVariants(value) ?? [value]) digests.set(phone, digest);
  const identities = [...new Set(textsOf('identity').map(lookUpKey))].map((key) => {
    const { channel, identity } = splitIdentity(key);
    return { key, digest: isPhoneChannel(channel) ? digests.get(identity) : undefined };
  });
  return {
    sought: {
      identityKeys: [
        ...identities.flatMap(({ key, digest }) => (digest === undefined ? [key] : [])),
        ...[...digests.keys()].map(phoneKey),
      ],
      emails: textsOf('email'),
      externalIds: textsOf('external_id'),
    },
    byPhone: identities.flatMap(({ key, digest }) => (digest === undefined ? [] : [{ key, digest }])),
  };
}

/** Yields after each value. */
function* changedValues(
  before: ReadonlyMap<string, readonly string[]>,
  added: readonly HeldValue[],
  lost: readonly HeldValue[],
): Generator<void, readonly ChangedValue[], void> {
  const changed = new Map<string, ChangedValue & { readonly after: Set<string> }>();
  for (const { kind, value, digest } of [...added, ...lost]) {
    if (changed.has(digest)) continue;
    const had = new Set(before.get(digest));
    changed.set(digest, { shared: { kind, value, digest }, before: had, after: new Set(had) });
    yield;
  }
  for (const each of lost) changed.get(each.digest)?.after.delete(each.contactId);
  for (const each of added) changed.get(each.digest)?.after.add(each.contactId);
  return [...changed.values()];
}

import { Injectable } from '@nestjs/common';
import { HoldingsRepository, type HoldingsRow, type SoughtValues } from '../contacts/holdings.repository';
import { phoneVariants } from '../contacts/phone-variants';
import { phoneKey } from '../contacts/projections';
import type { Queryable } from '../database/queryable';
import { holdersMax, valuesOf, type SharedKind, type SharedValue } from './evidence';
import { EvidenceRepository, type HeldValue } from './evidence.repository';

/** Most holders of one value that are found at once; the others are found when they are examined themselves. */
const foundOfEachMax = 200;

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
    private readonly holdings: HoldingsRepository,
    private readonly evidence: EvidenceRepository,
  ) {}

  /** Brings what is known up to what the contacts hold now. @returns the values whose holders changed */
  async refresh(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly ChangedValue[]> {
    const [holdings, known] = [
      await this.holdings.find(projectId, contactIds, session),
      await this.evidence.valuesOf(projectId, contactIds, session),
    ];
    const held = holdings.flatMap(heldBy);
    const isHeld = new Set(held.map(keyOf));
    const isKnown = new Set(known.map(keyOf));
    const gained = held.filter((value) => !isKnown.has(keyOf(value)));
    const lost = known.filter((value) => !isHeld.has(keyOf(value)));
    if (gained.length === 0 && lost.length === 0) return [];

    const before = await this.holdersBefore(session, projectId, gained, lost);
    const unshared = gained.filter(({ digest }) => !before.has(digest));
    const found = await this.findSharers(session, projectId, unshared);
    const added = [...gained.filter(({ digest }) => before.has(digest)), ...found];
    const changed = changedValues(before, added, lost);
    const alone = changed.flatMap(({ shared, after }) =>
      after.size === 1 ? [...after].map((contactId) => ({ digest: shared.digest, contactId })) : [],
    );
    const isAlone = new Set(alone.map(keyOf));
    await this.evidence.addValues(
      session,
      projectId,
      added.filter((value) => !isAlone.has(keyOf(value))),
    );
    await this.evidence.removeValues(session, projectId, [...lost, ...alone]);
    return changed;
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
    const rows = await this.holdings.holders(session, projectId, soughtValues(values), foundOfEachMax);
    const digests = new Set(values.map(({ digest }) => digest));
    const byDigest = new Map<string, Map<string, HeldValue>>();
    // with the contacts themselves: the map may have changed since they were read
    for (const value of [...values, ...rows.flatMap(heldBy)]) {
      if (!digests.has(value.digest)) continue;
      const holders = byDigest.get(value.digest) ?? new Map<string, HeldValue>();
      byDigest.set(value.digest, holders.set(value.contactId, value));
    }
    return [...byDigest.values()].flatMap((holders) => (holders.size > 1 ? [...holders.values()] : []));
  }
}

/** Whether too many hold a value for it to be evidence. */
export function isHot(holders: ReadonlySet<string>): boolean {
  return holders.size > holdersMax;
}

function heldBy(row: HoldingsRow): readonly HeldValue[] {
  return valuesOf(row).map((value) => ({ ...value, contactId: row.id }));
}

function keyOf({ digest, contactId }: { readonly digest: string; readonly contactId: string }): string {
  return `${digest}${contactId}`;
}

function soughtValues(values: readonly SharedValue[]): SoughtValues {
  const ofKind = (kind: SharedKind): string[] => [
    ...new Set(values.flatMap((each) => (each.kind === kind ? [each.value] : []))),
  ];
  return {
    identityKeys: [
      ...ofKind('identity'),
      ...ofKind('phone').flatMap((phone) => (phoneVariants(phone) ?? [phone]).map(phoneKey)),
    ],
    emails: ofKind('email'),
    externalIds: ofKind('external_id'),
  };
}

function changedValues(
  before: ReadonlyMap<string, readonly string[]>,
  added: readonly HeldValue[],
  lost: readonly HeldValue[],
): readonly ChangedValue[] {
  const changed = new Map(
    [...added, ...lost].map(({ kind, value, digest }) => {
      const had = new Set(before.get(digest));
      return [digest, { shared: { kind, value, digest }, before: had, after: new Set(had) }];
    }),
  );
  for (const each of added) changed.get(each.digest)?.after.add(each.contactId);
  for (const each of lost) changed.get(each.digest)?.after.delete(each.contactId);
  return [...changed.values()];
}

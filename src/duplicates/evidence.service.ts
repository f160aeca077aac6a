import { Injectable, Logger } from '@nestjs/common';
import { ContactsRepository } from '../contacts/contacts.repository';
import { followMerges } from '../contacts/follow-merges';
import { HoldingsRepository, type HoldingsRow, type SoughtValues } from '../contacts/holdings.repository';
import { phoneKey } from '../contacts/projections';
import { phoneVariants } from '../contacts/phone-variants';
import type { Queryable } from '../database/queryable';
import { connectContacts, type Component, type Group } from './connect-contacts';
import {
  channelsOfPhone,
  holdersMax,
  REASONS,
  splitIdentity,
  valuesOf,
  type Reason,
  type SharedKind,
  type SharedValue,
} from './evidence';
import { EvidenceRepository, type HeldValue, type Report } from './evidence.repository';
import { matchSets } from './match-sets';
import { SetsRepository, type ResolvedBy, type SetContent, type SetRow } from './sets.repository';

/** Most holders of sought values that one look-up finds; past it each value is looked up alone. */
const foundMax = 10_000;
/** Most holders of one value that are found at once; the others are found when they are examined themselves. */
const foundOfEachMax = 200;
/** Most contacts that one examination follows from evidence to evidence. */
const reachedMax = 10_000;
/** Most holders of a hot value that its set shows, and that are counted. */
export const hotShownMax = 50;
const hotCountedMax = 1_000;

/** When and why contacts are examined. */
export interface Occasion {
  /** By our clock. */
  readonly at: Date;
  /** What closes a set that these contacts no longer make. */
  readonly closedBy: (contactIds: readonly string[]) => ResolvedBy;
}

/** A piece of evidence, as a cause of a component. */
export type Cause =
  | { readonly kind: 'reported'; readonly report: Report }
  | { readonly kind: SharedKind; readonly shared: SharedValue };

/** A value whose holders changed, with the first of them before and after. */
interface ChangedValue {
  readonly shared: SharedValue;
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
}

/** All that evidence leads to from some contacts. */
interface Neighbourhood {
  readonly groups: readonly Group<Cause>[];
  readonly dismissals: readonly (readonly string[])[];
  readonly sets: readonly SetRow[];
  /** The live contact that answers for an id; null where none does. */
  readonly liveOf: (id: string) => string | null;
}

/**
 * Keeps the sets of duplicates what the evidence makes them.
 *
 * A set is a connected component of live contacts. After each event the contacts that it touches are examined: what they hold
 * is compared with what was known, and the components around them with the sets that are kept. The map is never behind the
 * event, so whatever the order of events, the last one that touches an edge leaves it right.
 */
@Injectable()
export class EvidenceService {
  private readonly logger = new Logger(EvidenceService.name);

  constructor(
    private readonly contacts: ContactsRepository,
    private readonly holdings: HoldingsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** Examines contacts, in the transaction of `session`, in which nobody else writes sets. */
  async examine(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    occasion: Occasion,
  ): Promise<void> {
    const ends = await this.liveEnds(session, projectId, contactIds);
    const touched = [...new Set([...contactIds, ...[...ends.values()].filter((id) => id !== null)])];
    const changed = await this.refreshValues(session, projectId, touched);
    await this.refreshHotSets(session, projectId, changed, occasion);
    const neighbours = changed
      .filter(({ before, after }) => !isHot(before) || !isHot(after))
      .flatMap(({ before, after }) => [...before, ...after]);
    await this.refreshSets(session, projectId, [...new Set([...touched, ...neighbours])], occasion);
  }

  /** Brings what is known of shared values up to what the contacts hold now. */
  private async refreshValues(
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
    const sought = soughtValues(values);
    let rows: readonly HoldingsRow[] = await this.holdings.holders(session, projectId, sought, foundMax);
    if (rows.length === foundMax) {
      rows = await this.holdings.holdersOfEach(session, projectId, sought, foundOfEachMax);
    }
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

  /** A value that more than 20 contacts hold makes one set of its own; when fewer hold it, the set closes. */
  private async refreshHotSets(
    session: Queryable,
    projectId: string,
    changed: readonly ChangedValue[],
    { at, closedBy }: Occasion,
  ): Promise<void> {
    const hot = changed.filter(({ before, after }) => isHot(before) || isHot(after));
    if (hot.length === 0) return;
    const kept = await this.sets.hot(
      session,
      projectId,
      hot.map(({ shared }) => shared.digest),
    );
    for (const { shared, before, after } of hot) {
      const set = kept.get(shared.digest);
      if (!isHot(after)) {
        // a dismissed one too is over: should the value become hot again, somebody has to look again
        if (set !== undefined) await this.sets.resolve(session, set.id, closedBy([...before]));
        continue;
      }
      const content = await this.hotContent(session, projectId, shared);
      if (set === undefined) await this.sets.add(session, projectId, content, shared.digest, at);
      else if (set.status !== 'dismissed') await this.sets.change(session, set.id, content, at);
    }
  }

  private async hotContent(session: Queryable, projectId: string, shared: SharedValue): Promise<SetContent> {
    const { digest } = shared;
    const holders = await this.evidence.holdersOf(projectId, [{ digest, size: hotShownMax }], session);
    const contactIds = holders.get(digest) ?? [];
    const holdings = shared.kind === 'phone' ? await this.holdings.find(projectId, contactIds, session) : [];
    return {
      contactIds,
      contactCount: await this.evidence.countHolders(session, projectId, digest, hotCountedMax),
      reasons: ['hot'],
      channels: channelsOf({ kind: shared.kind, shared }, holdings),
      reportCount: 0,
    };
  }

  /** Compares the components around some contacts with the sets that are kept of them. */
  private async refreshSets(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    { at, closedBy }: Occasion,
  ): Promise<void> {
    const { groups, dismissals, sets, liveOf } = await this.explore(session, projectId, contactIds);
    if (groups.length === 0 && sets.length === 0) return;
    const components = connectContacts(groups, dismissals);
    const kept = sets.map((row) => ({
      id: row.id,
      row,
      contactIds: [...new Set(row.contact_ids.flatMap((id) => liveOf(id) ?? []))],
    }));
    const contents = await this.contentsOf(session, projectId, components);
    const found = components.map((component, n) => ({ ...component, content: contents[n] }));
    const { continued, made, ended } = matchSets(kept, found);
    for (const {
      kept: { row },
      found: { content },
    } of continued) {
      if (content === undefined || isUnchanged(row, content)) continue;
      await this.sets.change(session, row.id, content, isSighting(row, content) ? at : null);
    }
    for (const { content } of made) {
      if (content !== undefined) await this.sets.add(session, projectId, content, null, at);
    }
    for (const {
      kept: { row },
      into,
    } of ended) {
      const by = into === null ? closedBy(row.contact_ids) : { type: 'combined', duplicate_id: into };
      await this.sets.resolve(session, row.id, by);
    }
  }

  /** Follows evidence, and kept sets, from contact to contact. */
  private async explore(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<Neighbourhood> {
    const ends = new Map<string, string | null>();
    const shared = new Map<string, Group<Cause>>();
    const reports = new Map<string, Report>();
    const dismissals = new Map<string, readonly string[]>();
    const sets = new Map<string, SetRow>();
    let frontier: readonly string[] = contactIds;
    while (frontier.length > 0) {
      if (ends.size > reachedMax) {
        this.logger.warn(
          `Evidence connects more than ${reachedMax} contacts of a project: the rest is left.`,
        );
        break;
      }
      const ancestors = await this.contacts.ancestors(projectId, frontier, null, session);
      const names = [...new Set([...frontier, ...[...ancestors.values()].flat()])];
      for (const group of await this.neighbours(session, projectId, frontier)) {
        if (group.cause.kind !== 'reported') shared.set(group.cause.shared.digest, group);
      }
      for (const each of await this.evidence.reportsOf(projectId, names, session))
        reports.set(each.digest, each);
      for (const [key, ids] of await this.evidence.dismissalsOf(session, projectId, names))
        dismissals.set(key, ids);
      for (const row of await this.sets.withMembers(session, projectId, names)) sets.set(row.id, row);
      const reached = [
        ...frontier,
        ...[...shared.values()].flatMap((group) => group.contactIds),
        ...[...reports.values()].flatMap((report) => report.contactIds),
        ...[...dismissals.values()].flat(),
        ...[...sets.values()].flatMap((row) => row.contact_ids),
      ];
      const asked = new Set(frontier);
      const unknown = [...new Set(reached)].filter((id) => !ends.has(id));
      for (const [id, end] of await this.liveEnds(session, projectId, unknown)) ends.set(id, end);
      frontier = [...new Set(unknown.flatMap((id) => ends.get(id) ?? []))].filter((id) => !asked.has(id));
    }
    const liveOf = (id: string): string | null => ends.get(id) ?? null;
    const live = (ids: readonly string[]): readonly string[] => [
      ...new Set(ids.flatMap((id) => liveOf(id) ?? [])),
    ];
    return {
      groups: [
        ...[...shared.values()].map(({ contactIds: ids, cause }) => ({ contactIds: live(ids), cause })),
        ...[...reports.values()].map((report) => ({
          contactIds: live(report.contactIds),
          cause: { kind: 'reported' as const, report },
        })),
      ],
      dismissals: [...dismissals.values()].map(live),
      sets: [...sets.values()],
      liveOf,
    };
  }

  /** The holders of each value that some contacts share with others, hot values left out. */
  private async neighbours(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly Group<Cause>[]> {
    const values = await this.evidence.valuesOf(projectId, contactIds, session);
    const byDigest = new Map(values.map((value) => [value.digest, value]));
    const holders = await this.evidence.holdersOf(
      projectId,
      [...byDigest.keys()].map((digest) => ({ digest, size: holdersMax + 1 })),
      session,
    );
    return [...byDigest].flatMap(([digest, { kind, value }]) => {
      const ids = holders.get(digest) ?? [];
      return ids.length > holdersMax
        ? []
        : [{ contactIds: ids, cause: { kind, shared: { kind, value, digest } } }];
    });
  }

  private async liveEnds(
    session: Queryable,
    projectId: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, string | null>> {
    const pointers = await this.contacts.reach(projectId, ids, session);
    return new Map(
      ids.map((id) => {
        const resolution = followMerges(id, pointers);
        if (resolution.state === 'active') return [id, id];
        return [
          id,
          resolution.state === 'merged' && resolution.survivorState === 'active'
            ? resolution.survivorId
            : null,
        ];
      }),
    );
  }

  private async contentsOf(
    session: Queryable,
    projectId: string,
    components: readonly Component<Cause>[],
  ): Promise<readonly SetContent[]> {
    const members = components.flatMap(({ contactIds, causes }) =>
      causes.some(({ kind }) => kind === 'phone') ? contactIds : [],
    );
    const holdings =
      members.length === 0 ? [] : await this.holdings.find(projectId, [...new Set(members)], session);
    const byId = new Map(holdings.map((row) => [row.id, row]));
    return components.map(({ contactIds, causes }) => {
      const own = contactIds.flatMap((id) => byId.get(id) ?? []);
      const reasons = new Set<Reason>(causes.map(({ kind }) => kind));
      return {
        contactIds,
        contactCount: contactIds.length,
        reasons: REASONS.filter((reason) => reasons.has(reason)),
        channels: [...new Set(causes.flatMap((cause) => channelsOf(cause, own)))].sort(),
        reportCount: causes.reduce(
          (sum, cause) => sum + (cause.kind === 'reported' ? cause.report.reportCount : 0),
          0,
        ),
      };
    });
  }
}

function isHot(holders: ReadonlySet<string>): boolean {
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

/** The channels that a piece of evidence is about; none for e-mail addresses and external ids. */
export function channelsOf(cause: Cause, members: readonly HoldingsRow[]): readonly string[] {
  switch (cause.kind) {
    case 'reported':
      return cause.report.channel === null ? [] : [cause.report.channel];
    case 'identity':
      return [splitIdentity(cause.shared.value).channel];
    case 'phone':
      return [
        ...new Set(members.flatMap((row) => channelsOfPhone(row.identityKeys, cause.shared.value))),
      ].sort();
    case 'email':
    case 'external_id':
      return [];
  }
}

function isUnchanged(row: SetRow, content: SetContent): boolean {
  return (
    isEqual(row.contact_ids, content.contactIds) &&
    isEqual(row.reasons, content.reasons) &&
    isEqual(row.channels, content.channels) &&
    row.report_count === content.reportCount
  );
}

/** Whether the evidence has grown: a contact, a reason or a report more. */
function isSighting(row: SetRow, content: SetContent): boolean {
  return (
    content.reportCount > row.report_count ||
    content.contactIds.some((id) => !row.contact_ids.includes(id)) ||
    content.reasons.some((reason) => !row.reasons.includes(reason))
  );
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, n) => each === b[n]);
}

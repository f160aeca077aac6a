import { Injectable, Logger } from '@nestjs/common';
import { ContactsRepository } from '../contacts/contacts.repository';
import { followMerges, type Resolution } from '../contacts/follow-merges.rule';
import type { Queryable } from '../database/queryable';
import { inTurns, flatMapInTurns } from '../base/in-turns';
import type { Evidence, SharedEvidence } from './evidence-channels';
import type { Group } from './connect-contacts.rule';
import { holdersMax, isEvidence, namesSomeApp, weightOf } from './evidence.rule';
import { DismissalsRepository } from './dismissals.repository';
import { EvidenceRepository, type Reached, type Report } from './evidence.repository';
import { SetsRepository, type SetRow } from './sets.repository';

/** Most contacts that are followed together where evidence leads from them to more than can be followed. */
const farMax = 5_000;
/** Most contacts that are followed together where Postgres is too slow for more. */
const slowMax = 50;
/** After so many time-outs only what is nearest is followed. */
const timeOutsMax = 3;

/** The contact that answers for an id. */
export interface LiveEnd {
  readonly id: string;
  /** Whether the mirror knows it. */
  readonly isKnown: boolean;
}

/** All that evidence leads to from some contacts. */
export interface ConnectedEvidence {
  readonly groups: readonly Group<Evidence>[];
  /** Reports with at least one contact that the mirror does not know: with all their contacts, known or not. */
  readonly groupsWithUnknown: readonly Group<Evidence>[];
  readonly dismissals: readonly (readonly string[])[];
  readonly sets: readonly SetRow[];
  /** The contact that answers for an id; null where none does. */
  readonly endOf: (id: string) => LiveEnd | null;
  /** Whether there is more than was followed. */
  readonly isTruncated: boolean;
}

/** Finds what surrounds contacts: evidence, dismissals and kept sets, as far as they lead. */
@Injectable()
export class ConnectedEvidenceService {
  private readonly logger = new Logger(ConnectedEvidenceService.name);

  constructor(
    private readonly contacts: ContactsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly dismissals: DismissalsRepository,
    private readonly sets: SetsRepository,
  ) {}

  /**
   * Follows evidence, and kept sets, from contact to contact.
   *
   * Where that leads too far, or takes too long, from all contacts at once, each half is followed for itself, down to so few
   * that each reaches what is near it: what is beyond is left out. A part is read when it is asked for, so what follows from one is to be written
   * before the next.
   */
  async *find(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): AsyncGenerator<ConnectedEvidence, void, void> {
    const done = new Set<string>();
    const parts = [contactIds];
    let timeOuts = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const ids = part.filter((id) => !done.has(id));
      if (ids.length === 0) continue;
      const reached = timeOuts < timeOutsMax ? await this.evidence.reach(session, projectId, ids) : null;
      if (reached === null) timeOuts += 1;
      const most = reached === null ? slowMax : reached.isTruncated ? farMax : Infinity;
      if (ids.length > most) {
        const middle = Math.ceil(ids.length / 2);
        parts.push(ids.slice(middle), ids.slice(0, middle));
        continue;
      }
      const followed = reached ?? (await this.evidence.reachNearest(session, projectId, ids));
      for (const id of followed.contactIds) done.add(id);
      yield await this.gather(session, projectId, followed);
    }
  }

  /** Reads what was reached. */
  private async gather(session: Queryable, projectId: string, reached: Reached): Promise<ConnectedEvidence> {
    if (reached.isTruncated)
      this.logger.warn(
        `Evidence leads from contact to contact too far to be followed to its end: ${reached.contactIds.length} contacts were followed, and their sets are marked as truncated.`,
      );
    const shared = await this.neighbours(session, projectId, reached.contactIds);
    const reports = await this.evidence.reports(projectId, reached.reportDigests, session);
    const sets = await this.sets.findAll(session, projectId, reached.setIds);
    const dismissed = await this.dismissals.contactsOf(projectId, reached.contactIds, session);
    const dismissals = [...dismissed.values()];
    const named = new Set(shared.flatMap((group) => group.contactIds));
    for (const ids of [
      ...reports.map((report) => report.contactIds),
      ...sets.map((row) => row.contact_ids),
      ...dismissals,
    ])
      for (const id of ids) named.add(id);
    const ends = await this.endsOf(session, projectId, [...named]);
    const endOf = (id: string): LiveEnd | null => ends.get(id) ?? null;
    const groups = await inTurns(groupsOf(shared, reports, dismissals, endOf));
    return { ...groups, sets, endOf, isTruncated: reached.isTruncated };
  }

  /** The holders of each value that some contacts share with others, as far as it is evidence; hot values left out. */
  private async neighbours(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly Group<SharedEvidence>[]> {
    const values = await this.evidence.valuesOf(projectId, contactIds, session);
    const evidence = await flatMapInTurns(values, (value) => (isEvidence(value) ? [value] : []));
    const byDigest = new Map(evidence.map((value) => [value.digest, value]));
    const holders = await this.evidence.holdersOf(
      projectId,
      [...byDigest.keys()].map((digest) => ({ digest, size: holdersMax + 1 })),
      session,
    );
    const groups = [...byDigest].flatMap(([digest, { kind, value }]): Group<SharedEvidence>[] => {
      const ids = holders.get(digest) ?? [];
      return ids.length > holdersMax
        ? []
        : [{ contactIds: ids, evidence: { kind, shared: { kind, value, digest } } }];
    });
    return this.apartByApp(session, projectId, groups);
  }

  /** Contacts that name different apps are not alike, so where an app is unknown only those that name none are, each to all. */
  private async apartByApp(
    session: Queryable,
    projectId: string,
    groups: readonly Group<SharedEvidence>[],
  ): Promise<readonly Group<SharedEvidence>[]> {
    const doubtful = groups.filter(({ evidence: { shared } }) => weightOf(shared) === 'app-unknown');
    if (doubtful.length === 0) return groups;
    const holders = [...new Set(doubtful.flatMap(({ contactIds }) => contactIds))];
    const held = await this.evidence.valuesOf(projectId, holders, session);
    const named = new Set(held.filter(namesSomeApp).map(({ digest, contactId }) => digest + contactId));
    const areDoubtful = new Set(doubtful);
    return groups.flatMap((group) => {
      if (!areDoubtful.has(group)) return [group];
      const { contactIds: ids, evidence } = group;
      const namesNone = ids.filter((id) => !named.has(evidence.shared.digest + id));
      if (namesNone.length === ids.length) return [group];
      return namesNone.flatMap((id) =>
        ids.filter((other) => other !== id).map((other) => ({ contactIds: [id, other], evidence })),
      );
    });
  }

  /** The contact that answers for each id; null where it was deleted, or merges form a cycle. */
  async endsOf(
    session: Queryable,
    projectId: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, LiveEnd | null>> {
    const resolve = followMerges(await this.contacts.reach(projectId, ids, session));
    return new Map(ids.map((id) => [id, endOf(id, resolve(id))]));
  }
}

function endOf(id: string, resolution: Resolution): LiveEnd | null {
  if (resolution.state === 'cycle') return null;
  const [end, state] =
    resolution.state === 'merged'
      ? [resolution.survivorId, resolution.survivorState]
      : [id, resolution.state];
  return state === 'deleted' ? null : { id: end, isKnown: state === 'active' };
}

/** Evidence and dismissals between the contacts that answer for those that they name. */
function* groupsOf(
  shared: readonly Group<Evidence>[],
  reports: readonly Report[],
  dismissals: readonly (readonly string[])[],
  endOf: (id: string) => LiveEnd | null,
): Generator<void, Pick<ConnectedEvidence, 'groups' | 'groupsWithUnknown' | 'dismissals'>, void> {
  const groups: Group<Evidence>[] = [];
  const groupsWithUnknown: Group<Evidence>[] = [];
  const named = (ids: readonly string[]): ReadonlyMap<string, boolean> => {
    const ends = new Map<string, boolean>();
    for (const id of ids) {
      const end = endOf(id);
      if (end !== null) ends.set(end.id, end.isKnown);
    }
    return ends;
  };
  for (const { contactIds, evidence } of shared) {
    const known = [...named(contactIds)].flatMap(([id, isKnown]) => (isKnown ? [id] : []));
    groups.push({ contactIds: known, evidence });
    yield;
  }
  for (const report of reports) {
    const ends = named(report.contactIds);
    const known = [...ends].flatMap(([id, isKnown]) => (isKnown ? [id] : []));
    const evidence = { kind: 'reported' as const, report };
    groups.push({ contactIds: known, evidence });
    if (known.length < ends.size) groupsWithUnknown.push({ contactIds: [...ends.keys()], evidence });
    yield;
  }
  const apart: (readonly string[])[] = [];
  for (const ids of dismissals) {
    apart.push([...named(ids).keys()]);
    yield;
  }
  return { groups, groupsWithUnknown, dismissals: apart };
}

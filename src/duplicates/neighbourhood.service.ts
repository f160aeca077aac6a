import { Injectable, Logger } from '@nestjs/common';
import { ContactsRepository } from '../contacts/contacts.repository';
import { followMerges } from '../contacts/follow-merges';
import type { Queryable } from '../database/queryable';
import type { Cause } from './cause';
import type { Group } from './connect-contacts';
import { holdersMax } from './evidence';
import { EvidenceRepository, type Report } from './evidence.repository';
import { SetsRepository, type SetRow } from './sets.repository';

/** Most contacts that one examination follows from evidence to evidence. */
const reachedMax = 10_000;

/** All that evidence leads to from some contacts. */
export interface Neighbourhood {
  readonly groups: readonly Group<Cause>[];
  readonly dismissals: readonly (readonly string[])[];
  readonly sets: readonly SetRow[];
  /** The live contact that answers for an id; null where none does. */
  readonly liveOf: (id: string) => string | null;
}

/** Finds what surrounds contacts: evidence, dismissals and kept sets, as far as they lead. */
@Injectable()
export class NeighbourhoodService {
  private readonly logger = new Logger(NeighbourhoodService.name);

  constructor(
    private readonly contacts: ContactsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** Follows evidence, and kept sets, from contact to contact. */
  async explore(
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
      for (const [key, ids] of await this.evidence.dismissalsOf(projectId, names, session))
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

  /** The live contact that answers for each id; null where none does. */
  async liveEnds(
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
}

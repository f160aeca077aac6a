import { Injectable } from '@nestjs/common';
import { HistoriesRepository } from '../audit/histories.repository';
import { Config } from '../config';
import { Problem } from '../rest/problem';
import type { ToldMetadata } from './consolidate-metadata';
import { ContactsRepository, type ContactFilter, type ContactRow } from './contacts.repository';
import { followMerges, type Pointer, type Resolution } from './follow-merges';
import { OpenDuplicates } from './open-duplicates';
import { snapshotIn } from './read-notification';
import { contactMerged, contactUnknown, unanswered, type Moved } from './contact-merged';
import { viewContact, type ContactView } from './view-contact';

/** Longest chain of merges that is followed in the past, where each step is a query. */
const pastChainMax = 1_000;

/** Most contacts that an export reads at once, and most bytes of their snapshots. */
const exportSize = 500;
const exportBytesMax = 1_048_576;

/** What an id leads to: a contact or, where merges are not followed, the one to ask for instead. */
export type Found =
  | { readonly kind: 'contact'; readonly contact: ContactView }
  | { readonly kind: 'moved'; readonly moved: Moved };

/** Answers for contacts as they are now, and as they were. */
@Injectable()
export class ContactsService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly histories: HistoriesRepository,
    private readonly duplicates: OpenDuplicates,
    private readonly config: Config,
  ) {}

  /** A page of the list, in the order of ids after `after`. */
  async list(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): Promise<readonly ContactView[]> {
    const rows = await this.contacts.page(projectId, filter, after, size);
    const ids = rows.map((row) => row.id);
    return this.show(projectId, rows, await this.contacts.ancestors(projectId, ids), null);
  }

  /** The whole list, in the order of ids after `after`, page by page: each is read when it is asked for. */
  async *pages(
    projectId: string,
    filter: ContactFilter,
    after: string,
  ): AsyncGenerator<readonly ContactView[], void> {
    for (let last: string | undefined = after; last !== undefined;) {
      const rows = await this.contacts.pageWithin(projectId, filter, last, exportSize, exportBytesMax);
      const ids = rows.map((row) => row.id);
      if (ids.length > 0)
        yield await this.show(projectId, rows, await this.contacts.ancestors(projectId, ids), null);
      last = ids.at(-1);
    }
  }

  /**
   * The contact that answers for an id.
   *
   * @param follow whether a merged id is answered with its survivor
   * @throws Problem `not-found`, `contact-deleted`, `merge-cycle`
   */
  async get(projectId: string, id: string, follow: boolean): Promise<Found> {
    const pointers = await this.contacts.reach(projectId, [id]);
    const resolution = followMerges(id, pointers);
    return this.answer(id, resolution, follow, (end) => this.view(projectId, end));
  }

  /** As `get`, at a version: as it was then, as far as is known now. */
  async getAt(projectId: string, id: string, follow: boolean, version: bigint): Promise<Found> {
    const past = new Map<string, { pointer: Pointer; row: ContactRow | null }>();
    for (let next: string | null = id; next !== null && !past.has(next) && past.size < pastChainMax;) {
      const { pointer, row } = await this.past(projectId, next, version);
      if (pointer !== null) past.set(next, { pointer, row });
      next = pointer?.survivorId ?? null;
    }
    const pointers = new Map([...past].map(([each, { pointer }]) => [each, pointer]));
    return this.answer(id, followMerges(id, pointers), follow, async (end) => {
      const row = past.get(end)?.row ?? null;
      const mergedIds = await this.contacts.ancestors(projectId, [end], version);
      const [shown = null] = await this.show(projectId, row === null ? [] : [row], mergedIds, version);
      return shown;
    });
  }

  /** What answers for each id, in order; one query. */
  async resolve(projectId: string, ids: readonly string[]): Promise<readonly Resolution[]> {
    const pointers = await this.contacts.reach(projectId, ids);
    return ids.map((id) => followMerges(id, pointers));
  }

  /** The contact, or the problem, that `get` has for each id, in order. */
  async batchGet(
    projectId: string,
    ids: readonly string[],
    follow: boolean,
  ): Promise<readonly (ContactView | Problem)[]> {
    const pointers = await this.contacts.reach(projectId, ids);
    const resolutions = ids.map((id) => [id, followMerges(id, pointers)] as const);
    const ends = resolutions.map(([id, resolution]) =>
      resolution.state === 'merged' ? resolution.survivorId : id,
    );
    const views = await this.views(projectId, [...new Set(ends)]);
    return Promise.all(
      resolutions.map(async ([id, resolution]) => {
        try {
          const found = await this.answer(id, resolution, follow, (end) =>
            Promise.resolve(views.get(end) ?? null),
          );
          return found.kind === 'contact' ? found.contact : contactMerged(found.moved, { status: 410 });
        } catch (error) {
          if (error instanceof Problem) return error;
          throw error;
        }
      }),
    );
  }

  /** Contacts as they are now, whatever became of them, by id; unknown ones are left out. */
  async views(projectId: string, ids: readonly string[]): Promise<ReadonlyMap<string, ContactView>> {
    const [rows, mergedIds] = await Promise.all([
      this.contacts.find(projectId, ids),
      this.contacts.ancestors(projectId, ids),
    ]);
    const shown = await this.show(projectId, rows, mergedIds, null);
    return new Map(shown.map((view) => [view.id, view]));
  }

  /** @param until the version as of which they are shown; null for now */
  private async show(
    projectId: string,
    rows: readonly ContactRow[],
    mergedIds: ReadonlyMap<string, readonly string[]>,
    until: bigint | null,
  ): Promise<readonly ContactView[]> {
    const policy = this.config.metadataConsolidation;
    const wanted = policy === 'survivor' ? [] : [...new Set([...mergedIds.values()].flat())];
    const [metadata, duplicates] = await Promise.all([
      wanted.length === 0 ? new Map<string, ToldMetadata>() : this.metadataOf(projectId, wanted, until),
      // sets are of now: none is told of the past
      until === null
        ? this.duplicates.openOf(
            projectId,
            rows.map(({ id }) => id),
          )
        : new Map<string, string[]>(),
    ]);
    return rows.map((row) => {
      const ids = mergedIds.get(row.id) ?? [];
      const takenOver = { ids, metadata: ids.flatMap((id) => metadata.get(id) ?? []) };
      return viewContact(row, takenOver, policy, duplicates.get(row.id) ?? []);
    });
  }

  /** The metadata of merged contacts as they were told of last, up to `until`; by id. */
  private async metadataOf(
    projectId: string,
    ids: readonly string[],
    until: bigint | null,
  ): Promise<ReadonlyMap<string, ToldMetadata>> {
    const told = (await this.contacts.metadata(projectId, ids)).map((row): ToldMetadata => {
      return { ...row, version: BigInt(row.version) };
    });
    if (until === null) return new Map(told.map((each) => [each.id, each]));
    const later = told.filter(({ version }) => version > until).map(({ id }) => id);
    const earlier = later.length === 0 ? [] : await this.histories.toldUntil(projectId, later, until);
    const past = earlier.map((row): ToldMetadata => {
      const snapshot = snapshotIn(row.payload, row.contact_id);
      return {
        id: row.contact_id,
        version: BigInt(row.version),
        metadata: snapshot?.fields['metadata'] ?? null,
      };
    });
    return new Map(
      [...told.filter(({ version }) => version <= until), ...past].map((each) => [each.id, each]),
    );
  }

  private async view(projectId: string, id: string): Promise<ContactView | null> {
    return (await this.views(projectId, [id])).get(id) ?? null;
  }

  /** Turns what an id resolves to into what its reader gets. */
  private async answer(
    id: string,
    resolution: Resolution,
    follow: boolean,
    view: (id: string) => Promise<ContactView | null>,
  ): Promise<Found> {
    const isMerged = resolution.state === 'merged';
    if (isMerged && !follow && resolution.survivorState !== 'deleted') {
      return { kind: 'moved', moved: { id, ...resolution } };
    }
    const problem = unanswered(id, resolution);
    if (problem !== null) throw problem;
    const end = isMerged ? resolution.survivorId : id;
    const contact = await view(end);
    if (contact === null) throw contactUnknown(end);
    if (!isMerged) return { kind: 'contact', contact };
    return { kind: 'contact', contact: { ...contact, mirror: { ...contact.mirror, resolved_from: id } } };
  }

  private async past(
    projectId: string,
    id: string,
    version: bigint,
  ): Promise<{ pointer: Pointer | null; row: ContactRow | null }> {
    const { gone, told, isAbsent } = await this.histories.asOf(projectId, id, version);
    if (gone !== null) {
      const survivorId = gone.type === 'CONTACT_MERGE' ? gone.contact_id : null;
      return { pointer: { id, gone: survivorId === null ? 'deleted' : 'merged', survivorId }, row: null };
    }
    if (isAbsent) return { pointer: { id, gone: 'absent', survivorId: null }, row: null };
    const snapshot = told && snapshotIn(told.payload, id);
    if (told === null || snapshot === null) return { pointer: null, row: null };
    return {
      pointer: { id, gone: null, survivorId: null },
      row: {
        id,
        version: told.version,
        snapshot: snapshot.json,
        gone: null,
        survivor_id: null,
        gone_version: null,
      },
    };
  }
}

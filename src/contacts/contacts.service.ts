import { type MetadataPolicy } from '../config/policies.rule';
import { Injectable } from '@nestjs/common';
import { flatMapInTurns } from '../base/in-turns';
import { HistoriesRepository } from '../audit/histories.repository';
import { Config } from '../config/config';
import { answerBytesMax, jsonBytes } from '../rest/answer-size';
import { Problem } from '../rest/problems/problem';
import type { VersionedMetadata } from './consolidate-metadata.rule';
import {
  ContactsRepository,
  type ContactFilter,
  type MeasuredRow,
  type SurroundedRow,
} from './contacts.repository';
import { followMerges, type Pointer, type Resolution } from './follow-merges.rule';
import { contactsIn, snapshotIn } from '../audit/commit/read-notification.rule';
import { contactMerged, contactUnknown, unanswered, type Moved } from './contact-merged';
import { viewContact, writeContact } from './view-contact';
import type { ContactObject } from './contacts.dto';

/** Longest chain of merges that is followed in the past, where each step is a query. */
const pastChainMax = 1_000;

/** Most contacts that an export reads at once, and most bytes of their snapshots. */
const exportSize = 500;
const exportBytesMax = 1_048_576;

/** From how many merged ids on fewer contacts are shown at once, by what is read of each. */
const mergedMax: Readonly<Record<MetadataPolicy, number>> = { survivor: 10_000, deep: 2_000, newest: 2_000 };

/** What the fields take, at most, that a snapshot may leave out and answers have. */
const emptyFieldsBytes = 150;

/** A contact as it is shown, and how many bytes it has as JSON. */
export interface Shown<View = ContactObject> {
  readonly id: string;
  readonly view: View;
  readonly bytes: number;
}

/** How contacts are shown: as values, or as their JSON, which takes half as long where nobody reads the values. */
interface Manner<View> {
  readonly view: (...contact: Parameters<typeof viewContact>) => View;
  readonly bytesOf: (view: View, row: SurroundedRow) => number;
}

const AS_VALUES: Manner<ContactObject> = {
  view: viewContact,
  bytesOf: ({ mirror }, { snapshot }) => Buffer.byteLength(snapshot) + jsonBytes(mirror) + emptyFieldsBytes,
};
const AS_JSON: Manner<string> = { view: writeContact, bytesOf: (json) => Buffer.byteLength(json) };

/** Contacts in the order of their ids, and the id after which the next page begins; null at the end. */
export interface ContactsPart<View> {
  readonly contacts: readonly View[];
  readonly next: string | null;
}

/** What an id leads to: a contact or, where merges are not followed, the one to ask for instead. */
export type ContactLookup =
  | { readonly kind: 'contact'; readonly contact: ContactObject }
  | { readonly kind: 'moved'; readonly moved: Moved };

/** Shows contacts now and at an earlier time. */
@Injectable()
export class ContactsService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly histories: HistoriesRepository,
    private readonly config: Config,
  ) {}

  /**
   * A page of the list, in the order of ids after `after`, each contact as JSON; it ends early where the contacts would exceed the
   * size of an answer.
   */
  async list(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): Promise<ContactsPart<string>> {
    return this.part(projectId, filter, after, size, AS_JSON);
  }

  /**
   * As `list`, with merged contacts among the matches; each match as the live contact that answers for it.
   *
   * One row for each match, in the order of matched ids, so a survivor may come several times. Matches that no live contact answers
   * for are left out where active contacts are asked for, else shown as they are.
   */
  async listFollowing(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): Promise<ContactsPart<ContactObject>> {
    const statuses = filter.status === 'active' ? (['active', 'merged'] as const) : [filter.status];
    const found = await Promise.all(
      statuses.map((status) => this.contacts.matches(projectId, { ...filter, status }, after, size + 1)),
    );
    // as Postgres orders them: by bytes
    const matched = found.flat().sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const ids = matched.slice(0, size);
    const resolve = followMerges(await this.contacts.reach(projectId, ids));
    const ends = ids.map((id) => {
      const resolution = resolve(id);
      const isFollowed = resolution.state === 'merged' && resolution.survivorState === 'active';
      if (isFollowed) return resolution.survivorId;
      return filter.status === 'active' && resolution.state !== 'active' ? null : id;
    });
    const views = await this.views(projectId, [...new Set(ends.filter((end) => end !== null))]);
    const contacts: ContactObject[] = [];
    let bytes = 0;
    for (const [n, id] of ids.entries()) {
      const end = ends[n] ?? null;
      const shown = end === null ? undefined : views.get(end);
      if (shown === undefined) continue;
      bytes += shown?.bytes ?? answerBytesMax;
      if (shown === null || (contacts.length > 0 && bytes > answerBytesMax))
        return { contacts, next: ids[n - 1] ?? null };
      contacts.push({ ...shown.view, mirror: { ...shown.view.mirror, matched_id: id } });
    }
    return { contacts, next: matched.length > size ? (ids.at(-1) ?? null) : null };
  }

  /** The whole list, in the order of ids after `after`, page by page: each is read when it is asked for. */
  async *pages(
    projectId: string,
    filter: ContactFilter,
    after: string,
  ): AsyncGenerator<readonly ContactObject[], void> {
    let size = exportSize;
    for (let last: string | null = after; last !== null;) {
      const { contacts, next }: ContactsPart<ContactObject> = await this.part(
        projectId,
        filter,
        last,
        size,
        AS_VALUES,
        exportBytesMax,
      );
      // where pages end early for their bytes, the next one reads no more rows than may fit
      size = Math.min(exportSize, 2 * contacts.length + 1);
      if (contacts.length > 0) yield contacts;
      last = next;
    }
  }

  /**
   * The contact that answers for an id.
   *
   * @param follow whether a merged id is answered with its survivor
   * @throws Problem `not-found`, `contact-deleted`, `merge-cycle`
   */
  async get(projectId: string, id: string, follow: boolean): Promise<ContactLookup> {
    const [row] = await this.contacts.findWithin(projectId, [id], answerBytesMax);
    const pointers =
      row?.gone === 'merged'
        ? await this.contacts.reach(projectId, [id])
        : new Map(row && [[id, { id, gone: row.gone, survivorId: row.survivor_id }]]);
    return this.answer(id, followMerges(pointers)(id), follow, async (end) => {
      if (end !== id) return this.view(projectId, end);
      const [shown] = await this.show(projectId, row === undefined ? [] : [row], null, AS_VALUES);
      return shown?.view ?? null;
    });
  }

  /** As `get`, at a version: as it was then, as far as is known now. */
  async getAt(projectId: string, id: string, follow: boolean, version: bigint): Promise<ContactLookup> {
    const past = new Map<string, { pointer: Pointer; row: SurroundedRow | null }>();
    for (let next: string | null = id; next !== null && !past.has(next) && past.size < pastChainMax;) {
      const { pointer, row } = await this.past(projectId, next, version);
      if (pointer !== null) past.set(next, { pointer, row });
      next = pointer?.survivorId ?? null;
    }
    const pointers = new Map([...past].map(([each, { pointer }]) => [each, pointer]));
    return this.answer(id, followMerges(pointers)(id), follow, async (end) => {
      const row = past.get(end)?.row ?? null;
      const [shown] = await this.show(projectId, row === null ? [] : [row], version, AS_VALUES);
      return shown?.view ?? null;
    });
  }

  /** What answers for each id, in order; one query. */
  async resolve(projectId: string, ids: readonly string[]): Promise<readonly Resolution[]> {
    return ids.map(followMerges(await this.contacts.reach(projectId, ids)));
  }

  /**
   * The contact, or the problem, that `get` has for each id, in order.
   *
   * Contacts beyond the size of an answer have the problem `answer-too-large`: the first ones are answered.
   */
  async batchGet(
    projectId: string,
    ids: readonly string[],
    follow: boolean,
  ): Promise<readonly (ContactObject | Problem)[]> {
    const resolve = followMerges(await this.contacts.reach(projectId, [...new Set(ids)]));
    const found = ids.map((id) => find(id, resolve(id), follow));
    const ends = found.flatMap((each) => (each.kind === 'end' ? [each.end] : []));
    const shown = await this.views(projectId, [...new Set(ends)]);
    let bytes = 0;
    return found.map((each, n) => {
      const result = each.kind === 'end' ? viewEnd(each, shown.get(each.end)) : problemOf(each);
      bytes += result.bytes;
      return n > 0 && bytes > answerBytesMax ? tooLarge(ids[n] ?? '') : result.shown;
    });
  }

  /**
   * Contacts as they are now, whatever became of them, by id; unknown ones are left out.
   *
   * @param ids each once; null stands for those that would exceed the size of an answer: the first ones are read
   */
  async views(projectId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Shown | null>> {
    return this.find(projectId, ids, AS_VALUES);
  }

  /** As `views`, each contact as JSON. */
  async texts(projectId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Shown<string> | null>> {
    return this.find(projectId, ids, AS_JSON);
  }

  private async find<View>(
    projectId: string,
    ids: readonly string[],
    manner: Manner<View>,
  ): Promise<ReadonlyMap<string, Shown<View> | null>> {
    const rows = await this.contacts.findWithin(projectId, ids, answerBytesMax);
    const shown = await this.show(projectId, rows, null, manner);
    return new Map(rows.map(({ id }, n) => [id, shown[n] ?? null]));
  }

  private async part<View>(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
    manner: Manner<View>,
    bytesMax = answerBytesMax,
  ): Promise<ContactsPart<View>> {
    const rows = await this.contacts.page(projectId, filter, after, size + 1, bytesMax);
    const shown = await this.show(projectId, rows.slice(0, size), null, manner, bytesMax);
    const next = rows.length > shown.length ? (shown.at(-1)?.id ?? null) : null;
    return { contacts: shown.map(({ view }) => view), next };
  }

  /**
   * Shows the first rows, as many as fit into an answer: at least one.
   *
   * @param until the version at which they are shown; null for now
   */
  private async show<View>(
    projectId: string,
    rows: readonly MeasuredRow[],
    until: bigint | null,
    manner: Manner<View>,
    bytesMax = answerBytesMax,
  ): Promise<readonly Shown<View>[]> {
    const shown: Shown<View>[] = [];
    for (let bytes = 0; shown.length < rows.length;) {
      const whole = rows.slice(shown.length).filter(isWhole);
      const some = whole.length === 0 ? [] : await this.showSome(projectId, whole, until, manner);
      if (some.length === 0) return shown;
      for (const each of some) {
        bytes += each.bytes;
        if (shown.length > 0 && bytes > bytesMax) return shown;
        shown.push(each);
      }
    }
    return shown;
  }

  /** Shows the first rows, so many that not too much has to be read of those merged into them. */
  private async showSome<View>(
    projectId: string,
    rows: readonly SurroundedRow[],
    until: bigint | null,
    manner: Manner<View>,
  ): Promise<readonly Shown<View>[]> {
    const policy = this.config.metadataConsolidation;
    const { some, mergedIds } = await this.withMerged(projectId, rows, until, mergedMax[policy]);
    const wanted = policy === 'survivor' ? [] : [...new Set([...mergedIds.values()].flat())];
    const metadata =
      wanted.length === 0
        ? new Map<string, VersionedMetadata>()
        : await this.metadataOf(projectId, wanted, until);
    return flatMapInTurns(some, (row) => {
      const ids = mergedIds.get(row.id) ?? [];
      const takenOver = { ids, metadata: ids.flatMap((id) => metadata.get(id) ?? []) };
      const view = manner.view(row, takenOver, policy, row.open_duplicates);
      return [{ id: row.id, view, bytes: manner.bytesOf(view, row) }];
    });
  }

  /** The first rows, with the ids merged into each: so many that no more than `countMax` are read, but at least one. */
  private async withMerged(
    projectId: string,
    rows: readonly SurroundedRow[],
    until: bigint | null,
    countMax: number,
  ): Promise<{
    readonly some: readonly SurroundedRow[];
    readonly mergedIds: ReadonlyMap<string, readonly string[]>;
  }> {
    for (let some = rows; ; some = some.slice(0, Math.ceil(some.length / 2))) {
      const near = new Map(some.map(({ id, merged_ids: ids }) => [id, ids]));
      const nearCount = some.reduce((sum, { merged_ids: ids }) => sum + (ids?.length ?? 0), 0);
      const far = some.filter(({ merged_ids: ids }) => ids === null).map(({ id }) => id);
      const { ancestors, isComplete } =
        far.length === 0
          ? { ancestors: new Map<string, readonly string[]>(), isComplete: nearCount < countMax }
          : await this.contacts.ancestorsWithin(projectId, far, until, Math.max(countMax - nearCount, 1));
      if (isComplete || some.length === 1)
        return {
          some,
          mergedIds: new Map([...near].map(([id, ids]) => [id, ids ?? ancestors.get(id) ?? []])),
        };
    }
  }

  /** The last known metadata of merged contacts, up to `until`; by id. */
  private async metadataOf(
    projectId: string,
    ids: readonly string[],
    until: bigint | null,
  ): Promise<ReadonlyMap<string, VersionedMetadata>> {
    const current = (await this.contacts.metadata(projectId, ids)).map((row): VersionedMetadata => {
      return { ...row, version: BigInt(row.version) };
    });
    if (until === null) return new Map(current.map((each) => [each.id, each]));
    const later = current.filter(({ version }) => version > until).map(({ id }) => id);
    const earlier = later.length === 0 ? [] : await this.histories.snapshotsUntil(projectId, later, until);
    const past = await flatMapInTurns(earlier, (row): readonly VersionedMetadata[] => {
      const metadata = contactsIn(row.payload).get(row.contact_id)?.['metadata'] ?? null;
      return [{ id: row.contact_id, version: BigInt(row.version), metadata }];
    });
    return new Map(
      [...current.filter(({ version }) => version <= until), ...past].map((each) => [each.id, each]),
    );
  }

  private async view(projectId: string, id: string): Promise<ContactObject | null> {
    return (await this.views(projectId, [id])).get(id)?.view ?? null;
  }

  /** Turns what an id resolves to into what its reader gets. */
  private async answer(
    id: string,
    resolution: Resolution,
    follow: boolean,
    view: (id: string) => Promise<ContactObject | null>,
  ): Promise<ContactLookup> {
    const found = find(id, resolution, follow);
    if (found.kind === 'moved') return found;
    if (found.kind === 'problem') throw found.problem;
    const contact = await view(found.end);
    if (contact === null) throw contactUnknown(found.end);
    return { kind: 'contact', contact: found.end === id ? contact : resolvedFrom(id, contact) };
  }

  private async past(
    projectId: string,
    id: string,
    version: bigint,
  ): Promise<{ pointer: Pointer | null; row: SurroundedRow | null }> {
    const { gone, newest, isAbsent } = await this.histories.asOf(projectId, id, version);
    if (gone !== null) {
      const survivorId = gone.type === 'CONTACT_MERGE' ? gone.contact_id : null;
      return { pointer: { id, gone: survivorId === null ? 'deleted' : 'merged', survivorId }, row: null };
    }
    if (isAbsent) return { pointer: { id, gone: 'absent', survivorId: null }, row: null };
    const snapshot = newest && snapshotIn(newest.payload, id);
    if (newest === null || snapshot === null) return { pointer: null, row: null };
    return {
      pointer: { id, gone: null, survivorId: null },
      row: {
        id,
        version: newest.version,
        snapshot: snapshot.json,
        gone: null,
        survivor_id: null,
        gone_version: null,
        // what is merged into it now need not have been then
        merged_ids: null,
        // sets are current: there are none for past states
        open_duplicates: [],
      },
    };
  }
}

/** What an id leads to, before the contact is read: its id or, instead, where it moved or a problem. */
type Lead =
  | { readonly kind: 'end'; readonly id: string; readonly end: string }
  | { readonly kind: 'moved'; readonly moved: Moved }
  | { readonly kind: 'problem'; readonly problem: Problem };

function find(id: string, resolution: Resolution, follow: boolean): Lead {
  const isMerged = resolution.state === 'merged';
  if (isMerged && !follow && resolution.survivorState !== 'deleted') {
    return { kind: 'moved', moved: { id, ...resolution } };
  }
  const problem = unanswered(id, resolution);
  if (problem !== null) return { kind: 'problem', problem };
  return { kind: 'end', id, end: isMerged ? resolution.survivorId : id };
}

function resolvedFrom(id: string, contact: ContactObject): ContactObject {
  return { ...contact, mirror: { ...contact.mirror, resolved_from: id } };
}

/** A result of a batch, and how many bytes of the answer it takes. */
interface BatchResult {
  readonly shown: ContactObject | Problem;
  readonly bytes: number;
}

/** @param found null: beyond the size of an answer; undefined: unknown */
function viewEnd({ id, end }: Extract<Lead, { kind: 'end' }>, found: Shown | null | undefined): BatchResult {
  if (found === null) return { shown: tooLarge(id), bytes: 0 };
  if (found === undefined) return { shown: contactUnknown(end), bytes: 0 };
  return { shown: end === id ? found.view : resolvedFrom(id, found.view), bytes: found.bytes };
}

function problemOf(lead: Exclude<Lead, { kind: 'end' }>): BatchResult {
  const problem = lead.kind === 'moved' ? contactMerged(lead.moved, { status: 410 }) : lead.problem;
  return { shown: problem, bytes: jsonBytes(problem.toBody('', '')) };
}

function tooLarge(id: string): Problem {
  return new Problem(
    'answer-too-large',
    'The contacts before this one fill the answer. Ask again for the ids that have this code.',
    { contact_id: id },
  );
}

function isWhole(row: MeasuredRow): row is SurroundedRow {
  return row.snapshot !== null;
}

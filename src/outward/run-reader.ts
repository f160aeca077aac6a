import { BEGINNING, type Cursor } from '../audit/audit.repository';
import { readSequence, standsBefore } from '../audit/read-sequence.rule';
import type { JsonObject } from '../json/canonical.rule';
import { matchesType } from './event-types.rule';
import type { Filter } from './filter.rule';
import { judgeFilter } from './judge-filter.rule';
import type { Message } from './message.rule';
import { snapshotMessage } from './message-of.rule';
import type { MessageReader, OpenedMessage, StreamEvent } from './message-reader';
import { newestPerContact } from './newest-per-contact.rule';
import type { Purpose } from './purpose.rule';
import type { ReplayRequest, Run } from './run-request';
import type { RunsRepository, SnapshotRow } from './runs.repository';

/** Most pages of a stream that are read at once: of a window in which little is replayed, many are. */
const pagesMax = 20;

/** What a run sends next. */
export interface RunPage {
  readonly messages: readonly Message[];
  /** Where it continues after these; to be kept once they are sent or parked. */
  readonly place: string;
  readonly isFinished: boolean;
  /** How many of its total were read for them. */
  readonly passed: number;
  /** Those of the messages whose rows leave `dead_delivery` when they are parked or delivered. */
  readonly deadIds: readonly string[];
}

/** What of a subscription a run depends on. */
export interface RunFor {
  readonly filter: Filter;
  readonly purpose: Purpose;
}

/** The streams of a replay, one after the other. */
const STREAMS = ['journal', 'domain'] as const;
type ReplayedStream = (typeof STREAMS)[number];

/** Reads what replays and snapshots send, page by page, from where they stand. */
export class RunReader {
  constructor(
    private readonly runs: RunsRepository,
    private readonly reader: MessageReader,
  ) {}

  /**
   * What a run sends next: about `size` messages, or none where none was found in what is read at once.
   *
   * Messages of a replay have the ids and contents that they had when the cursor came to them. Those of all events are only what
   * the filter lets pass, whatever their age; what was given up once was let pass before.
   *
   * @param size a page ends after the event with which it has as many messages
   */
  async next(run: Run, { filter, purpose }: RunFor, size: number): Promise<RunPage> {
    if (run.kind === 'snapshot') return this.snapshotPage(run, size);
    if (run.request.state === 'dead') return this.deadPage(run, run.request, size);
    return this.windowPage(run, run.request, { filter, purpose }, size);
  }

  private async snapshotPage(run: Run, size: number): Promise<RunPage> {
    const found = await this.runs.contacts(run.projectId, run.place, size);
    return {
      // what is negative is known only as deleted or merged, or by a duplication report
      messages: found.filter(({ version }) => BigInt(version) >= 0n).map((row) => this.snapshotOf(run, row)),
      place: found.at(-1)?.id ?? run.place ?? '',
      isFinished: found.length === 0,
      passed: found.length,
      deadIds: [],
    };
  }

  private snapshotOf({ projectId, id: runId }: Run, row: SnapshotRow): Message {
    const { id, references } = row;
    const fields = JSON.parse(row.snapshot) as JsonObject; // an object, by canonicalJson
    const contact = { id, fields, version: BigInt(row.version), references };
    return snapshotMessage(runId, projectId, contact, new Date());
  }

  private async deadPage(run: Run, request: ReplayRequest, size: number): Promise<RunPage> {
    const found = await this.runs.dead(run, request, run.place, size);
    const messages: Message[] = [];
    for (const { event_id: eventId, stream, sequence, subject } of found) {
      const told = await this.reader.messagesOf(run.projectId, { stream, sequence, subject }, eventId);
      const message = told.find(({ id }) => id === eventId);
      // one that is no longer kept stays given up
      if (message !== undefined) messages.push(message);
    }
    return {
      messages,
      place: found.at(-1)?.place ?? run.place ?? '',
      isFinished: found.length < size,
      passed: found.length,
      deadIds: messages.map(({ id }) => id),
    };
  }

  private async windowPage(
    run: Run,
    request: ReplayRequest,
    { filter, purpose }: RunFor,
    size: number,
  ): Promise<RunPage> {
    let { stream, cursor } = placeOf(run.place, request);
    const messages: Message[] = [];
    let [passed, isFinished] = [0, false];
    for (let pages = 0; pages < pagesMax && messages.length < size && !isFinished; pages += 1) {
      const until = request.windows?.[stream].until ?? BEGINNING;
      const page = await this.reader.page(run.projectId, stream, cursor);
      for (const event of page.events) {
        if (!standsBefore(event.sequence, until) || messages.length >= size) break;
        cursor = event.sequence;
        if (!isWithin(event, request)) continue;
        messages.push(...replayedOf(event, request, filter));
        passed += 1;
      }
      const last = page.events.at(-1);
      if (last !== undefined && standsBefore(last.sequence, until)) continue;
      if (messages.length >= size) break;
      const next = STREAMS[STREAMS.indexOf(stream) + 1];
      if (next === undefined) isFinished = true;
      else [stream, cursor] = [next, request.windows?.[next].from ?? BEGINNING];
    }
    return {
      messages: purpose === 'replica' ? newestPerContact(messages) : messages,
      place: `${stream} ${cursor.join('.')}`,
      isFinished,
      passed,
      deadIds: [],
    };
  }
}

function placeOf(
  place: string | null,
  { windows }: ReplayRequest,
): { stream: ReplayedStream; cursor: Cursor } {
  const [name, sequence = ''] = place?.split(' ') ?? [];
  const stream = STREAMS.find((each) => each === name) ?? 'journal';
  return { stream, cursor: readSequence(sequence) ?? windows?.[stream].from ?? BEGINNING };
}

function isWithin({ receivedAt }: StreamEvent, { after, before }: ReplayRequest): boolean {
  const receivedMs = receivedAt.getTime();
  return receivedMs >= Date.parse(after) && receivedMs < Date.parse(before);
}

function replayedOf(
  { messages }: StreamEvent,
  { types, contact_ids: contactIds }: ReplayRequest,
  filter: Filter,
): readonly Message[] {
  const isAsked = ({ message: { type, keys } }: OpenedMessage): boolean =>
    (types?.some((pattern) => matchesType(type, pattern)) ?? true) &&
    (contactIds === null || keys.some((key) => contactIds.includes(key)));
  return messages.filter((each) => isAsked(each) && isLetPass(each, filter)).map(({ message }) => message);
}

/** Somebody asked for it, so its age does not matter. */
function isLetPass({ opened }: OpenedMessage, filter: Filter): boolean {
  return judgeFilter({ ...filter, maxAgeSeconds: null }, opened, 0).refusal === null;
}

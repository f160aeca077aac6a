import { Injectable } from '@nestjs/common';
import { BEGINNING, type Cursor } from '../audit/audit.repository';
import { inTurns } from '../base/in-turns';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import { EventMessages } from './event-messages';
import type { Filter } from './filter.rule';
import { judgeFilter } from './judge-filter.rule';
import type { Message } from './message.rule';
import type { StreamEvent } from './message-reader';
import { dryRunExamplesMax, scannedEventsMax } from './subscription.rule';

/** What a filter would have let pass. */
export interface DryRun {
  /** How many events of the journal were looked at. */
  readonly scanned: number;
  /** By type, how many outward events pass. */
  readonly matched: Readonly<Record<string, number>>;
  /** The newest that pass, the newest first. */
  readonly examples: readonly Message[];
}

/** Tries a filter on what happened last in a project. Sends nothing. */
@Injectable()
export class DryRunService {
  constructor(
    private readonly reads: ProjectReads,
    private readonly messages: EventMessages,
  ) {}

  /**
   * Judges the last 1,000 events of the journal by a filter. Their age is that at which they were received.
   *
   * @throws Problem `unavailable` while the service starts
   */
  async run(projectId: string, filter: Filter): Promise<DryRun> {
    const matched = new Map<string, number>();
    let examples: readonly Message[] = [];
    let [cursor, scanned] = [await this.begin(projectId), 0];
    while (scanned < scannedEventsMax) {
      const { events } = await this.messages.page(projectId, 'journal', cursor);
      const looked = events.slice(0, scannedEventsMax - scanned);
      const passed = await inTurns(judging(looked, filter));
      for (const { type } of passed) matched.set(type, (matched.get(type) ?? 0) + 1);
      examples = [...examples, ...passed].slice(-dryRunExamplesMax);
      scanned += looked.length;
      const last = looked.at(-1);
      if (last === undefined) break;
      cursor = last.sequence;
    }
    return { scanned, matched: Object.fromEntries(matched), examples: [...examples].reverse() };
  }

  /** The place before the last events. */
  private async begin(projectId: string): Promise<Cursor> {
    const [row] = rows<{ era: number; tx: string; id: string }>(
      await this.reads.of(projectId).query(
        `select e.era, e.tx, e.id from audit_event e
         where e.project_id = $1
         order by e.era desc, e.tx desc, e.id desc
         offset ${scannedEventsMax}
         limit 1`,
        [projectId],
      ),
    );
    return row === undefined ? BEGINNING : [String(row.era), row.tx, row.id];
  }
}

/** In turns of the event loop, since a predicate may take a while. */
function* judging(events: readonly StreamEvent[], filter: Filter): Generator<void, readonly Message[], void> {
  const passed: Message[] = [];
  for (const { messages, receivedAt } of events)
    for (const { message, opened } of messages) {
      if (judgeFilter(filter, opened, receivedAt.getTime()).refusal === null) passed.push(message);
      yield;
    }
  return passed;
}

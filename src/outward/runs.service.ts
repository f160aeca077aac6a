import { Injectable } from '@nestjs/common';
import { msOf } from '../base/nanoseconds.rule';
import { isId } from '../json/id.rule';
import { readTime } from '../json/read-time.rule';
import type { FaultyValue } from '../rest/problems/problem';
import { Problem } from '../rest/problems/problem';
import { invalidRequest } from '../rest/read-dto';
import { DeliveriesRepository } from './deliveries.repository';
import { isTypePattern } from './event-types.rule';
import { type ReplayRequest, replayEventsMax, type Run, type RunKind } from './run-request';
import type { ReplayBody, SnapshotBody } from './runs.dto';
import { RunsRepository } from './runs.repository';
import { SubscriptionSignals } from './subscription-signals';

/** A replay that was counted, and nothing more. */
export interface CountedReplay {
  readonly request: ReplayRequest;
  readonly total: number;
}

/** Has events sent again, and all contacts sent. The worker of the subscription carries it out. */
@Injectable()
export class RunsService {
  constructor(
    private readonly runs: RunsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly signals: SubscriptionSignals,
  ) {}

  /** @throws Problem `not-found`, `invalid-request`, `run-under-way` */
  async replay(
    projectId: string,
    subscriptionId: string,
    body: ReplayBody,
    actor: string,
  ): Promise<CountedReplay | Run> {
    const asked = readReplay(body, new Date());
    await this.requireSubscription(projectId, subscriptionId);
    const { request, total } =
      asked.state === 'dead'
        ? { request: asked, total: await this.runs.countDead(projectId, subscriptionId, asked) }
        : await this.withWindows(projectId, asked);
    if (total > replayEventsMax)
      throw new Problem(
        'invalid-request',
        `The window has more than ${replayEventsMax} events. Ask for less time at once.`,
      );
    if (body.dry_run === true) return { request, total };
    return this.start(projectId, subscriptionId, { kind: 'replay', request }, total, actor);
  }

  /** @throws Problem `not-found`, `run-under-way` */
  async snapshot(projectId: string, subscriptionId: string, body: SnapshotBody, actor: string): Promise<Run> {
    await this.requireSubscription(projectId, subscriptionId);
    const request = { rate_per_second: body.rate_per_second ?? null, status: 'active' } as const;
    const total = await this.runs.countContacts(projectId);
    return this.start(projectId, subscriptionId, { kind: 'snapshot', request }, total, actor);
  }

  /** @throws Problem `not-found` */
  async page(
    projectId: string,
    subscriptionId: string,
    before: string | null,
    size: number,
  ): Promise<readonly Run[]> {
    await this.requireSubscription(projectId, subscriptionId);
    return this.runs.page(projectId, subscriptionId, before, size);
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, subscriptionId: string, id: string): Promise<Run> {
    await this.requireSubscription(projectId, subscriptionId);
    const run = /^[1-9]\d{0,17}$/.test(id) ? await this.runs.find(projectId, subscriptionId, id) : null;
    if (run === null) throw new Problem('not-found', 'Run not found in this subscription.');
    return run;
  }

  /** Ends a run; one that has ended stays as it is. @throws Problem `not-found` */
  async stop(projectId: string, subscriptionId: string, id: string): Promise<Run> {
    await this.get(projectId, subscriptionId, id);
    await this.runs.stop(projectId, subscriptionId, id);
    this.signals.changed();
    return this.get(projectId, subscriptionId, id);
  }

  private async start(
    projectId: string,
    subscriptionId: string,
    asked: Parameters<RunsRepository['start']>[2],
    total: number,
    actor: string,
  ): Promise<Run> {
    const run = await this.runs.start(projectId, subscriptionId, asked, total, actor);
    if (run === null) throw await this.underWay(projectId, subscriptionId, asked.kind);
    this.signals.changed();
    return run;
  }

  private async underWay(projectId: string, subscriptionId: string, kind: RunKind): Promise<Problem> {
    const runs = await this.runs.running(projectId, subscriptionId);
    const id = runs.find((each) => each.kind === kind)?.id;
    return new Problem(
      'run-under-way',
      `A ${kind} of the subscription is running${id ? `: run ${id}` : ''}.`,
    );
  }

  private async withWindows(projectId: string, asked: ReplayRequest): Promise<CountedReplay> {
    const [after, before] = [new Date(asked.after), new Date(asked.before)];
    const windows = {
      journal: await this.runs.windowOf('journal', after, before),
      domain: await this.runs.windowOf('domain', after, before),
    };
    const journal = await this.runs.countEvents(projectId, 'journal', windows.journal, after, before);
    const domain = await this.runs.countEvents(projectId, 'domain', windows.domain, after, before);
    return { request: { ...asked, windows }, total: journal + domain };
  }

  /** @throws Problem `not-found` */
  private async requireSubscription(projectId: string, subscriptionId: string): Promise<void> {
    if ((await this.deliveries.place(projectId, subscriptionId)) === null)
      throw new Problem('not-found', 'Subscription not found in this project.');
  }
}

/** @throws Problem `invalid-request` */
function readReplay(body: ReplayBody, now: Date): ReplayRequest {
  const [after, before] = [readTime(body.after), readTime(body.before)];
  const { types = null, contact_ids: contactIds = null } = body;
  const known = types?.filter(isTypePattern) ?? null;
  const faults: FaultyValue[] = [];
  const add = (pointer: string, code: string, message: string): void => {
    faults.push({ pointer: `/body/${pointer}`, code, message });
  };
  if (after === null) add('after', 'not-a-time', 'must be an RFC 3339 time such as 2026-11-30T08:00:00Z');
  if (before === null) add('before', 'not-a-time', 'must be an RFC 3339 time such as 2026-11-30T08:00:00Z');
  if (after !== null && before !== null && after >= before)
    add('before', 'too-early', 'must be later than after');
  if (known?.length !== types?.length) add('types', 'unknown', 'must be types of events, or contact.*');
  if (contactIds?.some((id) => !isId(id)) === true)
    add('contact_ids', 'not-an-id', 'must be ids of contacts');
  if (after === null || before === null || faults.length > 0) throw invalidRequest(faults);
  return {
    after: new Date(msOf(after)).toISOString(),
    // what is given up or received from now on is none of it
    before: new Date(Math.min(msOf(before), now.getTime())).toISOString(),
    types: known,
    contact_ids: contactIds,
    state: body.state ?? 'dead',
    rate_per_second: body.rate_per_second ?? null,
  };
}

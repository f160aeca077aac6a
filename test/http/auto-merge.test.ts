import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { GivenConfig } from '../../src/config';
import type { SummaryAnswer, WholeDuplicateObject } from '../../src/duplicates/duplicates.dto';
import { AutoMergesService, failuresMax } from '../../src/merging/auto-merges.service';
import { App, type Project } from './app';
import { accessTo, createContact, subscribe } from './simulated';
import { SinchLink, type Fate } from './sinch-link';

jest.setTimeout(60_000);

const MERGE = /^POST .*:merge$/;
const REFUSED: Fate = { kind: 'answer', status: 400, isDone: false };

/** One project with a service that merges by rule, told to do so pass by pass; its own looks are a minute apart. */
class Story {
  private people = 0;

  private constructor(
    readonly simulator: Simulator,
    readonly link: SinchLink,
    readonly app: App,
    readonly project: Project,
  ) {}

  static async begin(autoMerge: Partial<GivenConfig['autoMerge']>): Promise<Story> {
    const simulator = await startSimulator({ delivery: { backOffBaseMs: 20, backOffCapMs: 200 } });
    const link = await SinchLink.to(simulator.url);
    const app = await App.start({
      config: {
        sinch: accessTo(simulator, link.url),
        autoMerge: { policy: 'auto', quietSeconds: 0, dailyMax: 100, ...autoMerge },
      },
    });
    // the first look of its own is over when there is nothing yet to see
    await delay(200);
    await subscribe(simulator, app);
    return new Story(simulator, link, app, app.project(simulator.projectId));
  }

  async end(): Promise<void> {
    await this.app.stop();
    await this.link.close();
    await this.simulator.close();
  }

  /** Contacts that share an e-mail address, as the set that the follower finds. */
  async set(...contacts: readonly Readonly<Record<string, unknown>>[]): Promise<string> {
    const email = `person${++this.people}@example.com`;
    let first = '';
    for (const fields of contacts) first = await createContact(this.simulator, { email, ...fields });
    await this.simulator.settled();
    for (let tries = 0; tries < 1_000; tries++) {
      const { duplicates } = await this.project.read<{ duplicates: { id: string; contact_ids: string[] }[] }>(
        `/duplicates?contact_id=${first}`,
      );
      const [found] = duplicates;
      if (found?.contact_ids.length === contacts.length) return found.id;
      await delay(10);
    }
    throw new Error('The follower has not found the set.');
  }

  pass(app = this.app): Promise<void> {
    return app.part(AutoMergesService).pass(this.simulator.projectId);
  }

  /** A service beside, on the same database, that merges by rule. */
  another(): Promise<App> {
    const { simulator, link, app } = this;
    const autoMerge = { policy: 'auto', quietSeconds: 0, dailyMax: 100 } as const;
    return App.start({
      database: app.database,
      config: { sinch: accessTo(simulator, link.url), autoMerge },
    });
  }

  async resolved(id: string): Promise<void> {
    for (let tries = 0; tries < 200 && (await this.get(id)).status !== 'resolved'; tries++) await delay(50);
    expect((await this.get(id)).status).toBe('resolved');
  }

  get(id: string): Promise<WholeDuplicateObject> {
    return this.project.read<WholeDuplicateObject>(`/duplicates/${id}`);
  }

  async state(): Promise<SummaryAnswer['auto_merge']> {
    return (await this.project.read<SummaryAnswer>('/duplicates:summary')).auto_merge;
  }

  merges(): number {
    return this.link.count(MERGE);
  }
}

let story: Story;
afterEach(() => story.end());

it('merges what fits, leaves what does not, and says by what it did', async () => {
  story = await Story.begin({});
  const fits = await story.set({}, { external_id: 'crm-1' }, {});
  const differs = await story.set({ external_id: 'a' }, { external_id: 'b' });
  const isLarge = await story.set({}, {}, {}, {});
  expect((await story.get(fits)).auto_merge).toEqual({ fits: true, against: [] });
  expect((await story.get(differs)).auto_merge).toEqual({ fits: false, against: ['different-external-ids'] });
  expect((await story.get(isLarge)).auto_merge).toEqual({ fits: false, against: ['too-many'] });
  await story.pass();
  expect((await story.get(fits)).status).toBe('resolved');
  expect((await story.get(differs)).status).toBe('open');
  expect((await story.get(isLarge)).status).toBe('open');
  expect(story.merges()).toBe(2);
  expect(await story.state()).toMatchObject({ state: 'acting', merged_last_day: 2, daily_max: 100 });

  const { audit_events: events } = await story.project.read<{
    audit_events: { id: string; actor: string }[];
  }>('/audit-events?source=rule');
  expect(events.map(({ actor }) => actor)).toEqual(['auto-merge', 'auto-merge']);
  const { payload } = await story.project.read<{ payload: string }>(`/audit-events/${events[0]?.id ?? ''}`);
  expect(JSON.parse(payload)).toMatchObject({
    duplicate_id: fits,
    rule: { name: 'auto-merge', reasons: ['email'], quiet_seconds: 0, contact_ids: expect.any(Array) },
  });
});

it('waits until a set is quiet, and leaves what somebody has dismissed', async () => {
  story = await Story.begin({ quietSeconds: 3_600 });
  const id = await story.set({}, {});
  await story.pass();
  expect((await story.get(id)).auto_merge).toEqual({ fits: false, against: ['too-young'] });
  const aged = `update duplicate_set set last_seen_at = now() - interval '2 hours'`;
  await story.app.sql(aged);
  await story.project.post(`/duplicates/${id}:dismiss`, {});
  await story.pass();
  expect(story.merges()).toBe(0);
  await story.project.post(`/duplicates/${id}:reopen`, {});
  await story.app.sql(aged);
  await story.pass();
  expect((await story.get(id)).status).toBe('resolved');
});

it('merges no more than so many a day', async () => {
  story = await Story.begin({ dailyMax: 2 });
  for (let n = 0; n < 3; n++) await story.set({}, {});
  await story.pass();
  await story.pass();
  expect(story.merges()).toBe(2);
  expect(await story.state()).toMatchObject({ state: 'acting', merged_last_day: 2, daily_max: 2 });
});

it('only suggests where it is to suggest', async () => {
  story = await Story.begin({ policy: 'suggest' });
  const id = await story.set({}, {});
  expect((await story.get(id)).auto_merge).toEqual({ fits: true, against: [] });
  expect(await story.state()).toMatchObject({ state: 'suggesting' });
  await story.pass();
  expect(story.merges()).toBe(0);
});

it('stops itself after failures in a row, over restarts, until it is resumed', async () => {
  story = await Story.begin({});
  const id = await story.set({}, {});
  story.link.plan(MERGE, ...Array.from({ length: failuresMax }, () => REFUSED));
  for (let n = 0; n < failuresMax; n++) {
    expect((await story.state()).state).toBe('acting');
    await story.pass();
  }
  expect(await story.state()).toMatchObject({
    state: 'stopped',
    stopped_at: expect.any(String),
    stopped_by: expect.stringContaining('400 BY_THE_LINK'),
  });
  await story.pass();
  expect(story.merges()).toBe(failuresMax);

  const restarted = await story.another();
  await story.pass(restarted);
  expect(story.merges()).toBe(failuresMax);
  await restarted.stop();

  const answer = await story.project.post('/duplicates:resumeAutoMerge', { reason: 'Sinch is well again' });
  expect([answer.status, answer.json()]).toEqual([
    200,
    expect.objectContaining({ state: 'acting', stopped_at: null }),
  ]);
  const { audit_events: events } = await story.project.read<{
    audit_events: { type: string; actor: string }[];
  }>('/audit-events?type=auto-merge.stopped,auto-merge.resumed');
  expect(events.map(({ type, actor }) => [type, actor])).toEqual([
    ['auto-merge.resumed', 'admin'],
    ['auto-merge.stopped', 'auto-merge'],
  ]);
  await story.pass();
  expect((await story.get(id)).status).toBe('resolved');
});

it('merges once, whichever of two replicas does', async () => {
  story = await Story.begin({});
  const ids = [await story.set({}, {}), await story.set({}, {}), await story.set({}, {})];
  const second = await story.another();
  await Promise.all([story.pass(), story.pass(second)]);
  for (const id of ids) await story.resolved(id);
  expect(story.merges()).toBe(3);
  await second.stop();
});

it('begins by itself', async () => {
  story = await Story.begin({ policy: 'suggest' });
  const id = await story.set({}, {});
  const acting = await story.another();
  await story.resolved(id);
  await acting.stop();
});

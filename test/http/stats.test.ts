import type { AcquisitionObject, OverviewObject } from '../../src/stats/stats.dto';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at, expectProblem, type Project } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

/** A project of which Sinch told of three creations, an update of a contact unseen before, a merge and a deletion. */
async function told(): Promise<Project> {
  const project = app.project();
  const identities = [
    { channel: 'WHATSAPP', identity: '15551234567', app_id: 'app-1' },
    { channel: 'SMS', identity: '15551234567', app_id: '' },
  ];
  await project.tell({ create: contact('A', { channel_identities: identities }) }, at(0), {
    app_id: 'envelope',
  });
  await project.tell({ create: contact('B', { language: '' }) }, at(3_600));
  await project.tell({ create: contact('C') }, at(86_400));
  await project.tell({ update: contact('D', { channel_identities: [] }) }, at(0));
  await project.tell(
    { merge: { survivor: contact('A', { channel_identities: identities }), loser: contact('B') } },
    at(7_200),
  );
  await project.tell({ delete: contact('C') }, at(90_000));
  for (const path of ['/stats/overview', '/duplicates:summary'])
    await until(
      async () => (await project.read<Pick<OverviewObject, 'follower'>>(path)).follower.lag_events === 0,
    );
  return project;
}

describe('The overview', () => {
  it('counts contacts by status, channel and language, merges, and those without a CREATE', async () => {
    const project = await told();
    const { follower, ...overview } = await project.read<OverviewObject>('/stats/overview');
    expect(overview).toEqual({
      contacts: { total: 4, active: 2, merged: 1, deleted: 1 },
      by_channel: [
        { value: 'SMS', count: 1 },
        { value: 'WHATSAPP', count: 1 },
      ],
      by_language: [{ value: 'EN', count: 2 }],
      merges: 1,
      without_create: 1,
      open_duplicates: 0,
    });
    expect(follower).toEqual({ lag_events: 0, lag_seconds: 0, parked_events: 0 });
  });

  it('is all zero for a project without any event', async () => {
    const { contacts, by_channel: channels } = await app.project().read<OverviewObject>('/stats/overview');
    expect([contacts.total, channels]).toEqual([0, []]);
  });
});

describe('The acquisition', () => {
  it('tells day by day when contacts were created, and by the first identity of their CREATE', async () => {
    const project = await told();
    const window = 'from=2024-06-14T00:00:00Z&to=2024-06-17T00:00:00Z';
    const answer = await project.read<AcquisitionObject>(`/stats/acquisition?${window}&group_by=channel`);
    expect(answer).toMatchObject({
      from: '2024-06-14T00:00:00.000000Z',
      to: '2024-06-17T00:00:00.000000Z',
      interval: 'day',
      tz: 'UTC',
      group_by: 'channel',
      total: 3,
      without_create: 1,
      points: [
        { start: '2024-06-14T00:00:00.000000Z', label: '2024-06-14', count: 0 },
        { start: '2024-06-15T00:00:00.000000Z', label: '2024-06-15', count: 2 },
        { start: '2024-06-16T00:00:00.000000Z', label: '2024-06-16', count: 1 },
      ],
      series: [
        { kind: 'value', value: 'SMS', total: 2, counts: [0, 1, 1] },
        { kind: 'value', value: 'WHATSAPP', total: 1, counts: [0, 1, 0] },
      ],
    });
    const byApp = await project.read<AcquisitionObject>(
      `/stats/acquisition?${window}&group_by=app_id&interval=month`,
    );
    expect(byApp.series).toEqual([
      { kind: 'none', value: null, total: 2, counts: [2] },
      { kind: 'value', value: 'app-1', total: 1, counts: [1] },
    ]);
  });

  it('has the days of the time zone asked for', async () => {
    const project = await told();
    const { points } = await project.read<AcquisitionObject>(
      '/stats/acquisition?from=2024-06-14T12:00:00Z&to=2024-06-16T12:00:00Z&tz=Pacific/Auckland',
    );
    expect(points).toEqual([
      { start: '2024-06-14T12:00:00.000000Z', label: '2024-06-15', count: 0 },
      { start: '2024-06-15T12:00:00.000000Z', label: '2024-06-16', count: 2 },
    ]);
  });

  it('takes a date as the midnight that begins it in the time zone asked for', async () => {
    const project = await told();
    const read = (query: string): Promise<AcquisitionObject> =>
      project.read<AcquisitionObject>(`/stats/acquisition?${query}`);
    expect(await read('from=2024-06-15&to=2024-06-17&tz=Pacific/Auckland')).toMatchObject({
      from: '2024-06-14T12:00:00.000000Z',
      to: '2024-06-16T12:00:00.000000Z',
    });
    // a day that begins at one o'clock, since midnight was left out
    expect(await read('from=2024-03-31&to=2024-04-01T00:00:00Z&tz=Asia/Beirut')).toMatchObject({
      from: '2024-03-30T22:00:00.000000Z',
    });
    expect(await read('from=2024-06-15&to=2024-06-16T00:00:00Z')).toMatchObject({
      from: '2024-06-15T00:00:00.000000Z',
    });
  });

  it('has 30 days until now where no window is given', async () => {
    const { points, total } = await app.project().read<AcquisitionObject>('/stats/acquisition');
    expect([points.length, total]).toEqual([31, 0]);
  });

  it.each([
    ['tz=Europe/Atlantis', '/query/tz', 'time zone'],
    ['tz=%2B02:00', '/query/tz', 'time zone'],
    ['from=2024-06-15T00:00:00Z&to=2024-06-15T00:00:00Z', '/query/from', 'before to'],
    ['from=2200-01-01T00:00:00Z', '/query/from', 'now'],
    ['from=2000-01-01T00:00:00Z&to=2024-01-01T00:00:00Z&interval=hour', '/query/interval', '2000 points'],
    ['interval=year', '/query/interval', 'must be one of'],
    ['group_by=email', '/query/group_by', 'must be one of'],
    ['from=yesterday', '/query/from', 'RFC 3339'],
    ['from=2024-02-30', '/query/from', 'RFC 3339'],
    ['to=2024-6-1', '/query/to', 'RFC 3339'],
  ])('refuses %s', async (query, pointer, message) => {
    const problem = expectProblem(
      await app.project().get(`/stats/acquisition?${query}`),
      400,
      'invalid-request',
    );
    expect(problem.errors).toEqual([
      expect.objectContaining({ pointer, message: expect.stringContaining(message) }),
    ]);
  });
});

import { answerBytesMax } from '../../src/rest/answer-size';
import { contact } from '../support/sinch/callbacks';
import { ADMIN_KEY, App, at, inParallel, type Project } from '../support/http/app';

jest.setTimeout(180_000);

/** Of one contact, nearly as much as a callback may have. */
const largeBytes = 900_000;
const count = 6;
const ids = Array.from({ length: count }, (_, n) => `L${String(n).padStart(2, '0')}`);

let app: App;
let project: Project;

const large = (id: string, fill: string): Record<string, unknown> =>
  contact(id, { email: 'same@example.com', metadata: fill.repeat(largeBytes) });

beforeAll(async () => {
  app = await App.start();
  project = app.project();
  await inParallel(2, ids, (id) => project.tell({ create: large(id, 'a') }, at(0)));
  await inParallel(2, ids, (id) => project.tell({ update: large(id, 'b') }, at(1)));
  // one contact that changes often
  for (let n = 0; n < count; n++) await project.tell({ update: large('often', String(n % 10)) }, at(n));
  await app.sql('analyze');
});
afterAll(() => app.stop());

/** Pages through a list; each answer has a size within the bound, and shows a row at least. */
async function pagesOf<Row>(
  of: Project,
  path: string,
  name: string,
  total: number,
): Promise<readonly (readonly Row[])[]> {
  const pages: Row[][] = [];
  const deadline = Date.now() + 60_000;
  for (let token = ''; pages.flat().length < total || token !== '';) {
    if (Date.now() > deadline) throw new Error(`${path} has ${pages.flat().length} rows, not ${total}.`);
    const separator = path.includes('?') ? '&' : '?';
    const answer = await of.get(`${path}${separator}page_size=200&page_token=${token}`);
    expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, '']);
    const page = answer.json() as Record<string, Row[]> & { next_page_token: string };
    const rows = page[name] ?? [];
    const isOver = Buffer.byteLength(answer.text) > answerBytesMax + 10_000;
    expect([path, isOver && rows.length > 1]).toEqual([path, false]);
    if (rows.length > 0) pages.push(rows);
    token = page.next_page_token;
    // a list ends with an empty token, a feed never
    if (token === '' || pages.flat().length >= total) break;
  }
  expect(pages.flat()).toHaveLength(total);
  return pages;
}

describe('A page of large rows', () => {
  it.each([
    ['/contacts', 'contacts', count + 1],
    ['/contacts?email=same@example.com', 'contacts', count + 1],
    ['/contacts:changes', 'changes', 3 * count],
    ['/contacts:changes?view=full', 'changes', 3 * count],
    ['/contacts:changes?type=updated', 'changes', 2 * count],
    ['/contacts/often/history', 'history', count],
    ['/audit-events', 'audit_events', 3 * count],
    ['/audit-events?order=asc', 'audit_events', 3 * count],
  ])('of %s ends at 4 MiB, and the next pages have the rest, each row once', async (path, name, total) => {
    const pages = await pagesOf<Record<string, unknown>>(project, path, name, total);
    const rows = pages.flat();
    expect(new Set(rows.map((row) => row['sequence'] ?? row['event_id'] ?? row['id'])).size).toBe(total);
    if (!path.startsWith('/audit')) expect(pages.length).toBeGreaterThan(total / 6);
  });

  it('of merges ends at 4 MiB', async () => {
    const own = app.project();
    for (const id of ids) {
      const survivor = contact(`S${id}`, { metadata: 's'.repeat(450_000) });
      await own.tell({ merge: { survivor, loser: contact(id, { metadata: 'l'.repeat(450_000) }) } }, at(1));
    }
    const pages = await pagesOf<{ id: string }>(own, '/merges', 'merges', count);
    expect(pages.length).toBeGreaterThan(1);
    const changes = await pagesOf<{ merge_id: string }>(own, '/contacts:changes', 'changes', count);
    expect(
      changes
        .flat()
        .map(({ merge_id: id }) => id)
        .sort(),
    ).toEqual(
      pages
        .flat()
        .map(({ id }) => id)
        .sort(),
    );
    // a history of merges
    const losers = app.project();
    for (const id of ids)
      await losers.tell({ merge: { survivor: contact('S'), loser: large(id, 'l') } }, at(1));
    await pagesOf(losers, '/contacts/S/history', 'history', count);
  });

  it('of events that name many contacts ends at 4 MiB', async () => {
    const own = app.project();
    const eventsCount = 9;
    const named = Array.from({ length: 1_000 }, (_, n) => `${String(n).padStart(4, '0')}${'x'.repeat(496)}`);
    for (let n = 0; n < eventsCount; n++)
      await own.tell({ duplicates: [{ channel: 'SMS', contact_ids: named }] }, at(n));
    for (const path of ['/audit-events', '/audit-events?order=asc', `/contacts/${named[1]}/history`]) {
      const name = path.startsWith('/audit') ? 'audit_events' : 'history';
      await pagesOf(own, path, name, eventsCount);
    }
    const lines = (await own.get('/audit-events:export')).text.trim().split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([
      eventsCount + 2,
      `{"end":{"complete":true,"rows":${eventsCount}}}`,
    ]);
  });

  it('of an export is whole, in both formats', async () => {
    const lines = (await project.get('/contacts:export')).text.trim().split('\n');
    expect(lines.at(-1)).toBe(`{"end":{"complete":true,"rows":${count + 1}}}`);
    expect(lines).toHaveLength(count + 3);
    expect((await project.get('/contacts:export?format=csv')).text).toMatch(
      new RegExp(`"rows=${count + 1}"`),
    );
  });
});

it('A set of duplicates shows as many members as fit, and how many it leaves out', async () => {
  await project.followed();
  const { duplicates } = await project.read<{ duplicates: { id: string; contact_ids: string[] }[] }>(
    '/duplicates?reason=email',
  );
  const [set] = duplicates;
  expect(set?.contact_ids).toHaveLength(count + 1);
  const answer = await project.get(`/duplicates/${set?.id}`);
  const whole = answer.json() as { members: { id: string }[]; members_left_out: number };
  expect(whole.members.map(({ id }) => id)).toEqual(set?.contact_ids.slice(0, whole.members.length));
  expect([whole.members.length > 0, whole.members.length + whole.members_left_out]).toEqual([
    true,
    count + 1,
  ]);
  expect(whole.members_left_out).toBeGreaterThan(0);
  // the comparison repeats what members have
  expect(Buffer.byteLength(answer.text)).toBeLessThan(2 * answerBytesMax + 20_000);
  // a merge of all would leave out those that are not shown
  expect((await project.post(`/duplicates/${set?.id}:merge`, {})).status).toBe(413);
});

describe('A batch of large contacts', () => {
  interface Result {
    id: string;
    contact?: { id: string };
    problem?: { code: string; detail: string };
  }
  const batch = async (of: Project, asked: readonly string[]): Promise<[Result[], number]> => {
    const answer = await of.post('/contacts:batchGet', { ids: asked, on_merged: 'follow' });
    expect(answer.status).toBe(200);
    return [(answer.json() as { results: Result[] }).results, Buffer.byteLength(answer.text)];
  };

  it('answers as many as fit, and says of the others to ask again for them', async () => {
    const asked = [...ids, 'nobody'];
    const seen: string[] = [];
    for (let left = asked; left.length > 0;) {
      const [results, bytes] = await batch(project, left);
      expect(bytes).toBeLessThan(answerBytesMax + 20_000);
      expect(results.map(({ id }) => id)).toEqual(left);
      const later = results.filter(({ problem }) => problem?.code === 'answer-too-large');
      expect(later.every(({ problem }) => problem?.detail.includes('Ask again'))).toBe(true);
      expect(later.length).toBeLessThan(left.length);
      seen.push(
        ...results.flatMap(
          ({ contact: found, problem }) => found?.id ?? (problem?.code === 'not-found' ? ['nobody'] : []),
        ),
      );
      left = later.map(({ id }) => id);
    }
    expect(seen.sort()).toEqual([...asked].sort());
  });

  it('counts a contact as often as it is shown', async () => {
    const own = app.project();
    const merged = ids.map((id) => `M${id}`);
    for (const [n, id] of merged.entries())
      await own.tell({ merge: { survivor: large('S', 'x'), loser: contact(id) } }, at(n));
    const [results, bytes] = await batch(own, merged);
    expect(bytes).toBeLessThan(answerBytesMax + 20_000);
    // with its metadata once more as the consolidated one
    expect(results.filter(({ contact: found }) => found?.id === 'S')).toHaveLength(2);
    expect(results.filter(({ problem }) => problem?.code === 'answer-too-large')).toHaveLength(count - 2);
  });
});

describe('Merges in long chains', () => {
  const chainLength = 20_000;
  const idOf = (n: number): string => `c${String(n).padStart(6, '0')}`;
  let own: Project;
  beforeAll(async () => {
    own = app.project();
    await app.sql(
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, survivor_id, gone_version, gone_tie_break)
       select $1, 'c' || lpad(n::text, 6, '0'), 1, '\\x03', json_build_object('id', 'c' || lpad(n::text, 6, '0')), '{}', gone,
              case when gone is not null then 'c' || lpad((n + 1)::text, 6, '0') end, case when gone is not null then 1 end,
              case when gone is not null then '\\x03'::bytea end
       from generate_series(0, $2::int) n
       cross join lateral (select case when n < $2 then 'merged' end as gone) g`,
      [own.id, chainLength],
    );
    await app.sql('analyze contact');
  });

  it('are followed for 1,000 ids at the head of a chain of 20,000 with work for the chain alone', async () => {
    const asked = Array.from({ length: 1_000 }, (_, n) => idOf(n));
    const before = process.cpuUsage();
    const answer = await own.post('/contacts:resolve', { ids: asked });
    const { user } = process.cpuUsage(before);
    const { results } = answer.json() as {
      results: { survivor_id: string; chain: string[]; chain_length: number }[];
    };
    expect(results.map(({ survivor_id: id }) => id)).toEqual(asked.map(() => idOf(chainLength)));
    expect(results.map(({ chain_length: length }) => length)).toEqual(
      asked.map((_, n) => chainLength + 1 - n),
    );
    expect(results.every(({ chain }) => chain.length === 50)).toBe(true);
    // more than 10 s if each chain is built again for every contact
    expect(user).toBeLessThan(4_000_000);
    const batch = await own.post('/contacts:batchGet', { ids: asked, on_merged: 'follow' });
    const found = (
      batch.json() as { results: { contact?: { id: string; mirror: { merged_ids: string[] } } }[] }
    ).results;
    expect(new Set(found.flatMap((each) => each.contact?.id ?? []))).toEqual(new Set([idOf(chainLength)]));
    expect(found[0]?.contact?.mirror.merged_ids).toHaveLength(1_000);
  });

  it('leave the chains out where they would exceed the size of an answer', async () => {
    const wide = app.project();
    const longId = (n: number): string => `${String(n).padStart(4, '0')}${'y'.repeat(500)}`;
    for (let n = 0; n < 200; n++)
      await wide.tell({ merge: { survivor: contact(longId(n + 1)), loser: contact(longId(n)) } }, at(n));
    const answer = await wide.post('/contacts:resolve', {
      ids: Array.from({ length: 1_000 }, (_, n) => longId(n % 200)),
    });
    expect(Buffer.byteLength(answer.text)).toBeLessThan(2 * answerBytesMax);
    const { results } = answer.json() as {
      results: { survivor_id: string; chain?: string[]; chain_length: number }[];
    };
    expect(
      results.every(({ survivor_id: id, chain_length: length }) => id === longId(200) && length > 1),
    ).toBe(true);
    expect(results[0]?.chain).toHaveLength(50);
    expect(results.at(-1)?.chain).toBeUndefined();
  });

  it('answers one that leads through more than 100,000 contacts with how to ask', async () => {
    const endless = app.project();
    await app.sql(
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, survivor_id, gone_version, gone_tie_break)
       select $1, 'c' || n, 1, '\\x03', '{}', '{}', 'merged', 'c' || (n + 1), 1, '\\x03' from generate_series(0, 100010) n`,
      [endless.id],
    );
    const answer = await app.request(
      'POST',
      `${endless.base}/contacts:resolve`,
      { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      JSON.stringify({ ids: ['c0'] }),
    );
    expect([answer.status, answer.text]).toEqual([413, expect.stringContaining('Ask for fewer ids')]);
  });
});

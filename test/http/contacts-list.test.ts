import type { ContactsPage, ContactObject } from '../../src/contacts/contacts.dto';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, inParallel, type Project } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const search = (query: Readonly<Record<string, string>>): string => new URLSearchParams(query).toString();

async function idsOf(project: Project, query: Readonly<Record<string, string>>): Promise<string[]> {
  const { contacts } = await project.read<ContactsPage>(`/contacts?${search(query)}`);
  return contacts.map(({ id }) => id);
}

const identities = (...pairs: readonly (readonly [string, string])[]): object => ({
  channel_identities: pairs.map(([channel, identity]) => ({ channel, identity, app_id: '' })),
});

describe('The list of contacts, filtered', () => {
  let project: Project;
  const long = 'x'.repeat(600);
  beforeAll(async () => {
    project = app.project();
    const people: Record<string, Record<string, unknown>> = {
      ann: {
        display_name: 'Ann Example',
        email: 'Ann@Example.com',
        external_id: 'crm-1',
        language: 'EN',
        ...identities(['SMS', '15551234567'], ['WHATSAPP', '15551234567']),
      },
      bob: {
        display_name: 'Bob 100%',
        email: 'bob@example.com',
        external_id: 'crm-1',
        language: 'DE',
        ...identities(['SMS', '+4915112345678']),
      },
      cyd: {
        display_name: 'Cyd_under',
        email: 'ann@example.com',
        external_id: 'CRM-1',
        language: 'EN',
        ...identities(['MESSENGER', '15551234567'], ['TELEGRAM', '15551234567']),
      },
      dan: {
        display_name: 'Dan back\\slash',
        email: '',
        external_id: '2024-06-15',
        language: 'EN_US',
        ...identities(['WHATSAPP', '551187654321'], ['MESSENGER', '9KC0p+pi4zPGFO99ACDxdQ==']),
      },
      eve: {
        display_name: 'ÉVELYNE Müller',
        email: 'ÉVE@müller.example',
        external_id: long + '1',
        language: 'FR',
        ...identities(['RCS', '5215512345678']),
      },
      fay: {
        display_name: 'Ann Underling',
        external_id: long + '2',
        language: 'EN',
        ...identities(['VIBERBM', '5491123456789']),
      },
      ian: {
        display_name: '李明 Mu\u0308ller\u00a0Jr',
        email: 'kim.tést@example.com ',
        external_id: ' vip\u00a07 ',
        language: 'ZH',
        ...identities(['RCS', '+49\u2010151\u201087654321']),
      },
      gus: { display_name: 'Gus Gone', email: 'gus@example.com', external_id: 'crm-9', language: 'EN' },
      hal: { display_name: 'Hal Merged', email: 'hal@example.com', external_id: 'crm-9', language: 'EN' },
    };
    for (const [id, fields] of Object.entries(people))
      await project.tell({ create: contact(id, fields) }, at(0));
    await project.tell({ delete: contact('gus', people['gus']) }, at(1));
    await project.tell(
      { merge: { survivor: contact('ann', people['ann']), loser: contact('hal', people['hal']) } },
      at(2),
    );
    // of another project, and alike
    await app.project().tell({ create: contact('ann', people['ann']) }, at(0));
  });

  it.each<[string, Record<string, string>, string[]]>([
    ['nothing', {}, ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'ian']],
    ['status active', { status: 'active' }, ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'ian']],
    ['status merged', { status: 'merged' }, ['hal']],
    ['status deleted', { status: 'deleted' }, ['gus']],
    ['status all', { status: 'all' }, ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus', 'hal', 'ian']],
    ['external_id, which need not be unique', { external_id: 'crm-1' }, ['ann', 'bob']],
    ['external_id in its case', { external_id: 'CRM-1' }, ['cyd']],
    ['external_id that looks like a date', { external_id: '2024-06-15' }, ['dan']],
    ['external_id of 601 characters', { external_id: `${long}2` }, ['fay']],
    ['external_id that is the begin of others', { external_id: long }, []],
    ['external_id of one who is gone', { external_id: 'crm-9' }, []],
    ['external_id of all', { external_id: 'crm-9', status: 'all' }, ['gus', 'hal']],
    ['an SMS identity', { channel: 'SMS', identity: '15551234567' }, ['ann']],
    ['an SMS identity with a plus', { channel: 'SMS', identity: '+15551234567' }, ['ann']],
    ['an identity that Sinch sent with a plus', { channel: 'SMS', identity: '4915112345678' }, ['bob']],
    [
      'the same number on a channel that has no numbers',
      { channel: 'MESSENGER', identity: '15551234567' },
      ['cyd'],
    ],
    ['a plus on a channel that has no numbers', { channel: 'MESSENGER', identity: '+15551234567' }, []],
    ['an identity in base64', { channel: 'MESSENGER', identity: '9KC0p+pi4zPGFO99ACDxdQ==' }, ['dan']],
    ['an identity on no channel of its', { channel: 'RCS', identity: '15551234567' }, []],
    ['phone', { phone: '15551234567' }, ['ann']],
    ['phone, written for people', { phone: '+1 (555) 123-4567' }, ['ann']],
    ['phone with 00', { phone: '0049 151 12345678' }, ['bob']],
    ['phone in Brazil with the ninth digit', { phone: '+55 11 98765-4321' }, ['dan']],
    ['phone in Brazil without', { phone: '+55 11 8765-4321' }, ['dan']],
    ['phone in Mexico without the 1', { phone: '+52 55 1234 5678' }, ['eve']],
    ['phone in Mexico with the 1', { phone: '+52 1 55 1234 5678' }, ['eve']],
    ['phone in Argentina without the 9', { phone: '+54 11 2345-6789' }, ['fay']],
    ['email in any case', { email: 'ANN@EXAMPLE.COM' }, ['ann', 'cyd']],
    ['email with letters beyond ASCII', { email: 'éve@MÜLLER.example' }, ['eve']],
    ['status in upper case', { status: 'MERGED' }, ['hal']],
    ['email of a part', { email: 'ann@example' }, []],
    ['email with wildcards', { email: '%@example.com' }, []],
    ['q', { q: 'ann' }, ['ann', 'fay']],
    ['q within a word', { q: 'xamp' }, ['ann']],
    ['q with letters beyond ASCII in another case', { q: 'évely' }, ['eve']],
    ['q with a percent sign', { q: '00%' }, ['bob']],
    ['q of wildcards', { q: '%%%' }, []],
    ['q with an underscore', { q: 'd_u' }, ['cyd']],
    ['q with an underscore that is none', { q: 'n_E' }, []],
    ['q with a backslash', { q: 'k\\s' }, ['dan']],
    ['language', { language: 'EN' }, ['ann', 'cyd', 'fay']],
    ['language in another case', { language: 'en' }, ['ann', 'cyd', 'fay']],
    ['the start of a word of the name', { q: 'UN' }, ['cyd', 'fay']],
    ['two characters within a word', { q: 'nn' }, []],
    ['one character of Chinese', { q: '明' }, ['ian']],
    ['two characters of Chinese', { q: '李明' }, ['ian']],
    ['the composed form of a name', { q: 'müller jr' }, ['ian']],
    ['the decomposed form of a name', { q: 'MU\u0308LLER\u00a0JR' }, ['ian']],
    ['email with blanks around and in another form', { email: ' KIM.te\u0301st@example.com\u00a0' }, ['ian']],
    ['external_id with blanks around it', { external_id: 'vip 7' }, ['ian']],
    ['a channel in lower case', { channel: 'rcs', identity: '+49 151 8765 4321' }, ['ian']],
    ['phone with typographic hyphens', { phone: '+49\u2011151\u201187654321' }, ['ian']],
    ['phone in full-width digits', { phone: '＋４９１５１８７６５４３２１' }, ['ian']],
    ['phone with marks of direction and tel:', { phone: '\u202atel:+49-151-87654321\u202c' }, ['ian']],
    ['phone with whatsapp:', { phone: 'whatsapp:4915187654321' }, ['ian']],
    [
      'all at once',
      {
        q: 'ann',
        language: 'EN',
        email: 'ann@example.com',
        external_id: 'crm-1',
        phone: '+15551234567',
        channel: 'WHATSAPP',
        identity: '15551234567',
        status: 'active',
      },
      ['ann'],
    ],
    ['all at once and one that does not fit', { q: 'ann', language: 'DE' }, []],
    ['merged ones by name', { q: 'merged', status: 'merged' }, ['hal']],
  ])('by %s', async (_what, query, ids) => {
    expect(await idsOf(project, query)).toEqual(ids);
    // and alike page by page
    const pages = await project.pages<ContactObject>('/contacts', 'contacts', { ...query, page_size: '1' });
    expect(pages.flat().map(({ id }) => id)).toEqual(ids);
  });

  it.each([
    ['channel=SMS', 'identity', 'required'],
    ['identity=1555', 'channel', 'required'],
    ['phone=hello', 'phone', 'phone'],
    ['phone=12', 'phone', 'phone'],
    ['q=a', 'q', 'min-length'],
    ['q=%F0%9F%98%80', 'q', 'min-length'],
    ['external_id=', 'external_id', 'is-not-empty'],
    ['status=gone', 'status', 'is-in'],
    ['page_size=-1', 'page_size', 'page-size'],
    ['page_size=ten', 'page_size', 'page-size'],
  ])('by %s is refused, and the parameter is named', async (query, name, code) => {
    const problem = expectProblem(await project.get(`/contacts?${query}`), 400, 'invalid-request');
    expect(problem.errors).toEqual([
      { pointer: `/query/${name}`, code, message: expect.stringMatching(/^\S+ /) },
    ]);
  });

  it('finds numbers where Sinch has texts by their text, and every one of many identities', async () => {
    const other = await App.start({ hasAnyContacts: true });
    const own = other.project();
    const numbers = { external_id: 12345, display_name: 678, email: 9, language: 7 };
    await own.tell(
      {
        create: contact('A', { ...numbers, channel_identities: [{ channel: 'SMS', identity: 15551234567 }] }),
      },
      at(0),
    );
    const many = Array.from({ length: 2_000 }, (_, n) => ({
      channel: 'SMS',
      identity: `1555${1_000_000 + n}`,
      app_id: '',
    }));
    await own.tell({ create: contact('B', { channel_identities: many }) }, at(1));
    const queries: readonly (readonly [Record<string, string>, string])[] = [
      [{ external_id: '12345' }, 'A'],
      [{ q: '678' }, 'A'],
      [{ email: '9' }, 'A'],
      [{ language: '7' }, 'A'],
      [{ phone: '+1 555 123 4567' }, 'A'],
      [{ channel: 'SMS', identity: '15551234567' }, 'A'],
      [{ phone: '15551001999' }, 'B'],
      [{ channel: 'SMS', identity: '+15551001999' }, 'B'],
    ];
    for (const [query, id] of queries) expect([query, await idsOf(own, query)]).toEqual([query, [id]]);
    await other.stop();
  });

  it.each([
    ['email=kim+news@example.com', ['A']],
    ['email=KIM%2Bnews@example.com', ['A']],
    ['email=kim%20news@example.com', ['A']],
    ['phone=+15551234567', ['A']],
    ['channel=SMS&identity=+15551234567', ['A']],
    ['email=kim++news@example.com', []],
  ])('finds a plus that is not encoded: %s', async (query, ids) => {
    const own = app.project();
    const fields = { email: 'kim+news@example.com', ...identities(['SMS', '15551234567']) };
    await own.tell({ create: contact('A', fields) }, at(0));
    expect((await own.read<ContactsPage>(`/contacts?${query}`)).contacts.map(({ id }) => id)).toEqual(ids);
  });

  it('leads from what a merged contact held to its survivor, a row for each match, if merges are followed', async () => {
    const own = app.project();
    const person = (id: string, n: number): Record<string, unknown> =>
      contact(id, {
        external_id: `crm-${n}`,
        email: 'kim@example.com',
        ...identities(['SMS', `1555000000${n}`]),
      });
    for (const [n, id] of ['a', 'b', 'c', 'd', 'e'].entries())
      await own.tell({ create: person(id, n) }, at(0));
    await own.tell({ merge: { survivor: person('b', 1), loser: person('a', 0) } }, at(1));
    await own.tell({ merge: { survivor: person('c', 2), loser: person('b', 1) } }, at(2));
    await own.tell({ merge: { survivor: person('e', 4), loser: person('d', 3) } }, at(3));
    await own.tell({ delete: person('e', 4) }, at(4));
    const follow = async (query: Record<string, string>): Promise<unknown[]> => {
      const pages = await own.pages<ContactObject>('/contacts', 'contacts', {
        ...query,
        on_merged: 'follow',
      });
      return pages.flat().map(({ id, mirror }) => [mirror.matched_id, id, mirror.status]);
    };
    expect(await idsOf(own, { external_id: 'crm-0' })).toEqual([]);
    const merged = [['a', 'c', 'active']];
    expect(await follow({ external_id: 'crm-0' })).toEqual(merged);
    expect(await follow({ phone: '+1 555 000 0000' })).toEqual(merged);
    expect(await follow({ channel: 'SMS', identity: '15550000000' })).toEqual(merged);
    const all = [...merged, ['b', 'c', 'active'], ['c', 'c', 'active']];
    expect(await follow({ email: 'kim@example.com' })).toEqual(all);
    expect(await follow({ email: 'kim@example.com', page_size: '1' })).toEqual(all);
    // whose survivor was deleted
    expect(await follow({ external_id: 'crm-3' })).toEqual([]);
    expect(await follow({ external_id: 'crm-3', status: 'all' })).toEqual([['d', 'd', 'merged']]);
    expectProblem(await own.get('/contacts?on_merged=error'), 400, 'invalid-request');
  });

  it('by a parameter that it does not know is refused', async () => {
    const problem = expectProblem(await project.get('/contacts?externalId=1'), 400, 'unknown-parameter');
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(['/query/externalId']);
  });

  it('shows each contact as Sinch sent it, and what the mirror knows beside', async () => {
    const { contacts } = await project.read<ContactsPage>('/contacts?status=all&language=EN&q=gone');
    expect(contacts).toEqual([
      {
        ...contact('gus', { display_name: 'Gus Gone', email: 'gus@example.com', external_id: 'crm-9' }),
        mirror: {
          status: 'deleted',
          version: String(at(1)),
          accepted_at: '2024-06-15T14:00:01.000000Z',
          updated_at: '2024-06-15T14:00:01.000000Z',
          survivor_id: null,
          merged_ids: [],
          open_duplicates: [],
          consolidated_metadata: null,
        },
      },
    ]);
    const merged = await project.read<ContactsPage>('/contacts?status=merged');
    expect(merged.contacts[0]?.mirror).toMatchObject({
      status: 'merged',
      survivor_id: 'ann',
      merged_ids: [],
    });
    const [ann] = (await project.read<ContactsPage>('/contacts?external_id=crm-1')).contacts;
    expect(ann?.mirror.merged_ids).toEqual(['hal']);
  });
});

describe('The list of contacts, in pages', () => {
  let project: Project;
  const ids = Array.from({ length: 120 }, (_, n) => `${n % 2 === 0 ? 'a' : 'B'}/${n}:${'é'.repeat(n % 3)}%`);
  const inOrder = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  beforeAll(async () => {
    project = app.project('a project/with:odd%characters é');
    await inParallel(8, ids, (id, n) =>
      project.tell({ create: contact(id, { language: n < 60 ? 'EN' : 'DE' }) }, at(n)),
    );
    await app.project().tell({ create: contact('of another project') }, at(0));
  });

  it('has every contact exactly once, in the order of ids', async () => {
    const pages = await project.pages<ContactObject>('/contacts', 'contacts', { page_size: '7' });
    expect(pages.map((page) => page.length)).toEqual([...Array.from({ length: 17 }, () => 7), 1]);
    expect(pages.flat().map(({ id }) => id)).toEqual(inOrder);
  });

  it('has no empty page at its end where the contacts fill the last page', async () => {
    const pages = await project.pages<ContactObject>('/contacts', 'contacts', { page_size: '40' });
    expect(pages.map((page) => page.length)).toEqual([40, 40, 40]);
  });

  it('has 50 on a page unless asked otherwise, and 200 at most', async () => {
    for (const size of ['0', '']) {
      const sizes = await project.pages('/contacts', 'contacts', { page_size: size });
      expect(sizes.map((page) => page.length)).toEqual([50, 50, 20]);
    }
    expect((await project.pages('/contacts', 'contacts')).map((page) => page.length)).toEqual([50, 50, 20]);
    await inParallel(
      8,
      Array.from({ length: 90 }, (_, n) => `z${n}`),
      (id) => project.tell({ delete: contact(id) }, at(0)),
    );
    const clamped = await project.pages('/contacts', 'contacts', { status: 'all', page_size: '100000' });
    expect(clamped.map((page) => page.length)).toEqual([200, 10]);
  });

  it('continues at its place when contacts are created and deleted between two pages', async () => {
    const other = app.project();
    for (const id of ['a', 'c', 'e']) await other.tell({ create: contact(id) }, at(0));
    const first = await other.read<ContactsPage>('/contacts?page_size=2');
    await other.tell({ create: contact('b') }, at(1));
    await other.tell({ create: contact('d') }, at(1));
    await other.tell({ delete: contact('c') }, at(1));
    const second = await other.read<ContactsPage>(
      `/contacts?page_size=5&page_token=${first.next_page_token}`,
    );
    expect([first, second].map(({ contacts }) => contacts.map(({ id }) => id))).toEqual([
      ['a', 'c'],
      ['d', 'e'],
    ]);
  });

  it('takes a token for the list that it was given out for, and no other', async () => {
    const { next_page_token: token } = await project.read<ContactsPage>('/contacts?page_size=7&language=EN');
    const again = await project.read<ContactsPage>(`/contacts?language=EN&page_token=${token}`);
    expect(again.contacts).toHaveLength(50);
    const others = [
      `${project.base}/contacts?page_token=${token}`,
      `${project.base}/contacts?language=DE&page_token=${token}`,
      `${project.base}/contacts?language=EN&status=all&page_token=${token}`,
      `${app.project().base}/contacts?language=EN&page_token=${token}`,
      `${project.base}/audit-events?page_token=${token}`,
      `${project.base}/contacts:changes?page_token=${token}`,
      `/v1/quarantine?page_token=${token}`,
      `${project.base}/contacts?language=EN&page_token=${token}A`,
      `${project.base}/contacts?language=EN&page_token=${token.slice(0, -1)}`,
      `${project.base}/contacts?language=EN&page_token=nonsense`,
      `${project.base}/contacts?language=EN&page_token=latest`,
    ];
    for (const path of others) {
      const problem = expectProblem(await app.get(path), 400, 'page-token-mismatch');
      expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(['/query/page_token']);
    }
  });

  it('holds its tokens over a restart and on another replica', async () => {
    const { next_page_token: token, contacts } = await project.read<ContactsPage>('/contacts?page_size=7');
    const replica = await App.start({ database: app.database });
    const next = await replica
      .project(project.id)
      .read<ContactsPage>(`/contacts?page_size=1&page_token=${token}`);
    expect([contacts.length, next.contacts.map(({ id }) => id)]).toEqual([7, [inOrder[7]]]);
    await replica.stop();
  });

  it('shows each contact under its own path, however odd its id', async () => {
    const some = ['a/0:%', 'B/1:é%', 'a/2:éé%'];
    for (const id of some) {
      expect((await project.contact(id)).id).toBe(id);
      expect((await project.get(`/contacts/${encodeURIComponent(id)}/history`)).status).toBe(200);
    }
    const odd = [
      'a?b#c',
      'a b+c',
      'a;b=c',
      '%2F',
      '%252F',
      'x:y',
      'contacts',
      '"',
      '\u{1f600}',
      'a,b',
      'é'.repeat(256),
    ];
    const other = app.project();
    for (const id of odd) {
      await other.tell({ create: contact(id) }, at(0));
      expect((await other.contact(id)).id).toBe(id);
    }
    expect((await other.read<ContactsPage>('/contacts')).contacts).toHaveLength(odd.length);
  });

  it('is empty for a project without any event', async () => {
    expect(await app.project().read('/contacts')).toEqual({ contacts: [], next_page_token: '' });
  });
});

describe("Sinch's own write paths", () => {
  it.each([
    ['POST', '/contacts'],
    ['PATCH', '/contacts/A'],
    ['DELETE', '/contacts/A'],
    ['POST', '/contacts/A:merge'],
    ['POST', '/contacts:getChannelProfile'],
  ] as const)('are answered 405, and say why: %s %s', async (method, path) => {
    const answer = await app.request(method, `/v1/projects/p${path}`);
    expect(expectProblem(answer, 405, 'method-not-allowed').detail).toContain('read-only');
    expect(typeof answer.headers['allow']).toBe('string');
  });
});

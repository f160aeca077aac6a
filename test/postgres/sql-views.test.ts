import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { currentReading } from '../../src/audit/commit/projections.rule';
import { migrate } from '../../src/database/migrate';
import { contact } from '../support/sinch/callbacks';
import {
  createDatabase,
  needed,
  READER_ROLE,
  SERVICE_ROLE,
  type TestDatabase,
} from '../support/server/database';
import { ask, connect, openQueue } from '../support/postgres/connections';
import { event, eventOf } from '../support/postgres/events';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const [OURS, THEIRS] = ['ours', 'theirs'] as const;
/** Roles belong to the cluster, which tests share. */
const suffix = randomBytes(6).toString('hex');
const [ANA, BOB, GROUP] = [`ana_${suffix}`, `bob_${suffix}`, `group_${suffix}`] as const;
const DOCUMENTED = `bi_reports_${suffix}`;
const VIEWS = ['contacts', 'identities', 'events', 'merges', 'duplicates'] as const;

const document = readFileSync('docs/sql.md', 'utf8');
const blocks = Array.from(
  document.matchAll(/<!-- sql: [^>]*-->\n\n```sql\n([^]*?)```/g),
  ([, block = '']) => block,
);

let database: TestDatabase;

/** Connects as another user; the server of the tests trusts or knows the password. */
function urlOf(user: string): string {
  const url = new URL(database.ownerUrl);
  url.username = user;
  url.password = 'secret';
  return url.href;
}

/** The same as `ask`, as one who reads views. */
const as = <Row extends object>(user: string, sql: string): Promise<Row[]> => ask<Row>(urlOf(user), sql);

beforeAll(async () => {
  database = await createDatabase();
  const queue = await openQueue(database.url);
  for (const project of [OURS, THEIRS]) {
    const says = (id: string): Record<string, unknown> =>
      contact(id, {
        display_name: `Zoë of ${project}`,
        email: 'Zoe@Example.com',
        external_id: `crm-${id}`,
        metadata: '{"from":"ads"}',
        channel_identities: [
          { channel: 'MESSENGER', identity: 'psid', app_id: 'app' },
          { channel: 'WHATSAPP', identity: '+1 (555) 123-4567', app_id: '' },
        ],
      });
    for (const [at, id] of ['A', 'B', 'C', 'D', 'E'].entries())
      await queue.commit(event(project, { create: says(id) }, at * 1_000));
    const merge = { merge: { survivor: says('A'), loser: says('B') } };
    await queue.commit(event(project, merge, 10_000));
    await queue.commit(event(project, merge, 20_000));
    await queue.commit(event(project, { delete: says('D') }, 30_000));
  }
  await queue.close();
  await ask(
    database.ownerUrl,
    `insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at, snoozed_until)
     select project, status, '{A,C}', 2, '{email}', '{}', 0, now(), now(), case when status = 'snoozed' then now() - interval '1 s' end
     from unnest('{ours,theirs}'::text[]) project, unnest('{open,snoozed}'::text[]) status;
     create role ${ANA} login password 'secret'; create role ${BOB} login password 'secret'; create role ${GROUP};
     grant ${GROUP} to ${BOB};
     insert into mirror.bi_grants values ('${ANA}', '${OURS}'), ('${GROUP}', '${THEIRS}')`,
  );
  await migrate(database.ownerUrl, database.ownerUrl);
});
afterAll(async () => {
  await ask(database.ownerUrl, `drop owned by ${ANA}, ${BOB}, ${GROUP}`);
  await ask(database.ownerUrl, `drop role ${ANA}, ${BOB}, ${GROUP}`);
  await database.drop();
});

describe('the views', () => {
  it('show contacts as Sinch reports them, with what became of them', async () => {
    const rows = await as(
      ANA,
      `select *, accepted_at::text as accepted, updated_at::text as updated from mirror.contacts order by id`,
    );
    expect(rows).toHaveLength(5);
    expect(rows[0]).toMatchObject({
      project_id: OURS,
      id: 'A',
      status: 'active',
      display_name: 'Zoë of ours',
      email: 'Zoe@Example.com',
      external_id: 'crm-A',
      language: 'EN',
      metadata: '{"from":"ads"}',
      survivor_id: null,
    });
    expect(rows[1]).toMatchObject({ id: 'B', status: 'merged', survivor_id: 'A' });
    expect(rows[3]).toMatchObject({ id: 'D', status: 'deleted' });
  });

  it('show the times that the journal has, to the microsecond', async () => {
    const rows = await as(
      ANA,
      `select c.id
       from mirror.contacts c
       join mirror.events e on e.project_id = c.project_id and e.contact_id = c.id and e.accepted_at = c.accepted_at
       where c.status <> 'merged'
       order by 1`,
    );
    expect(rows.map(({ id }: { id?: string }) => id)).toEqual(expect.arrayContaining(['A', 'C', 'D', 'E']));
  });

  it('show identities with the phone number by the reading that matches duplicates', async () => {
    expect(await as(ANA, `select * from mirror.identities where contact_id = 'A'`)).toEqual([
      {
        project_id: OURS,
        contact_id: 'A',
        channel: 'MESSENGER',
        identity: 'psid',
        app_id: 'app',
        phone: null,
      },
      {
        project_id: OURS,
        contact_id: 'A',
        channel: 'WHATSAPP',
        identity: '+1 (555) 123-4567',
        app_id: null,
        phone: '15551234567',
      },
    ]);
  });

  it('show a merge once, however often it was reported, and a set whose snooze is over as open', async () => {
    const merges = await as(
      ANA,
      'select project_id, loser_id, survivor_id, source, merged_at from mirror.merges',
    );
    expect(merges).toMatchObject([{ project_id: OURS, loser_id: 'B', survivor_id: 'A', source: 'webhook' }]);
    expect(await as(ANA, 'select status, contact_ids, snoozed_until from mirror.duplicates')).toEqual([
      { status: 'open', contact_ids: ['A', 'C'], snoozed_until: null },
      { status: 'open', contact_ids: ['A', 'C'], snoozed_until: null },
    ]);
  });

  it('never fail on what a contact or a payload holds: what jsonb refuses is null beside the text', async () => {
    const queue = await openQueue(database.url);
    const bodyOf = (id: string, name: string, more = ''): Buffer =>
      Buffer.from(
        `{"project_id":"${OURS}","accepted_time":"2024-06-15T20:00:00Z","contact_create_notification":{"contact":{"id":"${id}","display_name":"${name}"${more},"channel_identities":[{"channel":"SMS","identity":"15550001111","app_id":""}]}}}`,
      );
    const hostile: readonly (readonly [string, Buffer, string | null, boolean])[] = [
      ['nul', bodyOf('nul', String.raw`x\u0000\u0000y`), 'x\ufffd\ufffdy', false],
      ['high', bodyOf('high', String.raw`x\ud83d\uD83D y`), 'x\ufffd\ufffd y', false],
      ['low', bodyOf('low', String.raw`\ud83d\ude00\ude00`), '😀\ufffd', false],
      ['pair', bodyOf('pair', String.raw`\ud83d\ude00`), '😀', true],
      [
        'slash',
        bodyOf('slash', String.raw`\\u0000 \\\u0041 \\ud83d\\\\ud83d`),
        String.raw`\u0000 \A \ud83d\\ud83d`,
        true,
      ],
      ['slash-pair', bodyOf('slash-pair', String.raw`\\ud83d\ude00`), `\\ud83d\ufffd`, false],
      ['exponent', bodyOf('exponent', 'n', ',"n":1e400'), 'n', true],
      ['overflow', bodyOf('overflow', 'n', ',"n":1e999999999'), 'n', false],
      ['underflow', bodyOf('underflow', 'n', ',"n":-1.5E-20000'), 'n', false],
      ['digits', bodyOf('digits', 'n', `,"n":${'9'.repeat(140_000)}`), 'n', false],
      ['fraction', bodyOf('fraction', 'n', `,"n":0.${'9'.repeat(17_000)}`), 'n', false],
      [
        'in-text',
        bodyOf('in-text', `1e99999 ${'9'.repeat(20_000)} 1e99999`),
        `1e99999 ${'9'.repeat(20_000)} 1e99999`,
        true,
      ],
      ['long', bodyOf('long', 'n', `,"n":[${Array(9_900).fill('1e9999').join()}]`), 'n', false],
      ['marked', bodyOf('marked', 'm'), 'm', true],
      ['number', bodyOf('number', 'n', ',"email":12,"metadata":{"a":[1]},"language":null'), 'n', true],
    ];
    // some proxies put a byte order mark before the body
    const marked = (body: Buffer) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
    for (const [id, body] of hostile)
      await queue.commit(eventOf(body, { payload: id === 'marked' ? marked(body) : body }));
    await queue.close();
    const found = await as<{
      id: string;
      display_name: string;
      has_payload: boolean;
      text: string;
      phone: string;
    }>(
      ANA,
      `select c.id, c.display_name, e.payload is not null as has_payload, e.payload::text is not null as is_text, e.payload_text as text, i.phone
       from mirror.contacts c
       join mirror.events e on e.project_id = c.project_id and e.contact_id = c.id
       join mirror.identities i on i.project_id = c.project_id and i.contact_id = c.id
       where i.channel = 'SMS'`,
    );
    expect(found.map((row) => [row.id, row.display_name, row.has_payload]).sort()).toEqual(
      hostile.map(([id, , name, hasPayload]) => [id, name, hasPayload]).sort(),
    );
    for (const [id, body] of hostile) expect(found.find((row) => row.id === id)?.text).toBe(body.toString());
    expect(new Set(found.map(({ phone }) => phone))).toEqual(new Set(['15550001111']));
    expect(
      await as(ANA, `select email, metadata, language from mirror.contacts where id = 'number'`),
    ).toEqual([{ email: '12', metadata: '{"a":[1]}', language: null }]);
  });

  it('show no phone number of a contact that an older release wrote, instead of a wrong one', async () => {
    await ask(database.ownerUrl, `update contact set projected_by = 2 where id = 'C'`);
    expect(await as(ANA, `select phone from mirror.identities where contact_id = 'C'`)).toEqual([
      { phone: null },
      { phone: null },
    ]);
    await ask(database.ownerUrl, `update contact set projected_by = ${currentReading} where id = 'C'`);
  });
});

/** The projects that a session sees, by view. */
const SEEN = VIEWS.map((view) => `select '${view}' as view, project_id from mirror.${view}`).join(' union ');
const everyView = (project: string) => [...VIEWS].sort().map((view) => ({ view, project_id: project }));

describe('a role of mirror.bi_grants', () => {
  it('sees the projects that the table names for it, or for a group whose rights it has', async () => {
    expect(await as(ANA, `${SEEN} order by 1, 2`)).toEqual(everyView(OURS));
    expect(await as(BOB, `${SEEN} order by 1, 2`)).toEqual(everyView(THEIRS));
    expect(await as(BOB, 'select * from mirror.granted_projects')).toEqual([{ project_id: THEIRS }]);
  });

  it('sees nothing once its grant or its membership is removed', async () => {
    const held = await connect(urlOf(BOB));
    await held.query(`prepare seen as ${SEEN}`);
    expect((await held.query('execute seen')).rowCount).toBe(VIEWS.length);
    await ask(
      database.ownerUrl,
      `revoke ${GROUP} from ${BOB}; grant select on all tables in schema mirror to ${BOB}; grant usage on schema mirror to ${BOB}`,
    );
    expect((await held.query('execute seen')).rowCount).toBe(0);
    await ask(
      database.ownerUrl,
      `revoke all on all tables in schema mirror from ${BOB}; revoke all on schema mirror from ${BOB}; grant ${GROUP} to ${BOB}`,
    );
    await held.end();
  });

  it('sees no more by settings or by another role', async () => {
    const session = await connect(urlOf(ANA));
    for (const setting of [
      `set mirror.project_id = '${THEIRS}'`,
      'set row_security = off',
      'set search_path = one_project, public',
      `set role ${ANA}`,
    ]) {
      await session.query(setting);
      expect((await session.query(`${SEEN} order by 1, 2`)).rows).toEqual(everyView(OURS));
    }
    const roles = [
      GROUP,
      BOB,
      needed(SERVICE_ROLE),
      needed(READER_ROLE),
      new URL(database.ownerUrl).username,
    ];
    for (const role of roles)
      for (const statement of [`set role ${role}`, `set session authorization ${role}`])
        await expect(session.query(statement)).rejects.toMatchObject({ code: '42501' });
    await session.end();
  });

  it.each(VIEWS)(
    'shows no row of another project of %s to a function or an operator of the caller',
    async (view) => {
      const session = await connect(urlOf(ANA));
      const told: string[] = [];
      session.on('notice', ({ message }) => told.push(message ?? ''));
      await session.query(`
      create function pg_temp.tell(seen anyelement) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice '%', seen; return true; end $$;
      create function pg_temp.tell(a text, b text) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice '%', a; return true; end $$;
      create operator pg_temp.=== (leftarg = text, rightarg = text, function = pg_temp.tell)`);
      await session.query(`select from mirror.${view} v where pg_temp.tell(v.*)`);
      await session.query(`select from mirror.${view} v where project_id operator(pg_temp.===) 'x'`);
      await session.query(
        `select from mirror.${view} v where project_id = '${THEIRS}' and pg_temp.tell(v.*)`,
      );
      expect(told.length).toBeGreaterThan(0);
      expect(told.filter((text) => text.includes(THEIRS))).toEqual([]);
      // divides by zero on a row of the other project
      const { rowCount } = await session.query(
        `select from mirror.${view} where length(project_id) / (length(project_id) - ${THEIRS.length}) = 0`,
      );
      expect(rowCount).toBe(0);
      await session.end();
    },
  );

  it('calls no function of the caller in place of one that a view uses', async () => {
    await ask(database.ownerUrl, `create schema trap authorization ${ANA}`);
    const session = await connect(urlOf(ANA));
    await session.query(`
      create function trap.replace(text, text, text) returns text language plpgsql as $$ begin raise exception 'caught %', $1; end $$;
      create function trap.nullif(text, text) returns text language plpgsql as $$ begin raise exception 'caught %', $1; end $$;
      create function trap.strpos(text, text) returns int language plpgsql as $$ begin raise exception 'caught %', $1; end $$;
      create function trap.pg_has_role(oid, text) returns boolean language sql as 'select true';
      set search_path = trap, pg_catalog`);
    const { rows } = await session.query(
      `select distinct project_id from mirror.contacts where display_name <> ''`,
    );
    expect(rows).toEqual([{ project_id: OURS }]);
    expect((await session.query(`${SEEN} order by 1, 2`)).rows).toEqual(everyView(OURS));
    await session.end();
    await ask(database.ownerUrl, 'drop schema trap cascade');
  });

  it('may read the views and nothing else, and write nothing', async () => {
    const tables = await ask<{ name: string; is_view: boolean; may: string[] }>(
      database.ownerUrl,
      `select format('%I.%I', n.nspname, c.relname) as name,
              array(select p from unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
                    where has_table_privilege('${ANA}', c.oid, p)
                       or p in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege('${ANA}', c.oid, p)) as may
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'v', 'm', 'p', 'S') and n.nspname in ('public', 'one_project', 'mirror')`,
    );
    expect(tables.length).toBeGreaterThan(30);
    expect(tables.filter(({ may }) => may.length > 0)).toEqual(
      expect.arrayContaining(
        [...VIEWS, 'granted_projects'].map((view) => ({ name: `mirror.${view}`, may: ['SELECT'] })),
      ),
    );
    expect(tables.filter(({ may }) => may.length > 0)).toHaveLength(VIEWS.length + 1);
    for (const statement of [
      `insert into mirror.bi_grants values ('${ANA}', '${THEIRS}')`,
      `update mirror.bi_grants set project_id = '${THEIRS}'`,
      'delete from mirror.bi_grants',
      'select * from mirror.bi_grants',
      `insert into mirror.granted_projects values ('${THEIRS}')`,
      `update mirror.contacts set id = id`,
      `delete from mirror.duplicates`,
      'select body from quarantined_delivery',
      'select value from setting',
      'select digest from api_key',
      'select payload from audit_event',
      'select one_project.contact.id from one_project.contact',
      'create view mirror.mine as select 1',
      `create or replace view mirror.granted_projects as select '${THEIRS}' as project_id`,
      `alter view mirror.contacts reset (security_barrier)`,
      `grant ${GROUP} to ${ANA}`,
    ])
      await expect(as(ANA, statement).then(() => statement)).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|55000)$/),
      });
  });

  it('reads no statistics of values in the catalogue', async () => {
    await ask(database.ownerUrl, 'analyze contact, audit_event');
    const [own] = await ask<{ count: string }>(
      database.ownerUrl,
      `select count(*) from pg_stats where schemaname = 'public'`,
    );
    expect(Number(own?.count)).toBeGreaterThan(0);
    expect(
      await as(
        ANA,
        `select from pg_stats where schemaname in ('public', 'mirror', 'one_project') union all select from pg_stats_ext`,
      ),
    ).toEqual([]);
    for (const table of ['pg_statistic', 'pg_authid'])
      await expect(as(ANA, `select * from ${table}`)).rejects.toMatchObject({ code: '42501' });
  });

  it('gets its grants back at the next start, and a name without a role is reported', async () => {
    await ask(
      database.ownerUrl,
      `drop owned by ${ANA}; insert into mirror.bi_grants values ('nobody_${suffix}', '${OURS}')`,
    );
    await expect(as(ANA, 'select from mirror.contacts')).rejects.toMatchObject({ code: '42501' });
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await migrate(database.ownerUrl, database.ownerUrl);
    const warnings = warn.mock.calls.map(([text]) => String(text));
    warn.mockRestore();
    expect(await as(ANA, `${SEEN} order by 1, 2`)).toEqual(everyView(OURS));
    const [warning = ''] = warnings;
    expect(warning).toMatch(/^mirror\.bi_grants names the role "nobody_\w+", which does not exist/);
    await ask(database.ownerUrl, /or run: (.*)$/.exec(warning)?.[1] ?? '');
    expect(
      await ask(database.ownerUrl, `select from mirror.bi_grants where role_name = 'nobody_${suffix}'`),
    ).toEqual([]);
  });
});

it('the documented SQL makes a role, answers three questions and takes the project away again', async () => {
  const sql = (block: string) =>
    block
      .replaceAll('bi_reports', DOCUMENTED)
      .replaceAll('choose-a-password', 'secret')
      .replaceAll('my-project', OURS)
      .replace('on database mirror', `on database ${new URL(database.ownerUrl).pathname.slice(1)}`);
  const [make = '', remove = '', acquisition = '', duplicates = '', merges = '', ...more] = blocks.map(sql);
  expect(more).toEqual([]);
  await ask(database.ownerUrl, make);
  // the time of these events is long ago
  const then = (query: string) => query.replaceAll('now()', `timestamptz '2024-06-16T00:00:00Z'`);
  expect(await as(DOCUMENTED, then(acquisition))).toContainEqual({
    week: new Date(2024, 5, 10),
    source: 'webhook',
    channel: 'MESSENGER',
    contacts: '5',
  });
  const open = await as(DOCUMENTED, duplicates);
  expect(open).toHaveLength(4);
  expect(open[0]).toMatchObject({
    id: 'A',
    display_name: 'Zoë of ours',
    reasons: ['email'],
    contact_count: 2,
  });
  expect(await as(DOCUMENTED, then(merges))).toMatchObject([
    { loser_id: 'B', survivor_id: 'A', survivor: 'Zoë of ours' },
  ]);
  for (const query of [acquisition, duplicates, merges]) await as(DOCUMENTED, query);
  await ask(database.ownerUrl, remove);
  expect(await as(DOCUMENTED, duplicates)).toEqual([]);
  await ask(database.ownerUrl, `drop owned by ${DOCUMENTED}; drop role ${DOCUMENTED}`);
});

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Finding, Options } from './proof';

/** A fault to be planted: `from`, every time that it stands in `file`, becomes `to`. */
interface Fault {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** A test file, or the id of a proof: whoever must catch it. */
  readonly caughtBy: string;
}

const COMMIT = 'src/contacts/commit.repository.ts';
const QUEUE = 'src/contacts/commit-queue.ts';
const CONTACTS = 'src/contacts/contacts.repository.ts';
const AUDIT = 'src/audit/audit.repository.ts';
const HISTORIES = 'src/audit/histories.repository.ts';
const VERIFY = 'src/webhook/verify-signature.ts';
const READ = 'src/contacts/read-notification.ts';
const MERGES = 'src/audit/merges.repository.ts';
const FOLLOWER = 'src/duplicates/duplicates-follower.ts';
const FOLLOWERS = 'src/audit/followers.repository.ts';
const READER = 'migrations/1764600100000-reader.ts';
const MIGRATION = 'migrations/1764000000000-mirror.ts';
const IDEMPOTENT = 'src/access/idempotent-requests.repository.ts';
const RATE_LIMITS = 'src/access/rate-limits.ts';

const REGISTERS = 'test/postgres/registers.test.ts';
const OVERLAP = 'test/postgres/overlapping-replicas.test.ts';
const COMMIT_QUEUE = 'test/postgres/commit-queue.test.ts';
const FEED = 'test/postgres/feed.test.ts';
const PROJECTS = 'test/postgres/projects.test.ts';
const ERAS = 'test/postgres/eras.test.ts';
const JOURNAL = 'test/postgres/journal.test.ts';
const PLANS = 'test/postgres/plans.test.ts';
const SINCH_FAULTS = 'test/sinch/faults.test.ts';
const DUPLICATES = 'test/postgres/duplicates.test.ts';
const REFERENCES = 'test/http/references.test.ts';
const MERGING = 'test/http/merging.test.ts';
const ISOLATION = 'test/postgres/isolation.test.ts';
const ACCESS = 'test/http/access.test.ts';
const KEYS = 'test/http/api-keys.test.ts';
const TOKENS = 'test/http/token.test.ts';
const SYNC_RUNS = 'test/http/sync-runs.test.ts';
const PLAN_PAGE = 'test/rules/plan-page.test.ts';
const LAW = 'test/rules/mirror.test.ts';
const IDEMPOTENCY = 'test/http/idempotency.test.ts';
const RATE_LIMIT = 'test/http/rate-limit.test.ts';
const LIMITS = 'test/http/limits.test.ts';
const LIST = 'test/http/contacts-list.test.ts';
const EXPORT = 'test/http/export.test.ts';
const STATS = 'test/postgres/stats.test.ts';

const GAPLESS = `and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))`;

const FAULTS: readonly Fault[] = [
  {
    name: 'readers see every project by the views',
    file: READER,
    from: 'from public.${table} where ${condition};',
    to: 'from public.${table};',
    caughtBy: ISOLATION,
  },
  {
    name: 'readers see every project by the tables',
    file: READER,
    from: 'for select to mirror_reader using (${OF_THE_PROJECT});',
    to: 'for select to mirror_reader using (true);',
    caughtBy: ISOLATION,
  },
  {
    name: 'a key is for every project',
    file: 'src/access/access.guard.ts',
    from: `projects !== 'all' && !projects.has(projectId)`,
    to: `projects !== 'all' && projects.size === 0`,
    caughtBy: ACCESS,
  },
  {
    name: 'the quarantine shows a key every project',
    file: 'src/webhook/quarantine.controller.ts',
    from: `projects === 'all' ? null : [...projects]`,
    to: `projects === 'all' || projects.size > 0 ? null : []`,
    caughtBy: ACCESS,
  },
  {
    name: 'a key does not expire',
    file: 'src/access/api-keys.repository.ts',
    from: 'revoked_at is null and (expires_at is null or expires_at > now())`,\n        [id]',
    to: 'revoked_at is null`,\n        [id]',
    caughtBy: KEYS,
  },
  {
    name: 'whoever knows the id of a key has it',
    file: 'src/access/callers.ts',
    from: 'if (!isCurrent && !isPrevious) return null;',
    to: 'if (!isCurrent && !isPrevious && digest.length === 0) return null;',
    caughtBy: KEYS,
  },
  {
    name: 'an access token is taken unsigned',
    file: 'src/access/callers.ts',
    from: 'if (kept === null || !this.tokens.isFor(kept, token)) return null;',
    to: 'if (kept === null || (token === "" && !this.tokens.isFor(kept, token))) return null;',
    caughtBy: TOKENS,
  },
  {
    name: 'the law has no tie-break',
    file: 'src/contacts/mirror.ts',
    from: 'return a.tieBreak < b.tieBreak ? -1 : a.tieBreak > b.tieBreak ? 1 : 0;',
    to: 'return 0;',
    caughtBy: LAW,
  },
  {
    name: 'an absence outlives what is newer, in the law',
    file: 'src/contacts/mirror.ts',
    from: "const isOutlived = went?.gone === 'absent' &&",
    to: "const isOutlived = went?.gone === 'deleted' && went.version < 0n &&",
    caughtBy: 'test/rules/fetched.test.ts',
  },
  {
    name: 'an absence outlives what is newer, in the statement',
    file: COMMIT,
    from: "and (went.gone <> 'absent'",
    to: "and (went.gone <> 'never'",
    caughtBy: REGISTERS,
  },
  {
    name: 'what we fetched is believed before a callback of the same time',
    file: 'src/contacts/mirror.ts',
    from: "shape === 'fetched' ? RANK.fetched : rankOf(content.trigger)",
    to: 'rankOf(content.trigger)',
    caughtBy: 'test/rules/fetched.test.ts',
  },
  {
    name: 'of the past, an absence stands before all else of its time',
    file: HISTORIES,
    from: 'order by version desc, tie_break desc\n         limit 1`,\n        [projectId, contactId, version.toString()],',
    to: 'order by version desc, type desc\n         limit 1`,\n        [projectId, contactId, version.toString()],',
    caughtBy: 'test/postgres/as-of.test.ts',
  },
  {
    name: 'the statement has no tie-break',
    file: COMMIT,
    from: '(excluded.version, excluded.tie_break) > (c.version, c.tie_break)',
    to: 'excluded.version > c.version',
    caughtBy: REGISTERS,
  },
  {
    name: 'the statement has no tie-break',
    file: COMMIT,
    from: '(excluded.version, excluded.tie_break) > (c.version, c.tie_break)',
    to: 'excluded.version >= c.version',
    caughtBy: 'C2',
  },
  {
    name: 'versions in milliseconds',
    file: READ,
    from: `typeof text === 'string' ? readTime(text) : null`,
    to: `typeof text === 'string' ? ((readTime(text) ?? 0n) / 1_000_000n) * 1_000_000n : null`,
    caughtBy: REGISTERS,
  },
  {
    name: 'the answer comes before the commit',
    file: QUEUE,
    from: '!(await commitBatch(link.session, batch))',
    to: 'void commitBatch(link.session, batch).catch(() => undefined)',
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'the answer comes before the commit',
    file: QUEUE,
    from: '!(await commitBatch(link.session, batch))',
    to: 'void commitBatch(link.session, batch).catch(() => undefined)',
    caughtBy: 'K1',
  },
  {
    name: 'a later write revives the gone',
    file: COMMIT,
    from: 'where went.gone is not null\n',
    to: 'where excluded.gone is not null\n',
    caughtBy: REGISTERS,
  },
  {
    name: 'a later deletion overrides a merge',
    file: COMMIT,
    from: 'order by went.gone desc,',
    to: 'order by went.gone,',
    caughtBy: 'C2',
  },
  {
    name: 'the map is unsorted',
    file: COMMIT,
    from: 'order by project_id collate "C", id collate "C"\n',
    to: '',
    caughtBy: OVERLAP,
  },
  {
    name: 'the journal is unsorted',
    file: COMMIT,
    from: 'order by project_id collate "C", contact_id collate "C", version, tie_break\n',
    to: '',
    caughtBy: OVERLAP,
  },
  {
    name: 'of one contact a batch knows the last event alone',
    file: COMMIT,
    from: '...(row === undefined ? effect : join(row, effect)),',
    to: '...(row === undefined ? effect : effect),',
    caughtBy: REGISTERS,
  },
  {
    name: 'the fingerprint is over the envelope too',
    file: READ,
    from: 'canonicalJson(notification, written)}`',
    to: 'canonicalJson(envelope)}`',
    caughtBy: REGISTERS,
  },
  {
    name: 'a poisoned batch is not halved',
    file: QUEUE,
    from: `outcome.kind === 'poison' && part.length > 1`,
    to: `outcome.kind === 'poison' && part.length > 1_000`,
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'the queue is not drained',
    file: QUEUE,
    from: '    await this.working;\n',
    to: '',
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'a connection that ends while it opens is told as lost',
    file: 'src/database/session.ts',
    from: '    try {\n      await client.connect();',
    to: `    client.once('end', onLost);\n    try {\n      await client.connect();`,
    caughtBy: 'K2',
  },
  {
    name: 'who comes second with a reference is told as having set it',
    file: COMMIT,
    from: '${INTO_JOURNAL}\nwhere exists (select from change)',
    to: '${INTO_JOURNAL}',
    caughtBy: REFERENCES,
  },
  {
    name: 'a session that is lost is not replaced',
    file: QUEUE,
    from: 'if (!this.closing) void this.reconnect();',
    to: '',
    caughtBy: 'K2',
  },
  {
    name: 'twins of a signature are taken',
    file: VERIFY,
    from: `[Buffer.from(signature, 'latin1'), Buffer.from(expected, 'latin1')]`,
    to: `[Buffer.from(signature, 'base64'), Buffer.from(expected, 'base64')]`,
    caughtBy: 'B3',
  },
  {
    name: 'a signature of another length throws',
    file: VERIFY,
    from: 'given.length === right.length && ',
    to: '',
    caughtBy: 'B3',
  },
  {
    name: 'the algorithm is not looked at',
    file: VERIFY,
    from: `algorithm !== 'HmacSHA256'`,
    to: 'algorithm === null',
    caughtBy: 'B3',
  },
  {
    name: 'the feed does not wait for open transactions',
    file: AUDIT,
    from: GAPLESS,
    to: '',
    caughtBy: FEED,
  },
  {
    name: 'the feed does not wait for open transactions',
    file: AUDIT,
    from: GAPLESS,
    to: '',
    caughtBy: 'K5',
  },
  {
    name: 'the feed goes by ids',
    file: AUDIT,
    from: '(e.era, e.tx, e.id) > ($11::int, $12::xid8, $13::bigint)',
    to: 'e.id > $13::bigint and ($11::int, $12::xid8) is not null',
    caughtBy: 'K5',
  },
  {
    name: 'the feed knows no eras',
    file: AUDIT,
    from: 'e.era < (select max(era) from journal_era) or e.tx',
    to: 'e.tx',
    caughtBy: FEED,
  },
  {
    name: 'the horizon is the end',
    file: AUDIT,
    from: 'pg_snapshot_xmin(pg_current_snapshot()) as tx from journal_era',
    to: 'pg_snapshot_xmax(pg_current_snapshot()) as tx from journal_era',
    caughtBy: FEED,
  },
  {
    name: 'a cursor skips the rest of its transaction',
    file: 'src/contacts/changes.service.ts',
    from: 'next = [String(last.era), last.tx, last.id];',
    to: `next = [String(last.era), String(BigInt(last.tx) + 1n), '0'];`,
    caughtBy: 'K5',
  },
  {
    name: 'a restored journal begins no era',
    file: 'src/audit/eras.repository.ts',
    from: `or exists (select from newest where newest.tx >= pg_snapshot_xmax(pg_current_snapshot()))`,
    to: '',
    caughtBy: ERAS,
  },
  {
    name: 'another cluster begins no era',
    file: 'src/audit/eras.repository.ts',
    from: `where not exists (select from last where (last.system_identifier, last.timeline) = (here.system_identifier, here.timeline))`,
    to: 'where not exists (select from last)',
    caughtBy: ERAS,
  },
  {
    name: 'several sessions begin one era each',
    file: 'src/audit/eras.repository.ts',
    from: '  await session.run(ONE_AT_A_TIME);\n',
    to: '',
    caughtBy: ERAS,
  },
  {
    name: 'the trigger sleeps for replicas',
    file: MIGRATION,
    from: 'alter table audit_event enable always trigger audit_event_immutable',
    to: '',
    caughtBy: JOURNAL,
  },
  {
    name: 'the service may UPDATE the journal',
    file: MIGRATION,
    from: 'grant select, insert on audit_event, journal_era to mirror_service;',
    to: 'grant select, insert on journal_era to mirror_service; grant select, insert, update on audit_event to mirror_service;',
    caughtBy: JOURNAL,
  },
  ...[
    [CONTACTS, 'where project_id = $1\n  and id > $2', 'where id > $2 and $1::text is not null'],
    [CONTACTS, 'where project_id = $1 and id = any ($2)`', 'where id = any ($2) and $1::text is not null`'],
    [
      CONTACTS,
      'from contact where project_id = $1 and id = r.survivor_id',
      'from contact where id = r.survivor_id',
    ],
    [
      CONTACTS,
      'where c.project_id = $1 and c.survivor_id = a.id',
      'where c.survivor_id = a.id and $1::text is not null',
    ],
    [AUDIT, 'const MATCHES = `e.project_id = $1', 'const MATCHES = `$1::text is not null'],
    [AUDIT, 'where e.project_id = $1 and e.id = $2`', 'where e.id = $2 and $1::text is not null`'],
    [
      HISTORIES,
      'where project_id = $1 and contact_id = asked.id\n',
      'where contact_id = asked.id and $1::text is not null\n',
    ],
    [
      HISTORIES,
      'where project_id = $1 and contact_id = asked.id and version',
      'where contact_id = asked.id and $1::text is not null and version',
    ],
    [HISTORIES, 'where e.project_id = $1 and e.related_contact_ids', 'where e.related_contact_ids'],
    [
      HISTORIES,
      'join audit_event e on e.project_id = $1 and e.id = asked.id',
      'join audit_event e on e.id = asked.id',
    ],
    [HISTORIES, 'where e.project_id = $1 and e.contact_id = since', 'where e.contact_id = since'],
    [HISTORIES, `where e.project_id = $1 and e.type = 'CONTACT_MERGE'`, `where e.type = 'CONTACT_MERGE'`],
    [HISTORIES, 'where p.project_id = a.project_id and p.contact_id', 'where p.contact_id'],
    [
      HISTORIES,
      `where e.project_id = $1\n           and (e.type = 'CONTACT_DELETE'`,
      `where $1::text is not null\n           and (e.type = 'CONTACT_DELETE'`,
    ],
    [
      HISTORIES,
      'where e.project_id = $1 and e.contact_id = loser.id',
      'where e.contact_id = loser.id and $1::text is not null',
    ],
    [
      HISTORIES,
      'where e.project_id = $1 and e.version <= $3',
      'where e.version <= $3 and $1::text is not null',
    ],
    [
      MERGES,
      `where e.project_id = $1 and e.type = 'CONTACT_MERGE'`,
      `where $1::text is not null and e.type = 'CONTACT_MERGE'`,
    ],
    [
      MERGES,
      `where project_id = $1 and type = 'CONTACT_MERGE'`,
      `where $1::text is not null and type = 'CONTACT_MERGE'`,
    ],
    [
      MERGES,
      'join audit_event e on e.project_id = $1 and e.id = asked.id',
      'join audit_event e on e.id = asked.id',
    ],
    [MERGES, 'where p.project_id = $1 and p.contact_id = e.contact_id', 'where p.contact_id = e.contact_id'],
    [CONTACTS, 'where project_id = $1 and ${how}', 'where $1::text is not null and ${how}'],
  ].map(([file = '', from = '', to = '']) => ({
    name: `a read of another project: ${from.replace(/\s+/g, ' ').slice(0, 60)}`,
    file,
    from,
    to,
    caughtBy: PROJECTS,
  })),
  {
    name: 'a merge is told by each of its events',
    file: MERGES,
    from: 'and (f.version, f.tie_break) < (e.version, e.tie_break)',
    to: 'and false',
    caughtBy: 'test/postgres/merges.test.ts',
  },
  {
    name: 'before a merge is what came before it, not what happened before it',
    file: MERGES,
    from: 'and (p.version, p.tie_break) < (e.version, e.tie_break)',
    to: 'and p.id < e.id',
    caughtBy: 'test/postgres/merges.test.ts',
  },
  {
    name: 'a snapshot of who goes counts as told after going',
    file: 'migrations/1764100000000-merges.ts',
    from: "tie_break >= '\\\\x03'",
    to: "tie_break >= '\\\\x01'",
    caughtBy: 'test/http/anomalies.test.ts',
  },
  {
    name: 'a follower’s cursor moves before, and apart from, what it writes',
    file: FOLLOWERS,
    from: 'for (const [projectId, own] of byProject(',
    to: `await this.exclusively('elsewhere', true, (other) => this.move(other, follower, last));
        for (const [projectId, own] of byProject(`,
    caughtBy: DUPLICATES,
  },
  {
    name: 'a follower does not wait for open transactions',
    file: FOLLOWERS,
    from: GAPLESS,
    to: '',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'a follower goes by ids',
    file: FOLLOWERS,
    from: 'where (e.era, e.tx, e.id) > ($1::int, $2::xid8, $3::bigint)\n           and',
    to: 'where e.id > $3::bigint and ($1::int, $2::xid8) is not null\n           and',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'a lock that is held for longer keeps nobody out',
    file: FOLLOWERS,
    from: 'if (lock?.held === true) {',
    to: 'if (lock !== undefined) {',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'of a project’s events in one batch the first alone is handled',
    file: FOLLOWERS,
    from: 'else own.push(event);',
    to: '',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a dismissal of which only the event was kept is not made effective',
    file: FOLLOWER,
    from: 'if (event.type !== DISMISSAL || isOfHot(event)) continue;',
    to: 'continue;',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a dismissed hot value parts its contacts',
    file: FOLLOWER,
    from: ' || isOfHot(event)',
    to: '',
    caughtBy: 'test/http/duplicates.test.ts',
  },
  {
    name: 'a dismissed pair is an edge all the same',
    file: 'src/duplicates/connect-contacts.ts',
    from: 'if (isDismissed(dismissedBy.get(a), dismissedBy.get(b))) continue;',
    to: '',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a value is hot later than it is said to be',
    file: 'src/duplicates/evidence.ts',
    from: 'export const holdersMax = 20;',
    to: 'export const holdersMax = 21;',
    caughtBy: DUPLICATES,
  },
  {
    name: 'reports of one batch count once',
    file: 'src/duplicates/read-reports.ts',
    from: 'reportCount: sum.reportCount + report.reportCount',
    to: 'reportCount: sum.reportCount',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a set of which nothing is left stays open',
    file: 'src/duplicates/match-sets.ts',
    from: '.filter((each) => !byKept.has(each))',
    to: '.filter(() => false)',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a dismissal is not followed through merges',
    file: 'src/duplicates/neighbourhood.service.ts',
    from: 'dismissals: [...dismissals.values()].map(live),',
    to: 'dismissals: [...dismissals.values()],',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a snoozed set sleeps for ever',
    file: 'src/duplicates/sets.repository.ts',
    from: 'snoozed_until <= now()',
    to: 'false',
    caughtBy: 'test/http/duplicates.test.ts',
  },
  {
    name: "a set of another project's contacts is taken for one's own",
    file: 'src/duplicates/sets.repository.ts',
    from: 'where found.project_id = $1))',
    to: "where found.project_id is not null and $1 <> ''))",
    caughtBy: DUPLICATES,
  },
  {
    name: 'all look-ups of sets go through the whole queue',
    file: 'src/duplicates/sets.repository.ts',
    from: 'offset 0',
    to: '',
    caughtBy: PLANS,
  },
  {
    name: 'of types, the journal is read in order, and all else passed over',
    file: AUDIT,
    from: "types.map((_, n) => `${events} and e.type = $${firstTypeParameter + n}`).join(' union all ')",
    to: '`${events} and e.type in (${types.map((_, n) => `$${firstTypeParameter + n}`).join()})`',
    caughtBy: PLANS,
  },
  {
    name: 'a window of Sinch’s time is out of reach of the index by time',
    file: AUDIT,
    from: ' and e.accepted_at >= $9::timestamptz',
    to: ' and $9::timestamptz is not null',
    caughtBy: PLANS,
  },
  {
    name: 'the partial index on related contacts is out of reach',
    file: AUDIT,
    from: `e.related_contact_ids <> '{}' and `,
    to: '',
    caughtBy: PLANS,
  },
  {
    name: 'a merge is repeated though it may be done',
    file: 'src/sinch/sinch-client.ts',
    from: "effect: 'once'",
    to: "effect: 'repeatable'",
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'a second token is fetched while one is on its way',
    file: 'src/sinch/access-tokens.ts',
    from: 'this.#coming ??= this.fetch()',
    to: 'this.#coming = this.fetch()',
    caughtBy: 'test/sinch/tokens.test.ts',
  },
  {
    name: 'a token that was replaced meanwhile is forgotten',
    file: 'src/sinch/access-tokens.ts',
    from: 'if (this.#current?.header === refused) this.#current = null;',
    to: 'this.#current = null;',
    caughtBy: 'test/sinch/tokens.test.ts',
  },
  {
    name: 'what repeats a request goes past the bucket',
    file: 'src/sinch/request-sender.ts',
    from: 'await bucket.take(waits);',
    to: 'if (attempt === 1) await bucket.take(waits);',
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'an earlier attempt that may be done is forgotten',
    file: 'src/sinch/request-sender.ts',
    from: 'sofar.outcomeUnknown ||= outcome.outcomeUnknown;',
    to: '',
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'the time of a request begins with its first attempt',
    file: 'src/sinch/exchange.ts',
    from: 'const started = this.clock.monotonicMs();',
    to: 'const started = 0;',
    caughtBy: 'test/sinch/operations.test.ts',
  },
  {
    name: 'who comes last goes first',
    file: 'src/sinch/token-bucket.ts',
    from: 'for (const go of this.waiting) {',
    to: 'for (const go of [...this.waiting].reverse()) {',
    caughtBy: 'test/sinch/token-bucket.test.ts',
  },
  {
    name: 'an error repeats a secret',
    file: 'src/sinch/read-sinch-error.ts',
    from: "if (secret !== '')",
    to: "if (secret === '-')",
    caughtBy: 'test/sinch/operations.test.ts',
  },
  {
    name: 'a merge whose answer was lost is repeated unasked',
    file: 'src/merging/sinch-merges.service.ts',
    from: 'await this.askAfter(client, projectId, planned, begunAtMs);',
    to: "'undone' as Found;",
    caughtBy: MERGING,
  },
  {
    name: 'a repeated merge that finds no loser is taken for refused',
    file: 'src/merging/sinch-merges.service.ts',
    from: ' || (isLost && answer.httpStatus === 404)',
    to: '',
    caughtBy: MERGING,
  },
  {
    name: 'a loser that is gone is taken for merged',
    file: 'src/merging/sinch-merges.service.ts',
    from: 'moved.length < plan.identities.moved.length',
    to: 'moved.length < 0',
    caughtBy: MERGING,
  },
  {
    name: 'a merge by us may be behind what was known before it',
    file: 'src/merging/version-of.ts',
    from: 'return version > next ? version : next;',
    to: 'return version;',
    caughtBy: MERGING,
  },
  {
    name: 'a merge by us is of the time at which it was kept',
    file: 'src/merging/version-of.ts',
    from: 'fetchedVersion(times) ?? 0n',
    to: 'BigInt(Date.now()) * 1_000_000n',
    caughtBy: MERGING,
  },
  {
    name: 'two merges of one contact overlap',
    file: 'src/merging/contact-locks.ts',
    from: 'contactIds.flatMap((id) => this.ends.get(id) ?? [])',
    to: '[] as Promise<unknown>[]',
    caughtBy: MERGING,
  },
  {
    name: 'merging by rule goes on though it is stopped',
    file: 'src/merging/auto-merges.service.ts',
    from: "now.state === 'acting' && ",
    to: '',
    caughtBy: 'test/http/auto-merge.test.ts',
  },
  {
    name: 'metadata is written over what came after the merge',
    file: 'src/contacts/plan-write-back.ts',
    from: '!isOurs && text !== textOf(atMerge)',
    to: 'false',
    caughtBy: 'test/rules/plan-write-back.test.ts',
  },
  {
    name: 'a migration is no transaction',
    file: 'src/database/migrate.ts',
    from: "executor.transaction = 'each'",
    to: "executor.transaction = 'none'",
    caughtBy: 'K4',
  },
  {
    name: 'a sweep writes what is equal',
    file: 'src/sync/plan-page.ts',
    from: "if (fields.length === 0) return { kind: 'unchanged' };",
    to: '',
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a sweep beats what was told after its page was fetched',
    file: 'src/sync/plan-page.ts',
    from: "return saidAt < version ? { kind: 'update', fields } : { kind: 'spared' };",
    to: "return { kind: 'update', fields };",
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a sweep brings back what was buried',
    file: 'src/sync/plan-page.ts',
    from: "case 'absent':\n",
    to: "case 'absent':\n    case 'deleted':\n",
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a sweep marks as many as it likes',
    file: 'src/sync/sweep.service.ts',
    from: 'if (!counted.confirmed && !mayMark',
    to: 'if (!mayMark(0, 0) && !counted.confirmed && !mayMark',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'what a page does not list is gone unasked',
    file: 'src/sync/sweep.service.ts',
    from: 'const found = await asker.ask(asked);',
    to: 'const found = {\n        fetched: [],\n        absent: asked.map((contactId) => ({ contactId, version: BigInt(now.began_version ?? 0) })),\n      };',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'in the wrong region everything is gone',
    file: 'src/sync/sweep.service.ts',
    from: 'if (absent.length > 0) {',
    to: 'if (absent.length < 0) {',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a run that goes on counts what it finds then',
    file: 'src/sync/sweep.service.ts',
    from: 'const counted = run.planned?.tally ?? tally;',
    to: 'const counted = tally;',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a run that goes on begins anew',
    file: 'src/sync/sweep.service.ts',
    from: 'asker.pagesFrom(run.page_token)',
    to: 'asker.pagesFrom(null)',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a backfill deletes',
    file: 'src/sync/sweep.service.ts',
    from: "if (run.mode === 'backfill') return",
    to: "if (run.mode !== 'backfill' && run.mode !== 'reconcile') return",
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'the drift of absences is not written',
    file: 'src/sync/fetched-contacts.service.ts',
    from: '...absent.map(({ contactId, version }) => foundAbsent(contactId, version, fetching)),',
    to: '',
    caughtBy: 'C4',
  },
  {
    name: 'without a Date our clock orders',
    file: 'src/sync/pages-ahead.ts',
    from: 'if (version === null) throw noDate();',
    to: '',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a delivery is read before it is refused for want of room',
    file: 'src/webhook/waiting-room.ts',
    from: '!== webhookPath ||',
    to: '!== null ||',
    caughtBy: 'test/http/overload.test.ts',
  },
  {
    name: 'who has waited for room is refused all the same',
    file: 'src/webhook/waiting-room.ts',
    from: 'if (this.queue.hasRoom()) {',
    to: 'if (this.waiting < 0) {',
    caughtBy: 'test/http/overload.test.ts',
  },
  {
    name: 'a request is carried out again while the first is under way',
    file: IDEMPOTENT,
    from: 'and kept.begun_at < now() - make_interval(secs => $7)',
    to: 'and $7::int > 0',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'an answer is kept for ever',
    file: IDEMPOTENT,
    from: 'where kept.begun_at < now() - make_interval(hours => $6)\n            or (',
    to: 'where (',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'an idempotency key is one for all projects',
    file: 'src/access/idempotency.service.ts',
    from: 'const identity = { callerId, projectId, keyDigest',
    to: "const identity = { callerId, projectId: '', keyDigest",
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'another request is answered as the first with its key',
    file: 'src/access/idempotency.service.ts',
    from: 'known?.request_digest.equals(digest) === false',
    to: 'digest.length === 0',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'a fault of ours is kept as the answer',
    file: 'src/access/idempotency.service.ts',
    from: 'answer.status >= 500',
    to: 'answer.status >= 600',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'all keys share one limit',
    file: RATE_LIMITS,
    from: 'const count = (this.counts.get(keyId) ?? 0) + 1;\n    this.counts.set(keyId, count);',
    to: "const count = (this.counts.get('') ?? 0) + 1;\n    this.counts.set('', count);",
    caughtBy: RATE_LIMIT,
  },
  {
    name: 'who has sent too much is refused for ever',
    file: RATE_LIMITS,
    from: 'if (minute !== this.minute) {',
    to: 'if (this.minute === 0) {',
    caughtBy: RATE_LIMIT,
  },
  {
    name: 'a request may take ten times as long to arrive',
    file: 'src/rest/configure-rest.ts',
    from: 'const arrivalMaxMs = 30_000;',
    to: 'const arrivalMaxMs = 300_000;',
    caughtBy: LIMITS,
  },
  {
    name: 'a head may have any length',
    file: 'src/rest/configure-rest.ts',
    from: 'const headBytesMax = 16 * 1024;',
    to: 'const headBytesMax = 1024 * 1024;',
    caughtBy: LIMITS,
  },
  {
    name: 'pages of every origin may read',
    file: 'src/rest/configure-rest.ts',
    from: 'origin !== undefined && origins.has(origin)',
    to: 'origin !== undefined && origins.size > 0',
    caughtBy: LIMITS,
  },
  {
    name: 'an answer has a field that the document does not tell',
    file: 'src/contacts/view-contact.ts',
    from: 'open_duplicates: openDuplicates,',
    to: 'open_duplicates: openDuplicates, duplicates_open: [],',
    caughtBy: LIST,
  },
  {
    name: 'the log tells what was asked for',
    file: 'src/rest/problem.filter.ts',
    from: 'route: request.routeOptions.url ?? null };',
    to: 'route: request.url };',
    caughtBy: 'test/process/canary.test.ts',
  },
  {
    name: 'an error quotes the database',
    file: 'src/rest/problem.filter.ts',
    from: "const stack = (error instanceof Error ? error.stack : undefined) ?? '';\n  return stack.slice(Math.max(stack.indexOf('\\n    at '), 0)).trim();",
    to: "return (error instanceof Error ? error.stack : undefined) ?? '';",
    caughtBy: 'test/http/rest-conventions.test.ts',
  },
  {
    name: 'an export that fails ends as if it were whole',
    file: 'src/rest/exports.ts',
    from: '      throw error;\n',
    to: '',
    caughtBy: EXPORT,
  },
  {
    name: 'a cell of CSV may be a formula',
    file: 'src/rest/export-format.ts',
    from: 'escape_formulas: true',
    to: 'escape_formulas: false',
    caughtBy: EXPORT,
  },
  {
    name: 'of several creations the last to come counts',
    file: 'src/stats/count-contacts.ts',
    from: 'return comparePositions(a, b) <= 0 ? a : b;',
    to: 'return b;',
    caughtBy: STATS,
  },
  {
    name: 'a contact is counted as it was, too',
    file: 'src/stats/count-contacts.ts',
    from: 'if (before !== null) add(before, -1);',
    to: '',
    caughtBy: STATS,
  },
  {
    name: 'a body that cannot be read is ignored',
    file: 'src/webhook/intake.service.ts',
    from: "if (reading.kind === 'unusable') return reading;",
    to: "if (reading.kind === 'unusable') return null;",
    caughtBy: 'B1',
  },
  {
    name: 'an answer has a status that the document does not tell',
    file: 'src/rest/read-dto.ts',
    from: "new Problem('invalid-request'",
    to: "new Problem('idempotency-mismatch'",
    caughtBy: 'B2',
  },
  {
    name: 'a service that stops closes connections at once',
    file: 'src/service.ts',
    from: '    await this.linger();\n',
    to: '',
    caughtBy: 'K3',
  },
];

const TABLE = 'docs/faults.md';
const TITLE = `# Planted faults

\`npm run proof -- faults\` writes this table: it plants each fault in a copy of the project, and demands that the test or the proof that is named fails, and passes without it.`;

const root = resolve('.');
/** What a copy of the project does without. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  '.git',
  'node_modules',
  'dist',
  'data',
  'coverage',
  '.setup.lock',
]);

/** Plants each fault in a copy of the project, and demands that whoever is named catches it there, and only there. */
export function run({ only }: Options): Promise<Finding> {
  const chosen = FAULTS.filter(({ name, caughtBy }) => `${name} ${caughtBy}`.includes(only ?? ''));
  if (chosen.length === 0) throw new Error(`No fault is called ${only ?? ''}`);
  const copy = mkdtempSync(join(tmpdir(), 'mirror-faults-'));
  cpSync(root, copy, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(basename(path)),
    preserveTimestamps: true,
  });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  try {
    for (const fault of FAULTS) planted(readFileSync(join(copy, fault.file), 'utf8'), fault);
    const catchers = [...new Set(chosen.map(({ caughtBy }) => caughtBy))];
    const broken = catchers.filter((catcher) => judge(copy, catcher) !== 'passed');
    const rows = chosen.map((fault) => ({ ...fault, verdict: plant(copy, fault) }));
    const uncaught = rows.filter(({ verdict }) => verdict !== 'failed');
    if (only === null) tell(rows);
    return Promise.resolve({
      figures: {
        faults: chosen.length,
        caught: chosen.length - uncaught.length,
        uncaught: uncaught
          .map(({ name, caughtBy, verdict }) => `${name} (${caughtBy}: ${verdict})`)
          .join('; '),
        broken: broken.join(', '),
      },
      marks: {
        'each fault is caught': uncaught.length === 0,
        'nobody complains without a fault': broken.length === 0,
      },
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** For people: each fault, where it was planted, and whether who looked for it caught it. */
function tell(rows: readonly (Fault & { readonly verdict: string })[]): void {
  const lines = rows.map(
    ({ name, file, caughtBy, verdict }) =>
      `| ${name.replaceAll('|', '\\|')} | \`${file}\` | \`${caughtBy}\` | ${verdict === 'failed' ? 'yes' : 'no'} |`,
  );
  const head = ['| fault | planted in | looked for by | caught |', '| - | - | - | - |'];
  writeFileSync(TABLE, [TITLE, '', ...head, ...lines, ''].join('\n'));
  spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', TABLE]);
}

/** Runs a catcher in the copy with the fault in it, and takes the fault out again. */
function plant(copy: string, fault: Fault): string {
  const path = join(copy, fault.file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, planted(text, fault));
  const verdict = judge(copy, fault.caughtBy);
  writeFileSync(path, text);
  const told = verdict === 'failed' ? 'caught' : `NOT CAUGHT (${verdict})`;
  process.stderr.write(`${told.padEnd(10)}  ${fault.caughtBy.padEnd(45)}  ${fault.name}\n`);
  return verdict;
}

/** @throws Error when what the fault replaces is no longer there */
function planted(text: string, { name, file, from, to }: Fault): string {
  if (!text.includes(from)) throw new Error(`The fault "${name}" does not apply: ${file} has no ${from}`);
  return text.replaceAll(from, to);
}

/** What a test file or a proof says of the copy; `broken` when it did not come to a verdict, which catches nothing. */
function judge(copy: string, catcher: string): 'passed' | 'failed' | 'broken' {
  const isTest = catcher.startsWith('test/');
  const args = isTest
    ? ['scripts/test.mjs', '--runTestsByPath', catcher]
    : ['scripts/proof.mjs', catcher, '--short'];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    timeout: 180_000,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = isTest
    ? /^Tests: +(?:.*?(\d+) failed)?/m.exec(stderr)
    : /"verdict":"(?:(failed)|passed)"/.exec(stdout);
  if (found === null) return 'broken';
  return found[1] === undefined ? 'passed' : 'failed';
}

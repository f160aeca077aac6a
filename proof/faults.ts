import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Dice, type Finding, type Options } from './proof';

/** A fault to be planted: `from` becomes `to` at every place where `file` has it. */
interface Fault {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** At how many places `file` has `from`: one, unless it is given. */
  readonly places?: number;
  /** The test file, or the id of the proof, that must catch it. */
  readonly caughtBy: string;
}

const COMMIT = 'src/audit/commit/commit.repository.ts';
const QUEUE = 'src/audit/commit/commit-queue.ts';
const CONTACTS = 'src/contacts/contacts.repository.ts';
const AUDIT = 'src/audit/audit.repository.ts';
const HISTORIES = 'src/audit/histories.repository.ts';
const VERIFY = 'src/webhook/verify-signature.rule.ts';
const READ = 'src/audit/commit/read-notification.rule.ts';
const MERGES = 'src/contacts/merges/merges.repository.ts';
const FOLLOWER = 'src/duplicates/duplicates-follower.ts';
const FOLLOWERS = 'src/followers/followers.repository.ts';
const READER = 'migrations/1764600100000-reader.ts';
const RIGHTS = 'src/database/rights.rule.ts';
const SETTLE_RIGHTS = 'src/database/settle-rights.ts';
const MIGRATION = 'migrations/1764000000000-mirror.ts';
const CONNECTION_GATE = 'test/http/connection-gate.test.ts';
const IDEMPOTENT = 'src/idempotency/idempotent-requests.repository.ts';
const RATE_LIMITS = 'src/access/rate-limits.ts';

const REGISTERS = 'test/postgres/registers.test.ts';
const OVERLAP = 'test/postgres/overlapping-replicas.test.ts';
const COMMIT_QUEUE = 'test/postgres/commit-queue.test.ts';
const FEED = 'test/postgres/feed.test.ts';
const PROJECTS = 'test/postgres/projects.test.ts';
const ERAS = 'test/postgres/eras.test.ts';
const JOURNAL = 'test/postgres/journal.test.ts';
const PLANS = 'test/postgres/plans.test.ts';
const COSTS = 'test/postgres/costs.test.ts';
const CONNECTOR = 'test/egress/connector.test.ts';
const SINCH_FAULTS = 'test/sinch/faults.test.ts';
const DUPLICATES = 'test/postgres/duplicates.test.ts';
const DUPLICATE_EVENTS = 'test/postgres/duplicate-events.test.ts';
const DOMAIN_EVENTS = 'test/postgres/domain-events.test.ts';
const RUNNER = 'src/outward/subscription-runner.ts';
const OUTWARD_RUNNER = 'test/postgres/outward-runner.test.ts';
const OUTWARD_WORKER = 'test/http/outward-worker.test.ts';
const REFERENCES = 'test/http/references.test.ts';
const MERGING = 'test/http/merging.test.ts';
const RIGHTS_TEST = 'test/postgres/rights.test.ts';
const SQL_VIEWS = 'migrations/1764920000000-sql-views.ts';
const SQL_VIEWS_TEST = 'test/postgres/sql-views.test.ts';
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
const IS_TOLD =
  '(${key}e.era, e.tx) < (${values}(select max(era) from journal_era), pg_snapshot_xmin(pg_current_snapshot()))';

/** Filters of a statement that has another one for the same rows: without one of the two it reads no more. */
const HELD_TWICE = [
  'e.project_id = $1 and e.id = asked.id\n           left join',
  'e.project_id = $1 and e.id = measured.id',
];

/** For how long a test or a proof may run, in ms: it takes many times longer on a machine that does much else. */
const judgeMaxMs = 600_000;

/** A fault for each place where a statement reads the rows of one project alone: it reads those of all. */
function withoutEachFilterByProject(file: string): readonly Fault[] {
  const text = readFileSync(file, 'utf8');
  const places = [...text.matchAll(/(?:\w\.)?project_id = \$1/g)];
  const held = places.filter(({ index }) => !HELD_TWICE.some((twice) => text.startsWith(twice, index)));
  return held.map(({ 0: filter, index }, n) => {
    let end = index + filter.length;
    while (text.split(text.slice(index, end)).length > 2) end++;
    const from = text.slice(index, end);
    const [line = ''] = text.slice(index).split('\n');
    return {
      name: `filter ${n + 1} by project is missing: ${line}`,
      file,
      from,
      to: `$1::text is not null${from.slice(filter.length)}`,
      caughtBy: PROJECTS,
    };
  });
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'a delivery is sent though an earlier one of its contact waits',
    file: RUNNER,
    from: '[...page.keys(), ...asked].filter((each) => this.lanes.isHead(each))',
    to: '[...page.keys(), ...asked]',
    caughtBy: OUTWARD_RUNNER,
  },
  {
    name: 'of a merge the first contact alone is kept in order',
    file: 'src/outward/lanes.rule.ts',
    from: 'return item.keys.every((key) => this.lanes.get(key)?.[0] === item);',
    to: 'return item.keys.slice(0, 1).every((key) => this.lanes.get(key)?.[0] === item);',
    caughtBy: 'test/rules/lanes.test.ts',
  },
  {
    name: 'an earlier owner of a subscription writes on',
    file: 'src/outward/progress.repository.ts',
    from: 'where project_id = $1 and subscription_id = $2 and epoch = $3::bigint\n  returning touched',
    to: 'where project_id = $1 and subscription_id = $2 and $3::bigint > 0\n  returning touched',
    caughtBy: OUTWARD_RUNNER,
  },
  {
    name: 'a request begins that may end after the lease',
    file: RUNNER,
    from: 'performance.now() + requestMaxMs < this.leaseEnd()',
    to: 'performance.now() < this.leaseEnd()',
    caughtBy: OUTWARD_RUNNER,
  },
  {
    name: 'a later event makes a merge superfluous',
    file: RUNNER,
    from: 'return COALESCED.has(type) && keys.length === 1;',
    to: 'return COALESCED.has(type) || keys.length > 1;',
    caughtBy: OUTWARD_RUNNER,
  },
  {
    name: 'a runner whose lease was taken again by its own process stays',
    file: 'src/outward/outward-worker.service.ts',
    from: 'else known.end.abort();',
    to: '',
    caughtBy: OUTWARD_WORKER,
  },
  {
    name: 'a set of duplicates changes without an event for subscriptions',
    file: 'src/matching/set-examiner.service.ts',
    from: '    await this.events.add(session, changes.eventsOf(projectId));\n',
    to: '',
    caughtBy: DUPLICATE_EVENTS,
  },
  {
    name: 'of what one transaction does to a set each step is compared with the one before alone',
    file: 'src/matching/set-changes.ts',
    from: 'earlier === undefined ? before : earlier.before',
    to: 'before',
    caughtBy: DUPLICATE_EVENTS,
  },
  {
    name: 'subscriptions receive again what they know already',
    file: 'src/matching/set-event.rule.ts',
    from: "isSame ? null : 'duplicate.changed'",
    to: "isSame || true ? 'duplicate.changed' : null",
    caughtBy: DUPLICATE_EVENTS,
  },
  {
    name: 'what the service decides is read while older transactions are open',
    file: 'src/audit/domain-events.repository.ts',
    from: ' or e.tx < pg_snapshot_xmin(pg_current_snapshot()))',
    to: ' or true)',
    caughtBy: DOMAIN_EVENTS,
  },
  {
    name: 'what the service decided is removed before a subscription has passed it',
    file: 'src/audit/domain-events.repository.ts',
    from: '(least.domain_era is null or (first.era',
    to: '(true or (first.era',
    caughtBy: DOMAIN_EVENTS,
  },
  {
    name: 'readers see every project by the views',
    file: READER,
    from: 'from public.${table} where ${condition}`',
    to: 'from public.${table}`',
    caughtBy: ISOLATION,
  },
  {
    name: 'readers see every project by the tables',
    file: RIGHTS,
    from: "`project_id = current_setting('mirror.project_id', true)`",
    to: "'true'",
    caughtBy: ISOLATION,
  },
  {
    name: 'roles for reports see every project by the views',
    file: SQL_VIEWS,
    from: '= any (array(select project_id from mirror.granted_projects))`',
    to: 'is not null`',
    caughtBy: SQL_VIEWS_TEST,
  },
  {
    name: 'a role sees what any role was granted',
    file: SQL_VIEWS,
    from: "where pg_has_role(r.oid, 'USAGE')",
    to: '',
    caughtBy: SQL_VIEWS_TEST,
  },
  {
    name: 'a view for reports is no security barrier',
    file: SQL_VIEWS,
    from: 'create view mirror.duplicates with (security_barrier) as',
    to: 'create view mirror.duplicates as',
    caughtBy: SQL_VIEWS_TEST,
  },
  {
    name: 'half of a surrogate pair in a payload makes a view fail',
    file: SQL_VIEWS,
    from: "when json_text like '%\\\\u%'",
    to: 'when false',
    caughtBy: SQL_VIEWS_TEST,
  },
  {
    name: 'the start does not repair the grants of roles for reports',
    file: SETTLE_RIGHTS,
    from: '    await grantMissing(session, name, wanted);\n',
    to: '',
    caughtBy: SQL_VIEWS_TEST,
  },
  {
    name: 'REST reads with the role of the connection instead of the reader role',
    file: 'src/database/reads/project-reads.ts',
    from: 'begin read only; set local role ${escapeIdentifier(this.role)};',
    to: 'begin read only;',
    caughtBy: ISOLATION,
  },
  {
    name: 'every user of the cluster may connect',
    file: SETTLE_RIGHTS,
    from: '[`revoke connect on database ${database} from public`]',
    to: '[]',
    caughtBy: RIGHTS_TEST,
  },
  {
    name: 'two services in one cluster share their roles',
    file: SETTLE_RIGHTS,
    from: "randomBytes(4).toString('hex')",
    to: "'00000000'",
    caughtBy: RIGHTS_TEST,
  },
  {
    name: 'any user may be a member of the roles',
    file: SETTLE_RIGHTS,
    from: 'and member.rolname <> all ($2) and not member.rolsuper',
    to: 'and member.rolname <> all ($2) and false',
    caughtBy: RIGHTS_TEST,
  },
  {
    name: 'changes of keys by SQL leave no trace',
    file: 'migrations/1764600000000-api-keys.ts',
    from: 'create trigger api_key_recorded after insert or delete on api_key',
    to: 'create trigger api_key_recorded after delete on api_key',
    caughtBy: KEYS,
  },
  {
    name: 'a key is valid for every project',
    file: 'src/access/access.guard.ts',
    from: `projects !== 'all' && !projects.has(projectId)`,
    to: `projects !== 'all' && projects.size === 0`,
    caughtBy: ACCESS,
  },
  {
    name: 'the quarantine shows a key the deliveries of every project',
    file: 'src/access/access.guard.ts',
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
    name: 'the id of a key is accepted without its secret',
    file: 'src/access/callers.ts',
    from: 'if (!isCurrent && !isPrevious) return null;',
    to: 'if (!isCurrent && !isPrevious && digest.length === 0) return null;',
    caughtBy: KEYS,
  },
  {
    name: 'an unsigned access token is accepted',
    file: 'src/access/callers.ts',
    from: 'if (kept === null || !(await this.tokens.isFor(kept, token))) return null;',
    to: 'if (kept === null || (token === "" && !(await this.tokens.isFor(kept, token)))) return null;',
    caughtBy: TOKENS,
  },
  {
    name: 'the rule has no tie-break',
    file: 'src/audit/commit/mirror.rule.ts',
    from: 'return a.tieBreak < b.tieBreak ? -1 : a.tieBreak > b.tieBreak ? 1 : 0;',
    to: 'return 0;',
    caughtBy: LAW,
  },
  {
    name: 'an absence overrides newer data, in the rule',
    file: 'src/audit/commit/mirror.rule.ts',
    from: "const isOutlived = went?.gone === 'absent' &&",
    to: "const isOutlived = went?.gone === 'deleted' && went.version < 0n &&",
    caughtBy: 'test/rules/fetched.test.ts',
  },
  {
    name: 'an absence overrides newer data, in the statement',
    file: COMMIT,
    from: "and (went.gone <> 'absent'",
    to: "and (went.gone <> 'never'",
    caughtBy: REGISTERS,
  },
  {
    name: 'a fetched contact wins over a callback with the same version',
    file: 'src/audit/commit/mirror.rule.ts',
    from: "shape === 'fetched' ? RANK.fetched : rankOf(content.trigger)",
    to: 'rankOf(content.trigger)',
    caughtBy: 'test/rules/fetched.test.ts',
  },
  {
    name: 'in past states, an absence wins over other events with its version',
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
    places: 13,
    caughtBy: REGISTERS,
  },
  {
    name: 'the statement has no tie-break',
    file: COMMIT,
    from: '(excluded.version, excluded.tie_break) > (c.version, c.tie_break)',
    to: 'excluded.version >= c.version',
    places: 13,
    caughtBy: 'C2',
  },
  {
    name: 'versions have only milliseconds',
    file: READ,
    from: `typeof text === 'string' ? readTime(text) : null`,
    to: `typeof text === 'string' ? ((readTime(text) ?? 0n) / 1_000_000n) * 1_000_000n : null`,
    caughtBy: REGISTERS,
  },
  {
    name: 'the answer is sent before the commit',
    file: QUEUE,
    from: 'const isWritten = await commitBatch(link.session, batch);',
    to: 'const isWritten = true; void commitBatch(link.session, batch).catch(() => undefined);',
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'the answer is sent before the commit',
    file: QUEUE,
    from: 'const isWritten = await commitBatch(link.session, batch);',
    to: 'const isWritten = true; void commitBatch(link.session, batch).catch(() => undefined);',
    caughtBy: 'K1',
  },
  {
    name: 'a later write revives a merged or deleted contact',
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
    name: 'the rows of contacts are written unsorted',
    file: COMMIT,
    from: 'order by project_id collate "C", id collate "C"\n',
    to: '',
    caughtBy: OVERLAP,
  },
  {
    name: 'the rows of the journal are written unsorted',
    file: COMMIT,
    from: 'order by project_id collate "C", contact_id collate "C", version, tie_break\n',
    to: '',
    caughtBy: OVERLAP,
  },
  {
    name: 'a batch applies only the last event of each contact',
    file: COMMIT,
    from: '...(row === undefined ? effect : join(row, effect)),',
    to: '...(row === undefined ? effect : effect),',
    caughtBy: REGISTERS,
  },
  {
    name: 'the fingerprint includes the envelope',
    file: READ,
    from: 'canonicalJson(notification, written)}`',
    to: 'canonicalJson(envelope)}`',
    caughtBy: REGISTERS,
  },
  {
    name: 'a failing batch is not halved',
    file: QUEUE,
    from: `outcome.kind === 'poison' && part.length > 1`,
    to: `outcome.kind === 'poison' && part.length > 1_000`,
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'the queue is not drained on stop',
    file: QUEUE,
    from: '    await this.working;\n',
    to: '',
    caughtBy: COMMIT_QUEUE,
  },
  {
    name: 'readiness does not check whether commits are refused',
    file: QUEUE,
    from: 'if (refusal !== null) return describeImpediment(refusal);',
    to: '',
    caughtBy: 'test/http/cannot-commit.test.ts',
  },
  {
    name: "the number of waiters for a follower's lock has no limit",
    file: 'src/followers/turns.ts',
    from: 'if (waiters.length >= waitersMax) throw busy();',
    to: '',
    caughtBy: 'test/http/held-lock.test.ts',
  },
  {
    name: 'a silent connection is kept open',
    file: 'src/database/postgres-client.ts',
    from: 'if (isAwaited || stream.writableEnded)',
    to: 'if (stream.writableEnded)',
    caughtBy: 'test/postgres/lost-connections.test.ts',
  },
  {
    name: 'a session that Postgres ends while it opens ends the process',
    file: 'src/database/postgres-client.ts',
    from: `    this.on('error', () => undefined);\n`,
    to: '',
    caughtBy: 'test/postgres/lost-connections.test.ts',
  },
  {
    name: 'a connection that ends while it opens is reported as lost',
    file: 'src/database/session.ts',
    from: '    try {\n      await client.connect();',
    to: `    client.once('end', onLost);\n    try {\n      await client.connect();`,
    caughtBy: 'K2',
  },
  {
    name: 'the second of two simultaneous requests is recorded as the one that set the reference',
    file: COMMIT,
    from: '${INTO_JOURNAL}\nwhere exists (select from change)',
    to: '${INTO_JOURNAL}',
    caughtBy: REFERENCES,
  },
  {
    name: 'a lost session is not replaced',
    file: QUEUE,
    from: 'if (!this.closing) void this.reconnect();',
    to: '',
    caughtBy: 'K2',
  },
  {
    name: 'other spellings of a signature are accepted',
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
    name: 'the algorithm header decides instead of the signature',
    file: VERIFY,
    from: 'if (secret === undefined) return refusalOf(',
    to: `if (secret === undefined || headers['x-sinch-webhook-signature-algorithm'] !== 'HmacSHA256') return refusalOf(`,
    caughtBy: 'B3',
  },
  {
    name: 'a nonce may have dots, so a delivery split elsewhere is accepted',
    file: VERIFY,
    from: "if (!/^[!-\\-/-~]{1,128}$/.test(nonce)) return 'unreadable-nonce';",
    to: '',
    caughtBy: 'test/rules/verify-signature.test.ts',
  },
  {
    name: "a delivery to a path similar to the webhook's is answered 404",
    file: 'src/base/webhook-path.rule.ts',
    from: 'return LIKE_WEBHOOK_PATH.test(plain) ?',
    to: 'return LIKE_WEBHOOK_PATH.test(plain) && plain === webhookPath ?',
    caughtBy: 'test/http/webhook.test.ts',
  },
  {
    name: 'Basic accepts a key with any id',
    file: 'src/access/callers.ts',
    from: 'return caller?.id === id ? caller : null;',
    to: "return id === '' ? null : caller;",
    caughtBy: 'test/http/sinch-client.test.ts',
  },
  {
    name: 'a delivery is replayed before it is due',
    file: 'src/webhook/quarantine.repository.ts',
    from: "where state = 'open' and due_at <= $1",
    to: "where state = 'open' and due_at <= $1::timestamptz + interval '1 hour'",
    caughtBy: 'test/http/quarantine.test.ts',
  },
  {
    name: 'a delivery quarantined by a wrong clock is not replayed',
    file: 'src/webhook/quarantine.repository.ts',
    from: "reason = 'stale-timestamp' and received_at > $1",
    to: "reason = 'stale-timestamp' and received_at > $1::timestamptz + interval '1 year'",
    caughtBy: 'test/http/quarantine.test.ts',
  },
  {
    name: 'the digest of quarantined deliveries omits lengths',
    file: 'src/webhook/quarantine.repository.ts',
    from: 'parts.flatMap((part) => [lengthOf(part), part])',
    to: `parts.flatMap((part) => [lengthOf(part).subarray(4), Buffer.from('.'), part])`,
    caughtBy: 'test/http/signature.test.ts',
  },
  {
    name: 'the feed does not wait for open transactions',
    file: AUDIT,
    from: 'pg_snapshot_xmin(pg_current_snapshot()))`;\n}\n\nfunction afterAndTold',
    to: "'18446744073709551615'::xid8)`;\n}\n\nfunction afterAndTold",
    caughtBy: FEED,
  },
  {
    name: 'the feed does not wait for open transactions',
    file: AUDIT,
    from: 'pg_snapshot_xmin(pg_current_snapshot()))`;\n}\n\nfunction afterAndTold',
    to: "'18446744073709551615'::xid8)`;\n}\n\nfunction afterAndTold",
    caughtBy: 'K5',
  },
  {
    name: 'the feed is ordered by ids',
    file: AUDIT,
    from: '`(e.era, e.tx, e.id) ${sign} (${place})`',
    to: "`e.id ${sign} ${place.split(', ')[2] ?? ''} and (${place}) is not null`",
    caughtBy: 'K5',
  },
  {
    name: 'the feed ignores eras',
    file: AUDIT,
    from: IS_TOLD,
    to: 'e.tx < pg_snapshot_xmin(pg_current_snapshot())',
    caughtBy: FEED,
  },
  {
    name: 'the feed includes events of open transactions',
    file: AUDIT,
    from: "where e.project_id = $1 and ${isTold('e.project_id, ', '$1, ')}",
    to: 'where e.project_id = $1',
    caughtBy: FEED,
  },
  {
    name: 'a cursor skips the rest of its transaction',
    file: 'src/history/changes.service.ts',
    from: 'next = place;',
    to: `next = [place[0], String(BigInt(place[1]) + 1n), '0', ''];`,
    caughtBy: 'K5',
  },
  {
    name: 'the feed continues from an event that the journal does not have',
    file: 'src/history/changes.service.ts',
    from: "    if (!isThere) throw eventLost('page_token');\n",
    to: '',
    caughtBy: 'test/http/feed.test.ts',
  },
  {
    name: 'a page token names a place, not the event at it',
    file: AUDIT,
    from: "starts_with(encode(fingerprint, 'hex'), $5)",
    to: '$5::text is not null',
    caughtBy: 'test/http/feed.test.ts',
  },
  {
    name: 'a second creation is shown as `created`',
    file: 'src/history/view-change.ts',
    from: "return isCreated ? 'updated' : 'created';",
    to: "return isCreated ? 'created' : 'created';",
    caughtBy: 'test/http/feed.test.ts',
  },
  {
    name: 'an answer has no limit in bytes',
    file: 'src/rest/answer-size.ts',
    from: 'return n > 0 && bytes > bytesMax;',
    to: 'return n < 0 && bytes > bytesMax;',
    caughtBy: 'test/http/answer-size.test.ts',
  },
  {
    name: 'a restore begins no era',
    file: 'src/audit/commit/eras.repository.ts',
    from: `or exists (select from newest where newest.tx >= pg_snapshot_xmax(pg_current_snapshot()))`,
    to: '',
    caughtBy: ERAS,
  },
  {
    name: 'another cluster begins no era',
    file: 'src/audit/commit/eras.repository.ts',
    from: `where not exists (select from last where (last.system_identifier, last.timeline) = (here.system_identifier, here.timeline))`,
    to: 'where not exists (select from last)',
    caughtBy: ERAS,
  },
  {
    name: 'each session begins an era',
    file: 'src/audit/commit/eras.repository.ts',
    from: '  await session.run(ONE_AT_A_TIME);\n',
    to: '',
    caughtBy: ERAS,
  },
  {
    name: 'the trigger does not fire on replicas',
    file: MIGRATION,
    from: 'alter table audit_event enable always trigger audit_event_immutable',
    to: '',
    caughtBy: JOURNAL,
  },
  {
    name: 'the service may UPDATE the journal',
    file: RIGHTS,
    from: "audit_event: 'select, insert',",
    to: "audit_event: 'select, insert, update',",
    caughtBy: JOURNAL,
  },
  ...[CONTACTS, AUDIT, HISTORIES, MERGES].flatMap(withoutEachFilterByProject),
  {
    name: 'a merge is listed once per event',
    file: MERGES,
    from: 'and (f.version, f.tie_break) < (e.version, e.tie_break)',
    to: 'and false',
    caughtBy: 'test/postgres/merges.test.ts',
  },
  {
    name: 'the state before a merge is taken by arrival, not by version',
    file: MERGES,
    from: 'and (p.version, p.tie_break) < (e.version, e.tie_break)',
    to: 'and p.id < e.id',
    caughtBy: 'test/postgres/merges.test.ts',
  },
  {
    name: 'the snapshot in a merge counts as an event after it',
    file: 'migrations/1764100000000-merges.ts',
    from: "tie_break >= '\\\\x03'",
    to: "tie_break >= '\\\\x01'",
    caughtBy: 'test/http/anomalies.test.ts',
  },
  {
    name: "a follower's cursor moves in another transaction than its writes",
    file: 'src/followers/journal-follower.ts',
    from: 'await this.handle(session, batch);',
    to: `await this.locks.exclusively('elsewhere', true, (other) => this.followers.move(other, name, last));
            await this.handle(session, batch);`,
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
    name: 'a follower uses a page that does not begin where it stands',
    file: 'src/followers/shared-pages.ts',
    from: 'if (fromBegin < 0 || last === undefined || comparePlaces(place, placeOf(last)) >= 0) return null;',
    to: 'if (last === undefined) return null;',
    caughtBy: 'test/postgres/shared-pages.test.ts',
  },
  {
    name: 'a follower is moved from where another process has brought it',
    file: FOLLOWERS,
    from: 'where name = $1 and (era, tx, id) = ($5::int, $6::xid8, $7::bigint)',
    to: 'where name = $1 and ($5::int, $6::xid8, $7::bigint) is not null',
    caughtBy: 'test/postgres/shared-pages.test.ts',
  },
  {
    name: 'a follower reads in the order of ids',
    file: FOLLOWERS,
    from: 'where (e.era, e.tx, e.id) > ($1::int, $2::xid8, $3::bigint)\n      and',
    to: 'where e.id > $3::bigint and ($1::int, $2::xid8) is not null\n      and',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'a lock of a session does not exclude others',
    file: 'src/followers/locks.repository.ts',
    from: 'if (lock?.held === true) {',
    to: 'if (lock !== undefined) {',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'only the first event of a project in a batch is handled',
    file: 'src/followers/journal-follower.ts',
    from: 'else own.push(event);',
    to: '',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a dismissal whose event was committed without its effect is never applied',
    file: FOLLOWER,
    from: 'event.type === DISMISSAL && !isOfHot(event)',
    to: "event.type === '' && !isOfHot(event)",
    caughtBy: DUPLICATES,
  },
  {
    name: 'dismissing a hot value separates its contacts',
    file: FOLLOWER,
    from: ' && !isOfHot(event)',
    to: '',
    caughtBy: 'test/http/duplicates.test.ts',
  },
  {
    name: 'a temporary failure parks an event',
    file: 'src/followers/journal-follower.ts',
    from: 'if (signal.aborted || !isFaultOfWork(error)) throw error;',
    to: 'if (signal.aborted) throw error;',
    caughtBy: 'test/postgres/parked-events.test.ts',
  },
  {
    name: 'simultaneous retries each handle a parked event',
    file: 'src/followers/journal-follower.ts',
    from: 'if (!(await this.parked.remove(session, id))) return;',
    to: 'await this.parked.remove(session, id);',
    caughtBy: 'test/postgres/parked-events.test.ts',
  },
  {
    name: 'a batch has no size limit',
    file: FOLLOWERS,
    from: 'where e.place = 1 or (e.bytes <= $6 and e.identities <= $7)',
    to: 'where $6::int > 0 and $7::int > 0',
    caughtBy: 'test/postgres/parked-events.test.ts',
  },
  {
    name: 'a dismissed pair still connects contacts',
    file: 'src/matching/connect-contacts.rule.ts',
    from: 'intersect(signature, other) ? apart : reached',
    to: 'reached',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a value becomes hot above the documented number',
    file: 'src/matching/evidence.rule.ts',
    from: 'export const holdersMax = 20;',
    to: 'export const holdersMax = 21;',
    caughtBy: DUPLICATES,
  },
  {
    name: 'reports of one batch are counted once',
    file: 'src/matching/read-reports.ts',
    from: 'reportCount: sum.reportCount + report.reportCount',
    to: 'reportCount: sum.reportCount',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a set without evidence stays open',
    file: 'src/matching/match-sets.rule.ts',
    from: '.filter((each) => !byKept.has(each))',
    to: '.filter(() => false)',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a dismissal is lost in merges',
    file: 'src/matching/connected-evidence.service.ts',
    from: 'apart.push([...named(ids).keys()]);',
    to: 'apart.push(ids);',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a snoozed set never opens again',
    file: 'src/contacts/open-duplicates.ts',
    from: 'snoozed_until <= now()',
    to: 'false',
    caughtBy: 'test/http/duplicates.test.ts',
  },
  {
    name: 'a set of another project is used',
    file: 'src/matching/evidence.repository.ts',
    from: 'where n.kind = 1 and s.project_id = $1',
    to: "where n.kind = 1 and $1 <> ''",
    caughtBy: DUPLICATES,
  },
  {
    name: 'each of thousands of look-ups scans a small table',
    file: 'src/followers/locks.repository.ts',
    from: ' set local enable_seqscan = off;',
    to: '',
    caughtBy: 'test/postgres/by-index.test.ts',
  },
  {
    name: 'an update of an identity is passed over by the followers',
    file: 'src/audit/commit/projections.rule.ts',
    from: "'language', 'channel_identities'] as const",
    to: "'language'] as const",
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'an update of what a contact is found by looks like one of its metadata',
    file: 'src/audit/commit/commit.repository.ts',
    from: 'then c.values_tx else excluded.values_tx end',
    to: 'then c.values_tx else c.values_tx end',
    caughtBy: 'test/postgres/followers.test.ts',
  },
  {
    name: 'commits sort the keys of names into their index',
    file: 'migrations/1765100000000-waiting-keys.ts',
    from: 'gin_pending_list_limit = 1024',
    to: 'gin_pending_list_limit = 64',
    caughtBy: 'test/postgres/waiting-keys.test.ts',
  },
  {
    name: 'each of many look-ups of identities reads all that wait for their index',
    file: 'src/matching/contact-values.repository.ts',
    from: 'identityKeys.length >= sortedInFrom',
    to: 'identityKeys.length < 0',
    caughtBy: 'test/postgres/waiting-keys.test.ts',
  },
  {
    name: 'the service leaves names to commits',
    file: 'src/service.ts',
    from: 'app.get(WaitingNamesService).start();',
    to: '',
    caughtBy: 'test/http/waiting-names.test.ts',
  },
  {
    name: 'the first merges of a large journal are not planned for',
    file: 'migrations/1764990000000-growth.ts',
    from: 'i.indpred is not null',
    to: 'i.indpred is null',
    caughtBy: 'test/postgres/grown-tables.test.ts',
  },
  {
    name: 'who has an identity on one channel is not found among the many who have its number on another',
    file: 'src/matching/shared-values.service.ts',
    from: 'crowded.length > 0',
    to: 'crowded.length > 9999',
    caughtBy: 'test/postgres/duplicates.test.ts',
  },
  {
    name: 'look-ups of sets scan all sets',
    file: 'src/contacts/open-duplicates.ts',
    from: 'offset 0',
    to: '',
    caughtBy: PLANS,
  },
  {
    name: 'a page of contacts is read twice',
    file: 'src/contacts/contacts.repository.ts',
    from: 'return rows<MeasuredRow>(\n      await this.readsOf(projectId, filter)',
    to: 'await this.matches(projectId, filter, after, size);\n    return rows<MeasuredRow>(\n      await this.readsOf(projectId, filter)',
    caughtBy: COSTS,
  },
  {
    name: 'a filter by type scans the whole journal',
    file: AUDIT,
    from: "`e.type = ${parameter} and ${stands(place, 'e.project_id, e.type, ', `$1, ${parameter}, `)}`;",
    to: "`e.type = ${parameter} and ${stands(place, '', '')}`;",
    caughtBy: PLANS,
  },
  {
    name: 'a time window cannot use the index',
    file: AUDIT,
    from: '`e.accepted_at >= ${time}::timestamptz`',
    to: '`${time}::timestamptz is not null`',
    caughtBy: PLANS,
  },
  {
    name: 'the partial index on related contacts cannot be used',
    file: AUDIT,
    from: `e.related_contact_ids <> '{}' and `,
    to: '',
    caughtBy: PLANS,
  },
  {
    name: 'a merge is retried although it may have been done',
    file: 'src/sinch/sinch-client.ts',
    from: "effect: 'once'",
    to: "effect: 'repeatable'",
    places: 3,
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'a second token is fetched while a request for one is running',
    file: 'src/sinch/sinch-tokens.ts',
    from: 'this.#coming ??= this.fetch()',
    to: 'this.#coming = this.fetch()',
    caughtBy: 'test/sinch/tokens.test.ts',
  },
  {
    name: 'a token that replaced another one is discarded',
    file: 'src/sinch/sinch-tokens.ts',
    from: 'if (this.#current?.header === refused) this.#current = null;',
    to: 'this.#current = null;',
    caughtBy: 'test/sinch/tokens.test.ts',
  },
  {
    name: 'retries bypass the rate limit',
    file: 'src/sinch/request-sender.ts',
    from: 'await bucket.take(waits);',
    to: 'if (attempt === 1) await bucket.take(waits);',
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'an earlier attempt that may have succeeded is ignored',
    file: 'src/sinch/request-sender.ts',
    from: 'sofar.outcomeUnknown ||= outcome.outcomeUnknown;',
    to: '',
    caughtBy: SINCH_FAULTS,
  },
  {
    name: 'the timeout of a request starts with its first attempt',
    file: 'src/sinch/exchange.ts',
    from: 'const started = this.clock.monotonicMs();',
    to: 'const started = 0;',
    caughtBy: 'test/sinch/operations.test.ts',
  },
  {
    name: 'the token bucket serves the last waiter first',
    file: 'src/sinch/request-bucket.ts',
    from: 'for (const go of this.waiting) {',
    to: 'for (const go of [...this.waiting].reverse()) {',
    caughtBy: 'test/sinch/request-bucket.test.ts',
  },
  {
    name: 'an error message contains a secret',
    file: 'src/sinch/read-sinch-error.rule.ts',
    from: "if (secret !== '')",
    to: "if (secret === '-')",
    caughtBy: 'test/sinch/operations.test.ts',
  },
  {
    name: 'merges are parked while Sinch is unavailable',
    file: 'src/write-back/write-back-follower.ts',
    from: '&& (await answers(client, closing))',
    to: '&& !closing.aborted && client !== null',
    caughtBy: 'test/http/write-back.test.ts',
  },
  {
    name: 'a merge whose answer was lost is repeated without a check',
    file: 'src/merging/merge-at-sinch.service.ts',
    from: 'await this.askAfter(client, projectId, planned, begunAtMs);',
    to: "'undone' as Found;",
    caughtBy: MERGING,
  },
  {
    name: 'a repeated merge whose loser is missing counts as refused',
    file: 'src/merging/merge-at-sinch.service.ts',
    from: ' || (isLost && answer.httpStatus === 404)',
    to: '',
    caughtBy: MERGING,
  },
  {
    name: 'a missing loser counts as merged',
    file: 'src/merging/merge-at-sinch.service.ts',
    from: 'moved.length < plan.identities.moved.length',
    to: 'moved.length < 0',
    caughtBy: MERGING,
  },
  {
    name: 'a loser that was merged elsewhere counts as deleted',
    file: 'src/sync/sweep.service.ts',
    from: 'await this.unconfirmed.mergedAmong(asker.client, now.project_id, gone, asker.signal);',
    to: 'new Set(gone.slice(gone.length));',
    caughtBy: 'test/process/merge-crash.test.ts',
  },
  {
    name: "an automatic merge is not checked against Sinch's current data",
    file: 'src/merging/set-merger.service.ts',
    from: 'if ((await mayMerge?.()) === false)',
    to: 'if ((await mayMerge?.()) === null)',
    caughtBy: 'test/http/auto-merge.test.ts',
  },
  {
    name: 'a dismissed set is merged without force',
    file: 'src/merging/set-merger.service.ts',
    from: 'if (dismissals.length > 0 && !isForced)',
    to: 'if (dismissals.length < 0)',
    caughtBy: 'test/http/merging-sets.test.ts',
  },
  {
    name: 'a dismissed pair is merged without force',
    file: 'src/contacts/merges/plan-merge.rule.ts',
    from: "    lifted.push({ code: 'dismissed-as-duplicates', message, contact_id: loser.id });",
    to: '    void message;',
    caughtBy: 'test/rules/plan-merge.test.ts',
  },
  {
    name: 'a rule merges contacts although a value is lost',
    file: 'src/duplicates/auto-merge/judge-auto-merge.rule.ts',
    from: "'loses-value': set.losesValue,",
    to: "'loses-value': false,",
    caughtBy: 'test/rules/judge-auto-merge.test.ts',
  },
  {
    name: 'a placeholder is evidence',
    file: 'src/matching/judge-evidence.rule.ts',
    from: "if (isPlaceholder(text) || isFiller(text)) return 'none';",
    to: '',
    caughtBy: 'test/rules/judge-evidence.test.ts',
  },
  {
    name: 'the same identity in two apps counts as one person',
    file: 'src/matching/connected-evidence.service.ts',
    from: 'if (!areDoubtful.has(group)) return [group];',
    to: 'if (areDoubtful.has(group) || true) return [group];',
    caughtBy: DUPLICATES,
  },
  {
    name: 'a merge by the service may get a version before known events',
    file: 'src/audit/commit/version-after-write.rule.ts',
    from: 'return version > next ? version : next;',
    to: 'return version;',
    caughtBy: MERGING,
  },
  {
    name: 'a merge by the service gets the time of its commit as version',
    file: 'src/audit/commit/version-after-write.rule.ts',
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
    name: 'automatic merging continues although it is stopped',
    file: 'src/auto-merge/auto-merger.service.ts',
    from: "now.state === 'acting' && ",
    to: '',
    caughtBy: 'test/http/auto-merge.test.ts',
  },
  {
    name: 'write-back overwrites metadata that is newer than the merge',
    file: 'src/write-back/plan-write-back.rule.ts',
    from: '!isOurs && text !== textOf(atMerge)',
    to: 'false',
    caughtBy: 'test/rules/plan-write-back.test.ts',
  },
  {
    name: 'a migration is not one transaction',
    file: 'src/database/migrate.ts',
    from: "executor.transaction = 'each'",
    to: "executor.transaction = 'none'",
    caughtBy: 'K4',
  },
  {
    name: 'a sync run writes contacts that are equal',
    file: 'src/sync/plan-page.rule.ts',
    from: "if (fields.length === 0) return { kind: 'unchanged' };",
    to: '',
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a sync run overrides events that are newer than its page',
    file: 'src/sync/plan-page.rule.ts',
    from: "return saidAt < version ? { kind: 'update', fields } : { kind: 'skipped' };",
    to: "return { kind: 'update', fields };",
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a sync run revives deleted contacts',
    file: 'src/sync/plan-page.rule.ts',
    from: "case 'absent':\n",
    to: "case 'absent':\n    case 'deleted':\n",
    caughtBy: PLAN_PAGE,
  },
  {
    name: 'a reconcile marks any number of contacts deleted',
    file: 'src/sync/sweep.service.ts',
    from: 'if (!counted.confirmed && !mayMark',
    to: 'if (!mayMark(0, 0) && !counted.confirmed && !mayMark',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a contact missing in the list is marked deleted without asking Sinch for it',
    file: 'src/sync/sweep.service.ts',
    from: 'const found = await asker.ask(asked);',
    to: 'const found = {\n        fetched: [],\n        absent: asked.map((contactId) => ({ contactId, version: BigInt(now.began_version ?? 0) })),\n      };',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'with the wrong region every contact is marked deleted',
    file: 'src/sync/sweep.service.ts',
    from: 'if (absent.length > 0) {',
    to: 'if (absent.length < 0) {',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a continued run counts a batch by its state after the kill',
    file: 'src/sync/sweep.service.ts',
    from: 'const counted = run.planned?.tally ?? tally;',
    to: 'const counted = tally;',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a continued run starts from the beginning',
    file: 'src/sync/sweep.service.ts',
    from: 'asker.pagesFrom(run.page_token)',
    to: 'asker.pagesFrom(null)',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a backfill marks contacts deleted',
    file: 'src/sync/sweep.service.ts',
    from: "if (run.mode === 'backfill') return",
    to: "if (run.mode !== 'backfill' && run.mode !== 'reconcile') return",
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'deleted contacts are not counted as drift',
    file: 'src/sync/fetched-contacts.service.ts',
    from: '...absent.map(({ contactId, version }) => foundAbsent(contactId, version, fetching)),',
    to: '',
    caughtBy: 'C4',
  },
  {
    name: "without a Date header the service's own clock is used as version",
    file: 'src/sync/pages-ahead.ts',
    from: 'if (version === null) throw noDate();',
    to: '',
    caughtBy: SYNC_RUNS,
  },
  {
    name: 'a delivery is read before it is refused because the queue is full',
    file: 'src/webhook/waiting-room.ts',
    from: '!== webhookPath ||',
    to: '!== null ||',
    caughtBy: 'test/http/overload.test.ts',
  },
  {
    name: 'a delivery that waited until there was room is refused',
    file: 'src/webhook/waiting-room.ts',
    from: 'if (this.queue.hasRoom()) {',
    to: 'if (this.waiting < 0) {',
    caughtBy: 'test/http/overload.test.ts',
  },
  {
    name: 'a request is processed again while the first one is running',
    file: IDEMPOTENT,
    from: 'and (kept.begun_at not between now() - make_interval(secs => $7) and now() + make_interval(secs => $7)',
    to: 'and ($7::int > 0',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'a stored answer never expires',
    file: IDEMPOTENT,
    from: 'where kept.begun_at not between now() - make_interval(hours => $6) and now() + make_interval(hours => $6)\n            or (',
    to: 'where (',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'idempotency keys are shared by all projects',
    file: 'src/idempotency/idempotency.service.ts',
    from: 'const identity = { callerId, projectId, keyDigest',
    to: "const identity = { callerId, projectId: '', keyDigest",
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'a different request gets the stored answer of the same key',
    file: 'src/idempotency/idempotency.service.ts',
    from: 'known?.request_digest.equals(digest) === false',
    to: 'digest.length === 0',
    caughtBy: IDEMPOTENCY,
  },
  {
    name: 'a 5xx is stored as the answer',
    file: 'src/idempotency/idempotency.service.ts',
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
    name: 'a caller over its limit is refused forever',
    file: RATE_LIMITS,
    from: 'if (minute !== this.minute) {',
    to: 'if (this.minute === 0) {',
    caughtBy: RATE_LIMIT,
  },
  {
    name: 'a request may take ten times as long to be received',
    file: 'src/http/configure-rest.ts',
    from: 'const arrivalMaxMs = 30_000;',
    to: 'const arrivalMaxMs = 300_000;',
    caughtBy: LIMITS,
  },
  {
    name: 'headers may have any length',
    file: 'src/http/configure-rest.ts',
    from: 'const headBytesMax = 16 * 1024;',
    to: 'const headBytesMax = 1024 * 1024;',
    caughtBy: LIMITS,
  },
  {
    name: 'a connection may have any number of running requests',
    file: 'src/http/connection-gate.ts',
    from: 'unanswered.size < unansweredMax && ',
    to: '',
    caughtBy: CONNECTION_GATE,
  },
  {
    name: 'requests of a closed connection are still parsed',
    file: 'src/http/connection-gate.ts',
    from: '    stopParsing(socket);\n    socket.destroy();',
    to: '    socket.destroy();',
    caughtBy: CONNECTION_GATE,
  },
  {
    name: 'unfinished bodies block complete ones',
    file: 'src/http/body-budget.ts',
    from: "this.cut(slowest, 'full');",
    to: 'return false;',
    caughtBy: 'test/rules/body-budget.test.ts',
  },
  {
    name: 'invented key ids are looked up in Postgres',
    file: 'src/access/callers.ts',
    from: 'return this.ids.isOurs(id) ? this.lookups.find(id) : Promise.resolve(null);',
    to: 'return this.lookups.find(id);',
    caughtBy: 'test/http/unknown-keys.test.ts',
  },
  {
    name: 'an export continues after its key was revoked',
    file: 'src/rest/exports/exports.ts',
    from: 'await request.requireStillAllowed?.();',
    to: '',
    caughtBy: EXPORT,
  },
  {
    name: 'a waiting request continues after its key was revoked',
    file: 'src/history/history.controller.ts',
    from: 'if (query.wait > 0) await request.requireStillAllowed?.();',
    to: '',
    caughtBy: 'test/http/feed.test.ts',
  },
  {
    name: 'unread answers have no memory limit',
    file: 'src/http/connection-gate.ts',
    from: 'if (this.unwrittenBytes + bytes <= this.limits.unwrittenMaxBytes) break;',
    to: 'break;',
    caughtBy: CONNECTION_GATE,
  },
  {
    name: 'CORS allows every origin',
    file: 'src/http/configure-rest.ts',
    from: 'origin !== undefined && origins.has(origin)',
    to: 'origin !== undefined && origins.size > 0',
    caughtBy: LIMITS,
  },
  {
    name: 'an answer has a field that the OpenAPI document lacks',
    file: 'src/contacts/view-contact.ts',
    from: 'open_duplicates: openDuplicates,',
    to: 'open_duplicates: openDuplicates, duplicates_open: [],',
    caughtBy: LIST,
  },
  {
    name: 'the log contains the requested path',
    file: 'src/rest/problems/problem.filter.ts',
    from: "route: routeTemplate(request.routeOptions.url ?? 'none'),\n    };",
    to: 'route: request.url,\n    };',
    caughtBy: 'test/process/canary.test.ts',
  },
  {
    name: 'an error message quotes the database',
    file: 'src/rest/problems/problem.filter.ts',
    from: "const stack = (error instanceof Error ? error.stack : undefined) ?? '';\n  return stack.slice(Math.max(stack.indexOf('\\n    at '), 0)).trim();",
    to: "return (error instanceof Error ? error.stack : undefined) ?? '';",
    caughtBy: 'test/http/rest-conventions.test.ts',
  },
  {
    name: 'a failed export ends like a complete one',
    file: 'src/rest/exports/exports.ts',
    from: '      throw error;\n',
    to: '',
    caughtBy: EXPORT,
  },
  {
    name: 'a CSV cell may contain a formula',
    file: 'src/rest/exports/export-format.ts',
    from: 'cast: { string: guardFormulas },',
    to: '',
    caughtBy: EXPORT,
  },
  {
    name: 'the last of several creations counts instead of the first',
    file: 'src/stats/count-contacts.rule.ts',
    from: 'return comparePositions(a, b) <= 0 ? a : b;',
    to: 'return b;',
    caughtBy: STATS,
  },
  {
    name: 'a contact is counted both before and after a change',
    file: 'src/stats/count-contacts.rule.ts',
    from: 'if (before !== null) add(before, -1);',
    to: '',
    caughtBy: STATS,
  },
  {
    name: 'an unreadable body is ignored',
    file: 'src/webhook/intake.service.ts',
    from: "if (reading.kind === 'unusable') {",
    to: "if (reading.kind === 'unusable') {\n      return null;",
    caughtBy: 'B1',
  },
  {
    name: 'an answer has a status that the OpenAPI document lacks',
    file: 'src/rest/read-dto.ts',
    from: "new Problem('invalid-request'",
    to: "new Problem('idempotency-mismatch'",
    caughtBy: 'B2',
  },
  {
    name: 'a stopping service closes connections immediately',
    file: 'src/service.ts',
    from: '    await this.linger();\n',
    to: '',
    caughtBy: 'K3',
  },
  {
    name: 'secrets are printed although output goes to a log',
    file: 'src/banner.ts',
    from: 'isTerminal && secret?.made === true',
    to: 'secret?.made === true',
    caughtBy: 'test/rules/banner.test.ts',
  },
  {
    name: 'only the first address of a name is vetted',
    file: 'src/egress/connector.ts',
    from: 'return addresses.map((address) => {',
    to: 'return addresses.slice(0, 1).map((address) => {',
    caughtBy: CONNECTOR,
  },
  {
    name: 'the address that a connection leads to is not compared with the vetted ones',
    file: 'src/egress/connector.ts',
    from: "allowed === 'any' || addresses.includes(",
    to: 'allowed.length >= 0 || addresses.includes(',
    caughtBy: CONNECTOR,
  },
  {
    name: 'an IPv6 address is public unless a registry lists it',
    file: 'src/egress/is-public.rule.ts',
    from: 'return isInAny(IPV6_UNICAST, address) && !isInAny(IPV6_REFUSED, address);',
    to: 'return !isInAny(IPV6_REFUSED, address);',
    caughtBy: 'test/rules/is-public.test.ts',
  },
  {
    name: 'the address of the metadata of clouds is public',
    file: 'src/egress/is-public.rule.ts',
    from: "  '169.254.0.0/16',",
    to: '',
    caughtBy: 'W7',
  },
  {
    name: 'one address with a prefix allows its whole network',
    file: 'src/egress/read-networks.rule.ts',
    from: 'if (prefix << freeBits !== address.bits)',
    to: 'if (prefix < 0n)',
    caughtBy: 'test/rules/read-networks.test.ts',
  },
  {
    name: 'a value can forge a line of the readable log',
    file: 'src/pretty-line.rule.ts',
    from: '(part === level ? part : escapeControls(part))',
    to: '(part === level ? part : part)',
    caughtBy: 'test/rules/pretty-line.test.ts',
  },
  {
    name: 'at a high rate, every delivery has a log line',
    file: 'src/webhook/log-deliveries.ts',
    from: 'this.lines < linesMax',
    to: 'this.lines < Infinity',
    caughtBy: 'test/rules/log-deliveries.test.ts',
  },
];

const TABLE = 'docs/faults.md';
const TITLE = `# Planted faults

\`npm run proof -- faults\` writes this table: it plants each fault in a copy of the project and checks that the named test or proof fails with it and passes without it. A run of some of them (\`--only\`, \`--sample\`) replaces their rows. \`not run\` means that the fault, its place or its test is new since the last run of it.`;

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

/** Plants each fault in a copy of the project, and demands that its named test or proof fails there, and only there. */
export function run({ only, sample, seed }: Options): Promise<Finding> {
  const named = FAULTS.filter(({ name, caughtBy }) => `${name} ${caughtBy}`.includes(only ?? ''));
  const chosen = sample === null ? named : new Dice(seed).shuffle(named).slice(0, sample);
  if (chosen.length === 0) throw new Error(`No fault is called ${only ?? ''}`);
  const copy = mkdtempSync(join(tmpdir(), 'mirror-faults-'));
  cpSync(root, copy, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(basename(path)),
    preserveTimestamps: true,
  });
  linkPackages(join(root, 'node_modules'), join(copy, 'node_modules'));
  try {
    const catchers = [...new Set(chosen.map(({ caughtBy }) => caughtBy))];
    const broken = catchers.filter((catcher) => judge(copy, catcher) !== 'passed');
    const rows = chosen.map((fault) => ({ ...fault, verdict: plant(copy, fault) }));
    const uncaught = rows.filter(({ verdict }) => verdict !== 'failed');
    tell(rows);
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

/**
 * Gives the copy a folder of packages of its own, with a link to each package.
 *
 * A link to the whole folder would not do: when the original's packages change meanwhile, the set-up of the copy runs
 * `npm ci`, which empties `node_modules` first, and would empty the original through the link. So it removes links.
 */
export function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    // the set-up compares its time with that of package-lock.json
    if (name === '.package-lock.json') cpSync(join(from, name), join(to, name), { preserveTimestamps: true });
    else symlinkSync(join(from, name), join(to, name));
  }
}

/**
 * For people: each fault, where it is planted, and whether who looks for it caught it. What was not planted now keeps its row,
 * unless it has another place or catcher by now.
 */
function tell(planted: readonly (Fault & { readonly verdict: string })[]): void {
  const earlier = new Map(
    [...readFileSync(TABLE, 'utf8').matchAll(/^(\|.*\|) (yes|no) +\|$/gm)].map(([, begin = '', caught]) => [
      begin.replaceAll(/ +/g, ' '),
      caught,
    ]),
  );
  const now = new Map(planted.map((fault) => [rowOf(fault), fault.verdict === 'failed' ? 'yes' : 'no']));
  const lines = FAULTS.map((fault) => {
    const row = rowOf(fault);
    return `${row} ${now.get(row) ?? earlier.get(row) ?? 'not run'} |`;
  });
  const head = ['| fault | planted in | must be caught by | caught |', '| - | - | - | - |'];
  writeFileSync(TABLE, [TITLE, '', ...head, ...lines, ''].join('\n'));
  spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', TABLE]);
}

/** The first three cells of its row. */
function rowOf({ name, file, caughtBy }: Fault): string {
  return `| ${name.replaceAll(/ +/g, ' ').replaceAll('|', '\\|')} | \`${file}\` | \`${caughtBy}\` |`;
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

/** @throws Error when the file does not have what the fault replaces at as many places as the fault says */
export function planted(text: string, { name, file, from, to, places = 1 }: Fault): string {
  const found = text.split(from).length - 1;
  if (found !== places)
    throw new Error(
      `The fault "${name}" does not apply: ${file} has ${found} places, not ${places}, of: ${from}`,
    );
  return text.replaceAll(from, () => to); // a function, since `$'` and the like stand for something in a text
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
    timeout: judgeMaxMs,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = isTest
    ? /^Tests: +(?:.*?(\d+) failed)?/m.exec(stderr)
    : /"verdict":"(?:(failed)|passed)"/.exec(stdout);
  if (found === null) return 'broken';
  return found[1] === undefined ? 'passed' : 'failed';
}

import { AccessModule } from '../access/access.module';
import { ApiKeysRepository, type KeyRow } from '../access/api-keys.repository';
import { ApiKeysService, type ShownKey } from '../access/api-keys.service';
import { KeyIds } from '../access/key-ids';
import { readGrant, type KeyGrant, type UnfitField } from '../access/read-grant.rule';
import { viewKey } from '../access/view-key';
import { loadConfig } from '../config/config';
import { StartRefusal } from '../config/start-refusal';
import { findSetting } from '../database/find-setting';
import { ReservedPool } from '../database/reserved-pool';
import { UsageError } from './exit-codes';
import type { Output } from './output';
import { tableLines } from './table.rule';
import { withParts } from './with-parts';

/** Who made a change, as the events of keys name it. */
const actor = 'command line';
const pageSize = 200;

/** The options that the fields of a grant come from. */
const OPTION_OF: Readonly<Record<UnfitField['field'], string>> = {
  name: 'name',
  scopes: 'scopes',
  project_ids: 'projects',
  expires_at: 'expires-at',
};

/** The options of `keys create`, as they are given. */
export interface KeyOptions {
  readonly name: string;
  readonly scopes: string;
  readonly projects: string;
  readonly expiresAt?: string;
}

/** Makes a key. Its text is printed alone on stdout, this once. */
export async function createKey(output: Output, options: KeyOptions): Promise<void> {
  const grant = grantOf(options);
  await withKeys(output, async (_keys, service) => {
    const shown = await service.create(grant, actor);
    await show(
      output,
      'Created',
      shown,
      `Key ${shown.id} (${shown.name}) was created, but could not be printed: revoke it with "keys revoke ${shown.id}"`,
    );
  });
}

export async function rotateKey(output: Output, id: string, graceSeconds: number): Promise<void> {
  await withKeys(output, async (_keys, service) => {
    await show(
      output,
      'Rotated',
      known(id, await service.rotate(id, graceSeconds, actor)),
      `Key ${id} was rotated, but the new secret could not be printed: rotate it again, or revoke it with "keys revoke ${id}"`,
    );
  });
}

/** Ends a key, or with `isAll` every key. @throws UsageError where not one of both is given */
export async function revoke(output: Output, id: string | undefined, isAll: boolean): Promise<void> {
  if (isAll === (id !== undefined)) throw new UsageError('Give the id of a key, or --all');
  await (id === undefined ? revokeAllKeys(output) : revokeKey(output, id));
}

async function revokeKey(output: Output, id: string): Promise<void> {
  await withKeys(output, async (_keys, service) => {
    const row = known(id, await service.revoke(id, actor));
    await output.result(viewKey(row), [`Revoked ${id} (${row.name})`]);
  });
}

/** For a copy of a database, whose keys would open both. Access tokens end with their keys. */
async function revokeAllKeys(output: Output): Promise<void> {
  await withKeys(output, async (keys, service) => {
    let count = 0;
    for await (const { id, revoked_at: revokedAt } of allKeys(keys))
      if (revokedAt === null && (await service.revoke(id, actor)) !== null) count += 1;
    await output.result({ revoked: count }, [`Revoked ${count} keys`]);
    output.note('ADMIN_API_KEY still works: it is not a key of the database');
  });
}

/** Lists every key, newest first; revoked and expired ones too. */
export async function listKeys(output: Output): Promise<void> {
  await withKeys(output, async (keys) => {
    const all: KeyRow[] = [];
    for await (const row of allKeys(keys)) all.push(row);
    await output.result(
      all.map(viewKey),
      tableLines(['ID', 'NAME', 'SCOPES', 'PROJECTS', 'STATE', 'LAST USED'], all.map(cellsOf)),
    );
  });
}

async function withKeys(
  output: Output,
  work: (keys: ApiKeysRepository, service: ApiKeysService) => Promise<void>,
): Promise<void> {
  await withParts(output, loadConfig(), [AccessModule], async ({ get }) => {
    get(KeyIds).useKey(await findSetting(get(ReservedPool), 'access_token_key'));
    await work(get(ApiKeysRepository), get(ApiKeysService));
  });
}

async function* allKeys(keys: ApiKeysRepository): AsyncGenerator<KeyRow> {
  for (let before: string | null = null; ;) {
    const page: readonly KeyRow[] = await keys.page(before, pageSize);
    yield* page;
    if (page.length < pageSize) return;
    before = page.at(-1)?.number ?? null;
  }
}

/** @throws UsageError that names the option */
function grantOf({ name, scopes, projects, expiresAt }: KeyOptions): KeyGrant {
  const [scopeNames, projectIds] = [scopes.split(','), projects.split(',')];
  const asked = { name, scopes: scopeNames, projectIds, expiresAt: expiresAt ?? null };
  const read = readGrant(asked, new Date());
  if ('grant' in read) return read.grant;
  const [{ field, message }] = read.faults;
  const example = field === 'expires_at' ? ', such as 2030-01-31T00:00:00Z' : '';
  throw new UsageError(`--${OPTION_OF[field]} ${message}${example}`);
}

function cellsOf(row: KeyRow): readonly string[] {
  const { expires_at: expires, revoked_at: revoked, last_used_at: used } = row;
  const state =
    revoked !== null
      ? `revoked ${revoked.toISOString()}`
      : expires === null
        ? 'active'
        : `${expires.getTime() <= Date.now() ? 'expired' : 'active until'} ${expires.toISOString()}`;
  return [
    row.id,
    row.name,
    row.scopes.join(','),
    row.project_ids.join(','),
    state,
    used?.toISOString() ?? 'never',
  ];
}

/** @throws StartRefusal with `ifLost` when the text of the key could not be written, so that nobody has it */
async function show(output: Output, verb: string, shown: ShownKey, ifLost: string): Promise<void> {
  output.note(`${verb} ${shown.id} (${shown.name}). The key is shown only this once:`);
  await output.result(Object.assign(viewKey(shown), { key: shown.key }), [shown.key], ifLost);
}

function known<Row>(id: string, row: Row | null): Row {
  if (row !== null) return row;
  throw new StartRefusal(`Key ${id} not found, expired or revoked: run "keys list" to see the keys`);
}

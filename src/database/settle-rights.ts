import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { errorCode } from '../base/error-code';
import { StartRefusal } from '../config/start-refusal';
import type { Queryable } from './queryable';
import {
  BI_VIEWS,
  type DatabaseRoles,
  OF_THE_PROJECT,
  type Privilege,
  READER_TABLES,
  READER_VIEWS_ONLY,
  ROLE_SETTINGS,
  SERVICE_FUNCTIONS,
  servicePrivileges,
} from './rights.rule';
import { rows } from './rows';

const logger = new Logger('Rights');

/**
 * Makes what is missing of roles, memberships, grants and policies, so that a restored dump works like any other database,
 * and closes the database to all other users of the cluster.
 *
 * The names of the roles are chosen once and kept in `setting`: roles belong to the cluster, and a neighbour that uses this
 * software must not be able to become ours.
 * @param session of the owner, in the migrated database; the only one that does this now
 * @param login as whom the service connects
 * @throws StartRefusal when an administrator of the cluster has to act, with the SQL to run; or when a role is not safe
 */
export async function settleRights(session: Queryable, login: string): Promise<void> {
  const [owner] = rows<{ name: string }>(await session.query('select current_user::text as name'));
  if (owner === undefined) throw new Error('Postgres did not name the current user.');
  const users = { owner: owner.name, login };
  const roles = await nameRoles(session);
  await makeRoles(session, roles, users);
  await refuseUnsafeRoles(session, roles, users);
  await grantTables(session, roles);
  await makePolicies(session, roles);
  await closeDatabase(session, users, await grantViews(session));
}

/** By whom the schema is owned, and as whom the service connects; often the same. */
interface Users {
  readonly owner: string;
  readonly login: string;
}

async function nameRoles(session: Queryable): Promise<DatabaseRoles> {
  const suffix = randomBytes(4).toString('hex');
  await session.query(
    `insert into setting (name, value) values ($1, convert_to($2, 'UTF8')), ($3, convert_to($4, 'UTF8')) on conflict do nothing`,
    [ROLE_SETTINGS.service, `mirror_service_${suffix}`, ROLE_SETTINGS.reader, `mirror_reader_${suffix}`],
  );
  const names = rows<{ name: string; role: string }>(
    await session.query(
      `select name, convert_from(value, 'UTF8') as role from setting where name = any ($1)`,
      [Object.values(ROLE_SETTINGS)],
    ),
  );
  const roleOf = (setting: string): string => {
    const found = names.find(({ name }) => name === setting);
    if (found === undefined) throw new Error(`The setting ${setting} is missing.`);
    return found.role;
  };
  return { service: roleOf(ROLE_SETTINGS.service), reader: roleOf(ROLE_SETTINGS.reader) };
}

/** Creates the roles, and lets the service's login become them. */
async function makeRoles(session: Queryable, roles: DatabaseRoles, { owner, login }: Users): Promise<void> {
  const names = [roles.service, roles.reader];
  const missing = rows<{ name: string }>(
    await session.query(
      'select name from unnest($1::text[]) name where not exists (select from pg_roles where rolname = name) order by 1',
      [names],
    ),
  );
  const statements = missing.map(({ name }) => `create role ${escapeIdentifier(name)} nologin`);
  if (missing.length > 0 || !(await mayBecome(session, login, names)))
    statements.push(`grant ${names.map(escapeIdentifier).join(', ')} to ${escapeIdentifier(login)}`);
  for (const statement of statements) {
    try {
      await session.query(statement);
    } catch (error) {
      if (errorCode(error) !== '42501') throw error;
      throw new StartRefusal(
        `The database user ${escapeIdentifier(owner)} may not create or grant roles. Run this as an administrator of the Postgres cluster, then start again: ${statements.join('; ')};`,
      );
    }
  }
}

/** Since Postgres 16 a membership may come without the right to become the role, as that of a role's creator does. */
async function mayBecome(session: Queryable, login: string, names: readonly string[]): Promise<boolean> {
  const [row] = rows<{ may: boolean }>(
    await session.query(
      `select bool_and(pg_has_role($1, name, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
                       and pg_has_role($1, name, 'USAGE')) as may
       from unnest($2::text[]) name`,
      [login, names],
    ),
  );
  return row?.may === true;
}

async function refuseUnsafeRoles(session: Queryable, roles: DatabaseRoles, users: Users): Promise<void> {
  const [fault] = rows<{ what: string; remedy: string }>(
    await session.query(UNSAFE_ROLES, [
      [roles.service, roles.reader],
      [users.owner, users.login],
    ]),
  );
  if (fault !== undefined) throw new StartRefusal(`${fault.what}. Run as an administrator: ${fault.remedy};`);
}

/**
 * Members that may only pass a role on are those who administer it. Superusers may do everything without being members.
 * `inherit_option` and `set_option` are columns since Postgres 16.
 */
const UNSAFE_ROLES = `
select format('The role %I may log in or do more than this service needs', rolname) as what,
       format('alter role %I nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication', rolname) as remedy
from pg_roles
where rolname = any ($1) and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
union all
select format('%I, which is not the user of DATABASE_URL or DATABASE_OWNER_URL, may work as the role %I', member.rolname, role.rolname),
       format('revoke %I from %I', role.rolname, member.rolname)
from pg_auth_members m
join pg_roles role on role.oid = m.roleid
join pg_roles member on member.oid = m.member
where role.rolname = any ($1) and member.rolname <> all ($2) and not member.rolsuper
  and (coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true) or coalesce((to_jsonb(m) ->> 'set_option')::boolean, true))
union all
select format('The role %I is a member of %I', member.rolname, role.rolname),
       format('revoke %I from %I', role.rolname, member.rolname)
from pg_auth_members m
join pg_roles role on role.oid = m.roleid
join pg_roles member on member.oid = m.member
where member.rolname = any ($1)`;

async function grantTables(session: Queryable, roles: DatabaseRoles): Promise<void> {
  const [service, reader] = [escapeIdentifier(roles.service), escapeIdentifier(roles.reader)];
  const [has] = rows<{ all_usage: boolean; all_functions: boolean }>(
    await session.query(
      `select has_schema_privilege($1, 'public', 'USAGE') and has_schema_privilege($2, 'public', 'USAGE')
                and has_schema_privilege($2, 'one_project', 'USAGE') as all_usage,
              (select bool_and(has_function_privilege($1, signature, 'EXECUTE')) from unnest($3::text[]) signature) as all_functions`,
      [roles.service, roles.reader, SERVICE_FUNCTIONS],
    ),
  );
  if (has?.all_usage !== true)
    await session.query(
      `grant usage on schema public to ${service}, ${reader}; grant usage on schema one_project to ${reader}`,
    );
  if (has?.all_functions !== true)
    await session.query(`grant execute on function ${SERVICE_FUNCTIONS.join(', ')} to ${service}`);
  const projectTables = await tablesByProject(session);
  const toRead = [
    ...READER_TABLES,
    ...projectTables.filter((table) => !READER_VIEWS_ONLY.includes(table)),
    ...projectTables.map((table) => `one_project.${escapeIdentifier(table)}`),
  ].map((table): Privilege => ({ privilege: 'select', table, column: null }));
  await grantMissing(session, roles.service, servicePrivileges());
  await grantMissing(session, roles.reader, toRead);
}

/**
 * Lets every role that `mirror.bi_grants` names read the views of that schema.
 *
 * @returns the names of these roles
 */
async function grantViews(session: Queryable): Promise<readonly string[]> {
  const named = rows<{ name: string; may_use: boolean | null }>(
    await session.query(
      `select distinct g.role_name::text as name, has_schema_privilege(r.oid, 'mirror', 'USAGE') as may_use
       from mirror.bi_grants g
       left join pg_roles r on r.rolname = g.role_name
       order by 1`,
    ),
  );
  const wanted = BI_VIEWS.map((table): Privilege => ({ privilege: 'select', table, column: null }));
  for (const { name, may_use: mayUse } of named) {
    if (mayUse === null) {
      const rest = `delete from mirror.bi_grants where role_name = ${escapeLiteral(name)};`;
      logger.warn(
        `mirror.bi_grants names the role ${escapeIdentifier(name)}, which does not exist: a role that is created with this name would see its projects. Create the role, or run: ${rest}`,
      );
      continue;
    }
    if (!mayUse) await session.query(`grant usage on schema mirror to ${escapeIdentifier(name)}`);
    await grantMissing(session, name, wanted);
  }
  return named.filter(({ may_use: mayUse }) => mayUse !== null).map(({ name }) => name);
}

async function grantMissing(session: Queryable, role: string, wanted: readonly Privilege[]): Promise<void> {
  const missing = rows<{ privilege: string; on_table: string; on_column: string | null }>(
    await session.query(
      `select privilege, on_table, on_column
       from unnest($2::text[], $3::text[], $4::text[]) wanted (privilege, on_table, on_column)
       where not case when on_column is null then has_table_privilege($1, on_table, privilege)
                      else has_column_privilege($1, on_table, on_column, privilege) end`,
      [
        role,
        wanted.map(({ privilege }) => privilege),
        wanted.map(({ table }) => table),
        wanted.map(({ column }) => column),
      ],
    ),
  );
  for (const { privilege, on_table: table, on_column: column } of missing) {
    const what = column === null ? privilege : `${privilege} (${escapeIdentifier(column)})`;
    await session.query(`grant ${what} on ${table} to ${escapeIdentifier(role)}`);
  }
}

/** The tables that REST reads for one project: each has a view with its name in `one_project`. */
async function tablesByProject(session: Queryable): Promise<readonly string[]> {
  const found = rows<{ name: string }>(
    await session.query(`
      select t.relname::text as name
      from pg_class t
      join pg_class v on v.relname = t.relname and v.relnamespace = 'one_project'::regnamespace
      where t.relnamespace = 'public'::regnamespace
      order by 1`),
  );
  return found.map(({ name }) => name);
}

/** Lets the service at every row, and the reader at those of one project. */
async function makePolicies(session: Queryable, roles: DatabaseRoles): Promise<void> {
  const found = rows<{ key: string }>(
    await session.query(
      `select concat_ws(' ', tablename, policyname, array_to_string(roles, ',')) as key from pg_policies where schemaname = 'public'`,
    ),
  );
  const existing = new Set(found.map(({ key }) => key));
  const [service, reader] = [escapeIdentifier(roles.service), escapeIdentifier(roles.reader)];
  for (const name of await tablesByProject(session)) {
    const table = escapeIdentifier(name);
    if (!existing.has(`${name} everything ${roles.service}`))
      await session.query(
        `drop policy if exists everything on ${table}; create policy everything on ${table} to ${service} using (true) with check (true)`,
      );
    if (!existing.has(`${name} one_project ${roles.reader}`))
      await session.query(
        `drop policy if exists one_project on ${table}; create policy one_project on ${table} for select to ${reader} using (${OF_THE_PROJECT})`,
      );
  }
}

/**
 * Lets only the owner, the service's login and the roles that read views connect; a user who cannot connect can take no advisory
 * lock here either.
 */
async function closeDatabase(
  session: Queryable,
  { owner, login }: Users,
  viewers: readonly string[],
): Promise<void> {
  const [state] = rows<DatabaseState>(await session.query(DATABASE_STATE, [[login, ...viewers]]));
  if (state === undefined) throw new Error('Postgres did not describe its database.');
  const database = escapeIdentifier(state.name);
  const users = [...new Set([owner, login, ...viewers])].map(escapeIdentifier).join(', ');
  const statements = [
    ...(state.is_open || !state.may_connect ? [`grant connect on database ${database} to ${users}`] : []),
    ...(state.is_open ? [`revoke connect on database ${database} from public`] : []),
  ];
  if (statements.length === 0) return;
  if (state.is_ours) await session.query(statements.join('; '));
  else
    logger.warn(
      `Every user of the Postgres cluster may connect to the database ${database} and take its locks. Run as its owner: ${statements.join('; ')};`,
    );
}

interface DatabaseState {
  readonly name: string;
  /** Whether it belongs to the current user, or to a role whose rights the user has. */
  readonly is_ours: boolean;
  /** Whether everybody may connect. */
  readonly is_open: boolean;
  /** Whether the service's login and the roles that read views may. */
  readonly may_connect: boolean;
}

const DATABASE_STATE = `
select datname::text as name, pg_has_role(datdba, 'USAGE') as is_ours,
       (select bool_and(has_database_privilege(name, d.oid, 'CONNECT')) from unnest($1::text[]) name) as may_connect,
       exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) where grantee = 0 and privilege_type = 'CONNECT') as is_open
from pg_database d
where datname = current_database()`;

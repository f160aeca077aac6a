import { readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { ownerOptions } from '../src/database/data-source';
import { migrate } from '../src/database/migrate';
import { ask, connect } from '../test/support/postgres/connections';
import { until } from '../test/support/until';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { Traffic } from './workload';

const replicasCount = 3;
const eventsCount = 300;
/** Longest wait until one replica migrates and the others wait for it, in ms. */
const waitMaxMs = 25_000;
const WAITS = 'Another replica is migrating';
/** A migration that a replica has made: its name ends in its time. */
const MIGRATED = /"msg":"Applied migration \w+"/;

/**
 * Counts the commands that change the schema, whether they are committed or not, and makes command number `stop_at` wait
 * for a lock. It is in a schema of its own, which the listing leaves out.
 */
const BARRIER = `
create schema proof;
create sequence proof.command;
create table proof.stop (stop_at bigint);
create function proof.pass() returns event_trigger language plpgsql as $$
begin
  if nextval('proof.command') = (select stop_at from proof.stop) then perform pg_advisory_xact_lock_shared(1); end if;
end
$$;
create event trigger proof_barrier on ddl_command_start execute function proof.pass()`;

interface Outcome {
  /** Of how many commands the replica that migrated was killed at which; null where none was. */
  readonly killedAt: string | null;
  /** How many of the replicas that were not killed migrated. */
  readonly migrating: number;
  readonly isEachOnce: boolean;
  readonly isSchemaSame: boolean;
  readonly isDataKept: boolean;
}

/**
 * Three replicas start at once on an empty database, or on an old schema with events in it, and one is killed at any of the
 * commands by which it migrates: all that live, and one in its place, are ready with the schema of a database that was migrated undisturbed.
 */
export async function run({ isShort, seed, kills }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const world = await World.make(cluster, new Traffic(dice, 100));
  const killsMax = kills ?? (isShort ? 2 : 100);
  const outcomes = [await world.play(world.all, null)];
  for (let n = 0; n < killsMax; n++)
    outcomes.push(await world.play(n % 2 === 0 ? 1 + dice.roll(world.all - 1) : world.all, dice));
  await cluster.remove();
  const killed = outcomes.flatMap(({ killedAt }) => killedAt ?? []);
  return {
    figures: { starts: outcomes.length, kills: killed.length, killedAtCommand: killed.join(', ') },
    marks: {
      // none of those that live, where the one that was killed had only rights left to grant
      'one replica migrates': outcomes.every(
        ({ migrating, killedAt }) => migrating === 1 || (killedAt !== null && migrating === 0),
      ),
      'each migration is made once': outcomes.every(({ isEachOnce }) => isEachOnce),
      'the schema is the same': outcomes.every(({ isSchemaSame }) => isSchemaSame),
      'what was there is there': outcomes.every(({ isDataKept }) => isDataKept),
    },
  };
}

class World {
  private readonly commands = new Map<number, number>();
  private databases = 0;

  private constructor(
    private readonly cluster: Cluster,
    /** How many migrations there are. */
    readonly all: number,
    /** What an old database has in its journal, its map and its settings, as text. */
    private readonly data: string,
    /** The schema of a database that was migrated undisturbed. */
    private readonly schema: readonly string[],
  ) {}

  /** A cluster with a database of this release, `mirror`, in which some events are. */
  static async make(cluster: Cluster, traffic: Traffic): Promise<World> {
    const replica = await Replica.start(cluster.url);
    for (let n = 0; n < eventsCount; n += 10)
      await Promise.all(Array.from({ length: 10 }, () => replica.deliver(traffic.next())));
    await replica.stop();
    const [row] = await ask<{ count: number }>(cluster.url, 'select count(*)::int from migration');
    return new World(cluster, row?.count ?? 0, await dataOf(cluster.url), await schemaOf(cluster.url));
  }

  /** Has replicas start where so many migrations are missing; with dice, the one that migrates is killed at a command. */
  async play(missing: number, dice: Dice | null): Promise<Outcome> {
    const commands = dice === null ? 0 : await this.countCommands(missing);
    const stopAt = dice === null ? 0 : 1 + dice.roll(commands);
    const url = await this.database(missing);
    const barrier = await connect(url);
    await barrier.query('select pg_advisory_lock(1)');
    await barrier.query('insert into proof.stop values ($1)', [stopAt]);
    const begin = (): Replica => Replica.begin(url, { LOG_LEVEL: 'info' });
    let replicas = Array.from({ length: replicasCount }, begin);
    if (dice !== null) {
      const victim = await killMigrating(replicas);
      await barrier.query('select pg_advisory_unlock(1)');
      replicas = [...replicas.filter((replica) => replica !== victim), begin()];
    }
    await Promise.all(replicas.map((replica) => replica.process.ready()));
    await barrier.end();
    const printed = replicas.map(({ process }) => process.printed);
    await Promise.all(replicas.map((replica) => replica.stop()));
    return {
      killedAt: dice === null ? null : `${stopAt} of ${commands}`,
      migrating: printed.filter((log) => MIGRATED.test(log)).length,
      ...(await this.judge(url, missing)),
    };
  }

  private async judge(
    url: string,
    missing: number,
  ): Promise<Pick<Outcome, 'isEachOnce' | 'isSchemaSame' | 'isDataKept'>> {
    const made = await ask<{ name: string }>(url, 'select name from migration');
    return {
      isEachOnce: made.length === this.all && new Set(made.map(({ name }) => name)).size === this.all,
      isSchemaSame: (await schemaOf(url)).join('\n') === this.schema.join('\n'),
      isDataKept: missing === this.all || (await dataOf(url)) === this.data,
    };
  }

  /** By how many commands the missing migrations are made. */
  private async countCommands(missing: number): Promise<number> {
    const known = this.commands.get(missing);
    if (known !== undefined) return known;
    const url = await this.database(missing);
    await migrate(url, url);
    const [row] = await ask<{ count: string }>(url, 'select last_value as count from proof.command');
    const commands = Number(row?.count);
    this.commands.set(missing, commands);
    return commands;
  }

  /** A database in which so many migrations are missing: all in an empty one, else those of the newest that are undone. */
  private async database(missing: number): Promise<string> {
    const name = `database_${this.databases++}`;
    const url = this.cluster.urlOf(name);
    const isEmpty = missing === this.all;
    await ask(this.cluster.urlOf('postgres'), `create database ${name} ${isEmpty ? '' : 'template mirror'}`);
    if (!isEmpty) {
      const source = await new DataSource(ownerOptions(url)).initialize();
      for (let left = missing; left > 0; left--) await source.undoLastMigration();
      await source.destroy();
    }
    await ask(url, BARRIER);
    return url;
  }
}

/** Kills the replica for which the others wait. */
async function killMigrating(replicas: readonly Replica[]): Promise<Replica> {
  const waits = ({ process }: Replica): boolean => process.printed.includes(WAITS);
  await until(() => replicas.filter(waits).length === replicas.length - 1, waitMaxMs);
  const migrating = replicas.find((replica) => !waits(replica));
  if (migrating === undefined) throw new Error('Nobody migrates');
  await migrating.kill();
  return migrating;
}

async function schemaOf(url: string): Promise<readonly string[]> {
  const rows = await ask<{ line: string }>(
    url,
    readFileSync('test/support/postgres/schema-listing.sql', 'utf8'),
  );
  return rows.map(({ line }) => line);
}

/** What no migration may change; settings of later migrations are made again where those were undone. */
async function dataOf(url: string): Promise<string> {
  const [row] = await ask<{ data: string }>(
    url,
    `select concat_ws(' ',
       (select md5(string_agg(concat_ws('|', id, project_id, type, contact_id, version, payload), ',' order by id)) from audit_event),
       (select md5(string_agg(concat_ws('|', project_id, id, version, snapshot, gone), ',' order by project_id, id)) from contact),
       (select md5(value) from setting where name = 'page_token_key')) as data`,
  );
  return row?.data ?? '';
}

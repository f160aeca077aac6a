import type { Socket } from 'node:net';
import { Connector } from '../../src/egress/connector';
import { readNetworks } from '../../src/egress/read-networks.rule';
import { PostgresClient } from '../../src/database/postgres-client';
import { PostgresLink } from '../support/http/postgres-link';
import { createDatabase, type TestDatabase } from '../support/server/database';

let database: TestDatabase;
let link: PostgresLink;
beforeAll(async () => {
  database = await createDatabase();
  link = await PostgresLink.to(database.ownerUrl);
});
afterAll(async () => {
  await link.cut();
  await database.drop();
});

/** For pg, which wants to connect the socket itself: it is connected already. */
function connectedAlready(socket: Socket): Socket {
  return Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    },
  });
}

test('A connection to Postgres may be opened by the connector, which knows the name of the host', async () => {
  const url = new URL(link.url);
  const reading = readNetworks('127.0.0.1');
  if (reading.kind === 'unfit') throw new Error(reading.reason);
  const resolve = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1']);
  const connector = new Connector({ allowed: reading.networks, connectMaxMs: 5_000, resolve });
  const socket = await connector.open('warehouse.example.com', Number(url.port));
  const client = new PostgresClient({
    host: 'warehouse.example.com',
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    stream: () => connectedAlready(socket),
  });
  await client.connect();
  const { rows } = await client.query<{ one: number }>('select 1 as one');
  await client.end();
  expect(rows).toEqual([{ one: 1 }]);
  expect(socket.destroyed).toBe(true);
});

import { resolveByDns, resolveBySystem } from '../../src/egress/resolve-name';
import { NameServer, type Records } from '../support/egress/name-server';

const servers: NameServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
});

async function serverOf(records: Records): Promise<NameServer> {
  const server = await NameServer.start(records);
  servers.push(server);
  return server;
}

async function resolved(records: Records, signal = new AbortController().signal): Promise<readonly string[]> {
  const { address } = await serverOf(records);
  return await resolveByDns([address])('hooks.example.com', signal);
}

describe('By DNS', () => {
  it('a name has its addresses of both kinds', async () => {
    const server = await serverOf({ a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8:0:0:0:0:0:1'] });
    const { signal } = new AbortController();
    const found = await resolveByDns([server.address])('hooks.example.com', signal);
    expect(found).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    expect([...server.asked].sort((a, b) => a - b)).toEqual([1, 28]);
  });

  it('a name may have addresses of one kind alone', async () => {
    expect(await resolved({ a: ['192.0.2.1'], aaaa: [] })).toEqual(['192.0.2.1']);
    expect(await resolved({ a: [], aaaa: ['2001:db8:0:0:0:0:0:1'] })).toEqual(['2001:db8::1']);
  });

  it('a name without an address is an error with its code', async () => {
    await expect(resolved({ a: [], aaaa: [] })).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('a server that does not answer is given up, and at once when there is no more time', async () => {
    const abort = new AbortController();
    const silent = resolved({ a: null, aaaa: null }, abort.signal);
    setTimeout(() => {
      abort.abort();
    }, 50);
    await expect(silent).rejects.toMatchObject({ code: 'ECANCELLED' });
    await expect(resolved({ a: null, aaaa: null })).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  it('localhost is loopback, whatever a server says', async () => {
    const server = await serverOf({ a: ['192.0.2.1'], aaaa: [] });
    const { signal } = new AbortController();
    for (const name of ['localhost', 'hooks.localhost'])
      expect(await resolveByDns([server.address])(name, signal)).toEqual(['127.0.0.1', '::1']);
    expect(server.asked).toEqual([]);
  });
});

test('The operating system resolves names of its own, and addresses', async () => {
  const { signal } = new AbortController();
  expect(await resolveBySystem('127.0.0.1', signal)).toEqual(['127.0.0.1']);
  expect(await resolveBySystem('::1', signal)).toEqual(['::1']);
  const [first = ''] = await resolveBySystem('localhost', signal);
  expect(['127.0.0.1', '::1']).toContain(first);
});

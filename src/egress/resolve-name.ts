import { lookup, Resolver } from 'node:dns/promises';

/**
 * All addresses of a name, as text.
 *
 * @param signal ends the look-up where that is possible
 * @throws Error with the code of the resolver (`ENOTFOUND`, `ESERVFAIL`)
 */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/** How long a name server has to answer, in ms; asked once more, it has up to twice as long. */
const serverMaxMs = 1_000;
const triesMax = 2;

/** By the operating system, with its file of hosts; also of an address. It blocks one of Node's few threads until it is over. */
export const resolveBySystem: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * By DNS alone: no thread waits, so names whose servers do not answer delay nobody else.
 *
 * The file of hosts and the search domains of this machine are not used; `localhost` is loopback (RFC 6761, 6.3).
 *
 * @param servers `address:port` each; `null`: those of the system
 */
export function resolveByDns(servers: readonly string[] | null = null): Resolve {
  return async (name, signal) => {
    if (/(?:^|\.)localhost$/.test(name)) return ['127.0.0.1', '::1'];
    const resolver = new Resolver({ timeout: serverMaxMs, tries: triesMax });
    if (servers !== null) resolver.setServers(servers);
    const cancel = (): void => {
      resolver.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const found = [four, six].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (found.length === 0 && four.status === 'rejected') throw four.reason;
      return found;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

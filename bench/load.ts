import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

/** What came of a round of requests, as the one who sent them saw it. */
export interface Sent {
  readonly answers: number;
  /** Answers that were errors: none is expected. */
  readonly refused: number;
  /** Connections and requests that failed: none is expected. */
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The file of `writeRequests`. */
  readonly requests: string;
}

export type Sender = 'wrk' | 'node';

/** wrk takes the least of the machine; our own sender needs nothing but Node. */
export function findSender(): Sender {
  return spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined ? 'wrk' : 'node';
}

/** Sends requests over so many connections for so many seconds, each connection the next when the last is answered. */
export async function send(sender: Sender, { port, connections, seconds, requests }: Load): Promise<Sent> {
  const [program, args] = {
    wrk: [
      'wrk',
      [
        '-t1',
        `-c${connections}`,
        `-d${seconds}s`,
        '--timeout=10s',
        `--script=${resolve('bench/send.lua')}`,
      ].concat(`http://127.0.0.1:${port}`, '--', requests),
    ],
    node: [
      process.execPath,
      [resolve(__dirname, 'sender.js'), ...[port, connections, seconds].map(String), requests],
    ],
  }[sender] as [string, string[]];
  const { stdout } = await promisify(execFile)(program, args);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Sent; // written by send.lua or sender.ts
}

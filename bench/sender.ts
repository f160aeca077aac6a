import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Sent } from './load';
import { wholeHead } from './whole-head';

/**
 * Does what wrk does with `send.lua`, where there is no wrk: `node sender.js <port> <connections> <seconds> <file>`.
 *
 * It costs more of the machine than wrk does, and the servers have the less.
 */
const [port, connections, seconds] = process.argv.slice(2, 5).map(Number);
const [requestsFile] = process.argv.slice(5);
if (port === undefined || connections === undefined || seconds === undefined || requestsFile === undefined) {
  throw new Error('Give port, connections, seconds and the file of requests.');
}
const requests = readFileSync(requestsFile);
const latenciesMs: number[] = [];
let [next, refused, failed] = [0, 0, 0];
const began = performance.now();
const endsAt = began + seconds * 1000;

void Promise.all(Array.from({ length: connections }, () => keepSending(port))).then(() => {
  const sorted = Float64Array.from(latenciesMs).sort();
  const percentile = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
  const sent: Sent = {
    answers: sorted.length,
    refused,
    failed,
    seconds: (performance.now() - began) / 1000,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
  process.stdout.write(`${JSON.stringify(sent)}\n`);
});

function nextRequest(): Buffer {
  if (next >= requests.length) next = 0;
  const start = next + 8;
  next = start + Number(requests.toString('latin1', next, start));
  return requests.subarray(start, next);
}

/** One connection: the next request when the last is answered, until the time is over. */
async function keepSending(port: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let answer = '';
    let sentAt = 0;
    const send = () => {
      sentAt = performance.now();
      if (sentAt < endsAt) socket.write(nextRequest());
      else socket.end();
    };
    socket.on('connect', send);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (wholeHead(answer) === null) return;
      latenciesMs.push(performance.now() - sentAt);
      if (!answer.startsWith('HTTP/1.1 2')) refused += 1;
      answer = '';
      send();
    });
    socket.on('error', () => (failed += 1));
    socket.on('close', resolve);
  });
}

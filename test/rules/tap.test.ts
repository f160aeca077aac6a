import type { Cursor } from '../../src/audit/audit.repository';
import type { Message } from '../../src/outward/message.rule';
import type { MessageReader, StreamPage } from '../../src/outward/message-reader';
import { Tap } from '../../src/outward/tap';
import { ListedStream, listedMessage } from '../support/outward/listed-stream';

/** Counts the reads of a stream, and how many run at once. */
class CountedStream implements MessageReader {
  readonly asked: string[] = [];
  most = 0;
  private atOnce = 0;

  constructor(private readonly stream: ListedStream) {}

  async page(projectId: string, stream: 'journal' | 'domain', after: Cursor): Promise<StreamPage> {
    this.asked.push(after[2]);
    this.atOnce += 1;
    this.most = Math.max(this.most, this.atOnce);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.atOnce -= 1;
    return this.stream.page(projectId, stream, after);
  }

  messagesOf(): Promise<readonly Message[]> {
    return Promise.resolve([]);
  }
}

const place = (number: number): Cursor => [number === 0 ? '0' : '1', String(number), String(number)];

function streamOf(count: number): ListedStream {
  const stream = new ListedStream(100);
  for (let number = 1; number <= count; number++) stream.events.push([listedMessage(number, ['c'])]);
  return stream;
}

async function follow(tap: Tap, from: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor = place(from); ;) {
    const { events } = await tap.page('p', 'journal', cursor);
    const last = events.at(-1);
    if (last === undefined) return ids;
    ids.push(...events.flatMap(({ messages }) => messages.map(({ message }) => message.id)));
    cursor = last.sequence;
  }
}

it('reads a stream once for all who follow it', async () => {
  const source = new CountedStream(streamOf(450));
  const tap = new Tap(source);
  const followed = await Promise.all([follow(tap, 0), follow(tap, 0), follow(tap, 0)]);
  for (const ids of followed) expect(ids).toHaveLength(450);
  expect(new Set(followed.map((ids) => ids.join())).size).toBe(1);
  // once a page, and those at the end
  expect(new Set(source.asked)).toEqual(new Set(['0', '100', '200', '300', '400', '450']));
  expect(source.asked.filter((after) => after !== '450')).toHaveLength(5);
});

it('gives one who stands anywhere in what is kept what follows there', async () => {
  const tap = new Tap(new CountedStream(streamOf(300)));
  await follow(tap, 0);
  expect(await follow(tap, 137)).toHaveLength(163);
});

it('has one who lags read for itself, and takes what is new at the end from what is kept', async () => {
  const stream = streamOf(6_000);
  const source = new CountedStream(stream);
  const tap = new Tap(source);
  expect(await follow(tap, 0)).toHaveLength(6_000);
  // only the last 5,000 are kept
  source.asked.length = 0;
  expect(await follow(tap, 50)).toHaveLength(5_950);
  expect(source.asked.slice(0, 2)).toEqual(['50', '150']);
  stream.events.push([listedMessage(6_001, ['c'])]);
  expect(await follow(tap, 6_000)).toEqual(['evt_1_6001_0']);
});

it('has at most four of those who lag read at once', async () => {
  const source = new CountedStream(streamOf(100));
  const tap = new Tap(source);
  await Promise.all(Array.from({ length: 20 }, (_, n) => tap.page('p', 'journal', place(n))));
  expect(source.most).toBe(4);
});

it('keeps streams and projects apart', async () => {
  const tap = new Tap(new CountedStream(streamOf(10)));
  await follow(tap, 0);
  expect((await tap.page('p', 'domain', place(0))).events).toEqual([]);
  const { events } = await tap.page('other', 'journal', place(3));
  expect(events).toHaveLength(7);
});

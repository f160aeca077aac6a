import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What a name has: `null` of a kind: no answer at all. */
export interface Records {
  readonly a: readonly string[] | null;
  readonly aaaa: readonly string[] | null;
}

const types = { a: 1, aaaa: 28 } as const;

/** A name server on loopback that answers every question with the same records (RFC 1035, 4). */
export class NameServer {
  /** The type of each question. */
  readonly asked: number[] = [];

  private constructor(
    private readonly socket: Socket,
    readonly address: string,
  ) {}

  static async start(records: Records): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const server = new NameServer(socket, `127.0.0.1:${socket.address().port}`);
    socket.on('message', (question, { port, address }) => {
      const type = question.readUInt16BE(question.indexOf(0, 12) + 1);
      server.asked.push(type);
      const found = type === types.a ? records.a : records.aaaa;
      if (found !== null) socket.send(answerTo(question, type, found), port, address);
    });
    return server;
  }

  stop(): void {
    this.socket.close();
  }
}

function answerTo(question: Buffer, type: number, addresses: readonly string[]): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2); // an answer, without an error
  header.writeUInt16BE(addresses.length, 6);
  header.fill(0, 8);
  const records = addresses.map((address) => {
    const data =
      type === types.a
        ? Buffer.from(address.split('.').map(Number))
        : Buffer.from(
            address
              .split(':')
              .map((group) => group.padStart(4, '0'))
              .join(''),
            'hex',
          );
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the name of the question
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([header, question.subarray(12, end), ...records]);
}

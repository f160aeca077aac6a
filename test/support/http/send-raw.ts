import { connect } from 'node:net';

/** What came back; status 0: no answer. */
export interface RawAnswer {
  readonly status: number;
  /** With the head. */
  readonly text: string;
}

/** Sends bytes as they are to a port of this machine, and takes all that comes until the server closes. */
export async function sendRaw(port: number, ...parts: readonly (Buffer | string)[]): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // the server may close before it has read everything, which is its right
  socket.on('error', () => undefined);
  for (const part of parts) socket.write(part);
  await new Promise((resolve) => socket.once('close', resolve));
  const text = Buffer.concat(chunks).toString();
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0), text };
}

import { Readable } from 'node:stream';
import { Injectable, Logger, StreamableFile, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeError } from '../../database/sqlstate';
import { keepHeapLean } from '../../base/lean-heap';
import { exportWriter, type Exported, type ExportManner } from './export-format';
import { Problem } from '../problems/problem';
import { unavailable } from '../problems/unavailable';
import { routeTemplate } from '../route-template';
import { SecurityLog } from '../security-log';

/** Most exports at once: each asks the database for page after page. The last place is for a key that has none. */
const exportsMax = 4;
const exportsOfOneKeyMax = 2;
const retryAfterSeconds = 10;
/** Longest wait for the caller to take what was sent, in ms. */
const stallMaxMs = 60_000;

/** Streams exports: a page is read when the one before was taken, so a slow caller costs neither memory nor a connection. */
@Injectable()
export class Exports implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Exports.name);
  /** With the id of the key that each is for. */
  private readonly running = new Map<Readable, string>();

  constructor(private readonly securityLog: SecurityLog) {}

  /**
   * Answers with an export. When a page cannot be read, or the service stops, the connection is cut before the last line.
   *
   * @param feedToken of before the first page
   * @throws Problem `unavailable` while as many run as may; whatever the first page throws
   */
  async stream<Row>(
    request: FastifyRequest,
    reply: FastifyReply,
    manner: ExportManner,
    exported: Exported<Row>,
    feedToken: string,
    pages: AsyncGenerator<readonly Row[], void>,
  ): Promise<StreamableFile> {
    const keyId = request.caller?.id ?? '';
    this.requirePlace(keyId);
    const first = await pages.next();
    this.requirePlace(keyId);
    const { project_id: projectId = '' } = request.params as Readonly<Record<string, string | undefined>>; // by Fastify's router
    const route = routeTemplate(request.routeOptions.url ?? 'none');
    const about = { key: keyId, trace_id: request.id, project_id: projectId, route };
    this.securityLog.record({ event: 'export', ...about });
    const writer = exportWriter(manner, exported);
    const parts = async function* (): AsyncGenerator<string, void> {
      let rowsCount = 0;
      yield writer.begin(feedToken);
      for (let page = first; page.done !== true; page = await pages.next()) {
        rowsCount += page.value.length;
        yield writer.rows(page.value);
        await request.requireStillAllowed?.();
      }
      yield writer.end(rowsCount);
    };
    const stream = Readable.from(
      this.guarded(parts(), request, () => stream),
      { objectMode: false },
    );
    this.running.set(stream, keyId);
    const letHeapGrow = keepHeapLean();
    stream.once('close', () => {
      this.running.delete(stream);
      letHeapGrow();
    });
    void reply.headers({
      'content-type': writer.contentType,
      'content-disposition': `attachment; filename="${exported.list}.${manner.format}"`,
      'cache-control': 'no-store',
    });
    return new StreamableFile(stream);
  }

  /** The caller can continue at another replica. */
  beforeApplicationShutdown(): void {
    for (const stream of this.running.keys()) stream.destroy(new Error('The service is stopping.'));
  }

  private async *guarded(
    parts: AsyncGenerator<string, void>,
    request: FastifyRequest,
    streamOf: () => Readable,
  ): AsyncGenerator<string, void> {
    try {
      for await (const part of parts) {
        const stalled = setTimeout(() => {
          streamOf().destroy(new Error(`The caller has read nothing for ${stallMaxMs} ms.`));
        }, stallMaxMs);
        try {
          yield part;
        } finally {
          clearTimeout(stalled);
        }
      }
    } catch (error) {
      const about = {
        trace_id: request.id,
        method: request.method,
        route: routeTemplate(request.routeOptions.url ?? 'none'),
      };
      this.logger.warn({ ...about, reason: `An export was cut off: ${describeError(error)}` });
      throw error;
    }
  }

  private requirePlace(keyId: string): void {
    const ofKey = [...this.running.values()].filter((id) => id === keyId).length;
    if (ofKey >= exportsOfOneKeyMax)
      throw tooMany(
        `The key already has ${exportsOfOneKeyMax} running exports, the maximum. Send the request again when one of them has ended.`,
      );
    if (this.running.size >= (ofKey === 0 ? exportsMax : exportsMax - 1))
      throw tooMany(
        `The service already has ${this.running.size} running exports. It allows ${exportsMax}, the last one only to a key that has none. Send the request again when one of them has ended.`,
      );
  }
}

function tooMany(detail: string): Problem {
  return unavailable(detail, retryAfterSeconds);
}

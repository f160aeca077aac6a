import { Readable } from 'node:stream';
import { Injectable, Logger, StreamableFile, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeError } from '../database/sqlstate';
import { keepHeapLean } from '../lean-heap';
import { exportWriter, type Exported, type ExportFormat } from './export-format';
import { Problem } from './problem';

/** Most exports at once: each asks the database for page after page. */
const exportsMax = 4;
const retryAfterSeconds = 10;
/** Longest wait for the caller to take what was sent, in ms. */
const stallMaxMs = 60_000;

/** Streams exports: a page is read when the one before was taken, so a slow caller costs neither memory nor a connection. */
@Injectable()
export class Exports implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Exports.name);
  private readonly running = new Set<Readable>();

  /**
   * Answers with an export. When a page cannot be read, or the service stops, the connection is cut before the last line.
   *
   * @param feedToken of before the first page
   * @throws Problem `unavailable` while as many run as may; whatever the first page throws
   */
  async stream<Row>(
    request: FastifyRequest,
    reply: FastifyReply,
    format: ExportFormat,
    exported: Exported<Row>,
    feedToken: string,
    pages: AsyncGenerator<readonly Row[], void>,
  ): Promise<StreamableFile> {
    this.requirePlace();
    const first = await pages.next();
    this.requirePlace();
    const writer = exportWriter(format, exported);
    const parts = async function* (): AsyncGenerator<string, void> {
      let rowsCount = 0;
      yield writer.begin(feedToken);
      for (let page = first; page.done !== true; page = await pages.next()) {
        rowsCount += page.value.length;
        yield writer.rows(page.value);
      }
      yield writer.end(rowsCount);
    };
    const stream = Readable.from(
      this.guarded(parts(), request, () => stream),
      { objectMode: false },
    );
    this.running.add(stream);
    const letHeapGrow = keepHeapLean();
    stream.once('close', () => {
      this.running.delete(stream);
      letHeapGrow();
    });
    void reply.headers({
      'content-type': writer.contentType,
      'content-disposition': `attachment; filename="${exported.list}.${format}"`,
      'cache-control': 'no-store',
    });
    return new StreamableFile(stream);
  }

  /** Whoever exports goes on elsewhere. */
  beforeApplicationShutdown(): void {
    for (const stream of this.running) stream.destroy(new Error('The service stops.'));
  }

  private async *guarded(
    parts: AsyncGenerator<string, void>,
    request: FastifyRequest,
    streamOf: () => Readable,
  ): AsyncGenerator<string, void> {
    try {
      for await (const part of parts) {
        const stalled = setTimeout(() => {
          streamOf().destroy(new Error(`The caller has taken nothing for ${stallMaxMs} ms.`));
        }, stallMaxMs);
        try {
          yield part;
        } finally {
          clearTimeout(stalled);
        }
      }
    } catch (error) {
      const about = { trace_id: request.id, method: request.method, route: request.routeOptions.url ?? null };
      this.logger.warn({ ...about, reason: `An export was cut off: ${describeError(error)}` });
      throw error;
    }
  }

  private requirePlace(): void {
    if (this.running.size < exportsMax) return;
    throw new Problem('unavailable', `${exportsMax} exports are under way, as many as may run at once.`, {
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
  }
}

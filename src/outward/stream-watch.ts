import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { CommitQueue } from '../audit/commit/commit-queue';
import { pause } from '../base/pause';
import { Waker } from '../base/waker';
import { describeError } from '../database/sqlstate';
import { StreamEndsRepository } from './stream-ends.repository';

/** How often the ends of streams are looked at, in ms: another replica or a follower may have written. */
const lookEveryMs = 500;
/** How soon after a commit of this process, in ms. */
const lookAgainMs = 25;
/** How long the ends are looked at so often after a commit: an open transaction may keep the event back. */
const keptBackMaxMs = 2_000;

interface Followed {
  /** Grows when either stream has new events. */
  generation: number;
  /** The ends of both streams; null before the first look. */
  ends: string | null;
  /** When something was committed here (by `performance.now`). */
  committedAt: number;
  readonly listeners: Set<() => void>;
}

/** Tells subscriptions when the journal or the domain events of their project continue: one look at a time for all of them. */
@Injectable()
export class StreamWatch implements BeforeApplicationShutdown {
  private readonly logger = new Logger(StreamWatch.name);
  private readonly closing = new AbortController();
  private readonly waker = new Waker();
  private readonly projects = new Map<string, Followed>();
  private looking: Promise<void> | null = null;

  constructor(
    private readonly ends: StreamEndsRepository,
    queue: CommitQueue,
  ) {
    queue.onCommit((projectIds) => {
      this.hurry(projectIds);
    });
  }

  /** @param onNews called when the streams of the project continue. @returns ends it */
  follow(projectId: string, onNews: () => void): () => void {
    const followed = this.projects.get(projectId) ?? {
      generation: 0,
      ends: null,
      committedAt: Number.NEGATIVE_INFINITY,
      listeners: new Set(),
    };
    this.projects.set(projectId, followed);
    followed.listeners.add(onNews);
    this.looking ??= this.keepLooking();
    return () => {
      followed.listeners.delete(onNews);
      if (followed.listeners.size === 0) this.projects.delete(projectId);
    };
  }

  /** Another number than before: there may be news. */
  generationOf(projectId: string): number {
    return this.projects.get(projectId)?.generation ?? 0;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.looking;
  }

  private hurry(projectIds: ReadonlySet<string>): void {
    if (this.projects.size === 0) return;
    for (const projectId of projectIds) {
      const followed = this.projects.get(projectId);
      if (followed === undefined) continue;
      followed.committedAt = performance.now();
      this.waker.wake();
    }
  }

  private async keepLooking(): Promise<void> {
    const { signal } = this.closing;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted && this.projects.size > 0) {
      const hurried = this.hurried();
      const untilMs = lookedAt + lookEveryMs - performance.now();
      if (hurried.length > 0) await pause(lookAgainMs, signal);
      else if (untilMs > 0) await this.waker.pause(untilMs, signal);
      const isTime = performance.now() >= lookedAt + lookEveryMs;
      if (isTime) lookedAt = performance.now();
      await this.look(isTime ? [...this.projects.keys()] : this.hurried());
    }
    this.looking = null;
  }

  /** Projects in which something was committed here that was not seen yet. */
  private hurried(): readonly string[] {
    const since = performance.now() - keptBackMaxMs;
    return [...this.projects]
      .filter(([, { committedAt }]) => committedAt > since)
      .map(([projectId]) => projectId);
  }

  private async look(projectIds: readonly string[]): Promise<void> {
    if (projectIds.length === 0) return;
    try {
      const ends = await this.ends.find(projectIds);
      for (const projectId of projectIds) {
        const followed = this.projects.get(projectId);
        const end = ends.get(projectId) ?? '';
        if (followed === undefined || followed.ends === end) continue;
        followed.ends = end;
        followed.generation += 1;
        followed.committedAt = Number.NEGATIVE_INFINITY;
        for (const onNews of followed.listeners) onNews();
      }
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.logger.warn(
        `The ends of the audit log could not be read and will be again: ${describeError(error)}`,
      );
      await pause(lookEveryMs, this.closing.signal);
    }
  }
}

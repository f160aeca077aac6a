import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { SignatureParts } from '../audit/audit-event.rule';
import { intoDomainEvents } from '../audit/domain-events.repository';
import { ReservedPool } from '../database/reserved-pool';
import { rows, type RowOf } from '../database/rows';
import type { QuarantinedDeliveryObject, QuarantineState } from './quarantine.dto';

/** A signed delivery that could not be applied. */
export interface UnappliedDelivery {
  readonly projectId: string | null;
  readonly reason: string;
  /** What is wrong with it, for a person. */
  readonly detail: string;
  /** From when on it is applied without anybody's word; null: only when somebody asks for it. */
  readonly dueAt: Date | null;
  readonly receivedAt: Date;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: SignatureParts;
}

/** A kept delivery as Postgres gives it; lists leave out the bytes and their headers. */
export type QuarantineRow = RowOf<QuarantinedDeliveryObject, 'received_at' | 'due_at' | 'settled_at'>;

export interface WholeQuarantineRow extends QuarantineRow {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: SignatureParts;
}

export interface QuarantineFilter {
  /** Null: of any, and where the project could not be read. */
  readonly projectIds: readonly string[] | null;
  readonly reason: string | null;
  readonly state: QuarantineState | null;
}

/** The table of signed deliveries that could not be applied: each is kept once, whole, until somebody settles it. */
@Injectable()
export class QuarantineRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reserved: ReservedPool,
  ) {}

  /**
   * Keeps a delivery; one that is kept already stays as it is. Committed when this resolves, together with an event for the
   * subscriptions of its project; where the project could not be read, there is none.
   */
  async keep(delivery: UnappliedDelivery): Promise<void> {
    const { body, signature } = delivery;
    await this.reserved.query(KEEP, [
      digestOf(body, signature),
      delivery.projectId,
      delivery.reason,
      delivery.detail,
      delivery.receivedAt,
      delivery.dueAt,
      body,
      delivery.headers,
      signature,
    ]);
  }

  /** Newest first; `before` is the id at which the page before ended, null for the first page. */
  async page(
    filter: QuarantineFilter,
    before: string | null,
    size: number,
  ): Promise<readonly QuarantineRow[]> {
    return rows<QuarantineRow>(
      await this.database.query(
        `select id, project_id, reason, detail, state, received_at, due_at, length(body) as size_bytes, settled_at, settled_by
         from quarantined_delivery
         where ($1::text[] is null or project_id = any ($1))
           and ($2::text is null or reason = $2)
           and ($3::text is null or state = $3)
           and ($4::bigint is null or id < $4)
         order by id desc
         limit $5`,
        [filter.projectIds, filter.reason, filter.state, before, size],
      ),
    );
  }

  /** @param projectIds null: of any, and where the project could not be read */
  async find(id: string, projectIds: readonly string[] | null): Promise<WholeQuarantineRow | null> {
    const [row] = rows<WholeQuarantineRow>(
      await this.database.query(
        `select id, project_id, reason, detail, state, received_at, due_at, length(body) as size_bytes, settled_at, settled_by, body, headers, signature
         from quarantined_delivery
         where id = $1 and ($2::text[] is null or project_id = any ($2))`,
        [id, projectIds],
      ),
    );
    return row ?? null;
  }

  /**
   * Ids of open deliveries that can be applied without anybody's word, in order of time.
   *
   * - Their time has come.
   * - They were received later than it is now: our clock was ahead, and by what it says now their timestamps were not stale.
   *
   * @param timestampMin oldest timely timestamp of a signature, in Unix seconds
   */
  async due(now: Date, timestampMin: number, size: number): Promise<readonly string[]> {
    const found = rows<{ id: string }>(
      await this.database.query(
        `select id, due_at as at
         from quarantined_delivery
         where state = 'open' and due_at <= $1
         union all
         select id, received_at as at
         from quarantined_delivery
         where state = 'open' and reason = 'stale-timestamp' and received_at > $1
           and case when reason = 'stale-timestamp' then (signature ->> 'timestamp')::bigint >= $2 end
         order by at, id
         limit $3`,
        [now, timestampMin, size],
      ),
    );
    return found.map(({ id }) => id);
  }

  /** Keeps why an open delivery could not be applied when its time had come. */
  async postpone(id: string, reason: string, detail: string, dueAt: Date | null): Promise<void> {
    await this.database.query(
      `update quarantined_delivery set reason = $2, detail = $3, due_at = $4 where id = $1 and state = 'open'`,
      [id, reason, detail, dueAt],
    );
  }

  /** Settles an open delivery. False when it was settled already, by whomever. */
  async settle(id: string, state: 'replayed' | 'discarded', actor: string): Promise<boolean> {
    const settled = rows(
      await this.database.query(
        `update quarantined_delivery
         set state = $2, settled_at = now(), settled_by = $3
         where id = $1 and state = 'open'
         returning id`,
        [id, state, actor],
      ),
    );
    return settled.length === 1;
  }
}

const KEEP = `
with kept as (
  insert into quarantined_delivery (digest, project_id, reason, detail, received_at, due_at, body, headers, signature)
  values (decode($1, 'hex'), $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict (digest) do nothing
  returning id, project_id, reason
)
${intoDomainEvents(
  'kept where project_id is not null',
  `project_id, 'quarantine.received', id::text, '{}', json_build_object('quarantine_id', id::text, 'reason', reason)`,
)}`;

/**
 * Names a delivery: SHA-256 in hex over body, nonce and timestamp, each with its length before it. Without the lengths, two
 * deliveries whose parts are the same bytes end to end would count as one.
 */
export function digestOf(
  body: Buffer,
  { nonce, timestamp }: Pick<SignatureParts, 'nonce' | 'timestamp'>,
): string {
  const parts = [body, Buffer.from(nonce, 'latin1'), Buffer.from(timestamp, 'latin1')];
  return hash('sha256', Buffer.concat(parts.flatMap((part) => [lengthOf(part), part])), 'hex');
}

/** Four bytes, most significant first, as `int4send` of Postgres writes them. */
function lengthOf({ length }: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

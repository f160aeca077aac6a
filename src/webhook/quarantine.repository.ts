import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { SignatureParts } from '../audit/audit-event';
import { rows } from '../database/rows';

export const QUARANTINE_STATES = ['open', 'replayed', 'discarded'] as const;
export type QuarantineState = (typeof QUARANTINE_STATES)[number];

/** A signed delivery that could not be applied. */
export interface UnappliedDelivery {
  readonly projectId: string | null;
  readonly reason: string;
  /** What is wrong with it, for a person. */
  readonly detail: string;
  readonly receivedAt: Date;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: SignatureParts;
}

/** A kept delivery as Postgres gives it; lists leave out the bytes and their headers. */
export interface QuarantineRow {
  /** Decimal digits. */
  readonly id: string;
  readonly project_id: string | null;
  readonly reason: string;
  readonly detail: string;
  readonly state: QuarantineState;
  readonly received_at: Date;
  readonly size_bytes: number;
  readonly settled_at: Date | null;
  readonly settled_by: string | null;
}
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
  constructor(private readonly database: DataSource) {}

  /** Keeps a delivery; one that is kept already stays as it is. Committed when this resolves. */
  async keep(delivery: UnappliedDelivery): Promise<void> {
    const { body, signature } = delivery;
    const digest = hash(
      'sha256',
      Buffer.concat([body, Buffer.from(`.${signature.nonce}.${signature.timestamp}`, 'latin1')]),
      'hex',
    );
    await this.database.query(
      `insert into quarantined_delivery (digest, project_id, reason, detail, received_at, body, headers, signature)
       values (decode($1, 'hex'), $2, $3, $4, $5, $6, $7, $8)
       on conflict (digest) do nothing`,
      [
        digest,
        delivery.projectId,
        delivery.reason,
        delivery.detail,
        delivery.receivedAt,
        body,
        delivery.headers,
        signature,
      ],
    );
  }

  /** Newest first; `before` is the id at which the page before ended, null for the first page. */
  async page(
    filter: QuarantineFilter,
    before: string | null,
    size: number,
  ): Promise<readonly QuarantineRow[]> {
    return rows<QuarantineRow>(
      await this.database.query(
        `select id, project_id, reason, detail, state, received_at, length(body) as size_bytes, settled_at, settled_by
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
        `select id, project_id, reason, detail, state, received_at, length(body) as size_bytes, settled_at, settled_by, body, headers, signature
         from quarantined_delivery
         where id = $1 and ($2::text[] is null or project_id = any ($2))`,
        [id, projectIds],
      ),
    );
    return row ?? null;
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

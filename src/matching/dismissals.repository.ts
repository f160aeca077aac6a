import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';

/** Somebody's word that these contacts are no duplicates of each other. */
export interface Dismissal {
  /** Of the audit event, in hex. */
  readonly fingerprint: string;
  readonly contactIds: readonly string[];
  readonly dismissedAt: Date;
  readonly dismissedBy: string;
}

/** A dismissal, with what the journal keeps of it. */
export interface DecidedDismissal extends Dismissal {
  /** Of its audit event; null where the journal has not got it. */
  readonly payload: Buffer | null;
}

/** The table of dismissals: what people decided to be no duplicates. Written in the duplicates follower's transactions alone. */
@Injectable()
export class DismissalsRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Adds dismissals, each once: one that is known already, revoked or not, stays as it is. */
  async add(session: Queryable, projectId: string, dismissals: readonly Dismissal[]): Promise<void> {
    if (dismissals.length === 0) return;
    await session.query(
      `insert into duplicate_dismissal (project_id, fingerprint, contact_ids, dismissed_at, dismissed_by)
       select $1, decode(fingerprint, 'hex'), "contactIds", "dismissedAt", "dismissedBy"
       from json_to_recordset($2::json)
         as d (fingerprint text, "contactIds" text[], "dismissedAt" timestamptz, "dismissedBy" text)
       on conflict (project_id, fingerprint) do nothing`,
      [projectId, JSON.stringify(dismissals)],
    );
  }

  async revoke(session: Queryable, projectId: string, fingerprint: string): Promise<void> {
    await session.query(
      `update duplicate_dismissal set revoked_at = now()
       where project_id = $1 and fingerprint = decode($2, 'hex') and revoked_at is null`,
      [projectId, fingerprint],
    );
  }

  /**
   * What the journal keeps of a dismissal; null where it has not got it.
   *
   * @param contactId the first that it names
   */
  async payload(
    session: Queryable,
    projectId: string,
    contactId: string,
    fingerprint: string,
  ): Promise<Buffer | null> {
    const [row] = rows<{ payload: Buffer }>(
      await session.query(
        `select payload
         from audit_event
         where project_id = $1 and contact_id = $2 and fingerprint = decode($3, 'hex')`,
        [projectId, contactId, fingerprint],
      ),
    );
    return row?.payload ?? null;
  }

  /** The contacts of each dismissal, not revoked, that names at least one of the contacts. */
  async contactsOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ fingerprint: string; contact_ids: string[] }>(
      await session.query(
        `select encode(fingerprint, 'hex') as fingerprint, contact_ids
         from duplicate_dismissal
         where project_id = $1 and fingerprint = any (${DISMISSALS_NAMING})`,
        [projectId, contactIds],
      ),
    );
    return new Map(found.map((row) => [row.fingerprint, row.contact_ids]));
  }

  /** The dismissals, not revoked, that name at least one of the contacts, in the order in which they were decided. */
  async decidedOf(projectId: string, contactIds: readonly string[]): Promise<readonly DecidedDismissal[]> {
    return rows<DecidedDismissal>(
      await this.reads.of(projectId).query(
        `select encode(d.fingerprint, 'hex') as fingerprint, d.contact_ids as "contactIds", d.dismissed_at as "dismissedAt",
                d.dismissed_by as "dismissedBy", e.payload
         from duplicate_dismissal d
         left join lateral (
           select payload
           from audit_event
           where project_id = $1 and contact_id = d.contact_ids[1] and fingerprint = d.fingerprint
           offset 0) e on true
         where d.project_id = $1 and d.fingerprint = any (${DISMISSALS_NAMING})
         order by d.dismissed_at, d.fingerprint`,
        [projectId, contactIds],
      ),
    );
  }
}

/** The dismissals, not revoked, that name one of the contacts `$2`: an index look-up for each of them, as in `HOLDERS`. */
const DISMISSALS_NAMING = `array(
           select found.fingerprint
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select project_id, fingerprint
             from duplicate_dismissal
             where contact_ids @> array[sought.contact_id collate "C"] and revoked_at is null
             offset 0) found
           where found.project_id = $1)`;

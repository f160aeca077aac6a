import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { SharedValue } from './evidence';

/** A value that several contacts hold, as one of them does. */
export interface HeldValue extends SharedValue {
  readonly contactId: string;
}

/** What Sinch reported: these contacts are duplicates on this channel, so often. */
export interface Report {
  /** SHA-256 in hex over channel, identity and contacts: reports of the same are one row. */
  readonly digest: string;
  readonly channel: string | null;
  /** Only the documented variant of the callback tells it. */
  readonly identity: string | null;
  readonly contactIds: readonly string[];
  readonly reportCount: number;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
}

/** Somebody's word that these contacts are no duplicates of each other. */
export interface Dismissal {
  /** Of the audit event, in hex. */
  readonly fingerprint: string;
  readonly contactIds: readonly string[];
  readonly dismissedAt: Date;
  readonly dismissedBy: string;
}

/** The tables of evidence: shared values, reports and dismissals. Written in the duplicates follower's transactions alone. */
@Injectable()
export class EvidenceRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** The shared values that some contacts are known to hold. */
  async valuesOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly HeldValue[]> {
    return rows<HeldValue>(
      await session.query(
        `select contact_id as "contactId", kind, value, encode(digest, 'hex') as digest
         from shared_value
         where project_id = $1 and contact_id = any ($2)`,
        [projectId, contactIds],
      ),
    );
  }

  /** The known holders of some values, so many of each at most, in the order of ids; values without any are left out. */
  async holdersOf(
    projectId: string,
    sought: readonly { readonly digest: string; readonly size: number }[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ digest: string; contact_ids: string[] }>(
      await session.query(
        `select sought.digest, array_agg(h.contact_id order by h.contact_id) as contact_ids
         from unnest($2::text[], $3::int[]) as sought (digest, size)
         cross join lateral (
           select contact_id
           from shared_value
           where project_id = $1 and digest = decode(sought.digest, 'hex')
           order by contact_id
           limit sought.size
         ) h
         group by sought.digest`,
        [projectId, sought.map(({ digest }) => digest), sought.map(({ size }) => size)],
      ),
    );
    return new Map(found.map((row) => [row.digest, row.contact_ids]));
  }

  /** How many contacts hold a value, counted up to `max`. */
  async countHolders(session: Queryable, projectId: string, digest: string, max: number): Promise<number> {
    const [row] = rows<{ count: string }>(
      await session.query(
        `select count(*) from (select from shared_value where project_id = $1 and digest = decode($2, 'hex') limit $3) h`,
        [projectId, digest, max],
      ),
    );
    return Number(row?.count ?? 0);
  }

  async addValues(session: Queryable, projectId: string, values: readonly HeldValue[]): Promise<void> {
    await session.query(
      `insert into shared_value (project_id, digest, contact_id, kind, value)
       select $1, decode(digest, 'hex'), contact_id, kind, value
       from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as v (digest, contact_id, kind, value)
       on conflict (project_id, digest, contact_id) do nothing`,
      [
        projectId,
        values.map(({ digest }) => digest),
        values.map(({ contactId }) => contactId),
        values.map(({ kind }) => kind),
        values.map(({ value }) => value),
      ],
    );
  }

  async removeValues(
    session: Queryable,
    projectId: string,
    values: readonly { readonly digest: string; readonly contactId: string }[],
  ): Promise<void> {
    await session.query(
      `delete from shared_value s
       using unnest($2::text[], $3::text[]) as gone (digest, contact_id)
       where s.project_id = $1 and s.digest = decode(gone.digest, 'hex') and s.contact_id = gone.contact_id`,
      [projectId, values.map(({ digest }) => digest), values.map(({ contactId }) => contactId)],
    );
  }

  /** Every contact that is known to share a value, or named in a report. */
  async contacts(session: Queryable, projectId: string): Promise<readonly string[]> {
    const found = rows<{ id: string }>(
      await session.query(
        `select contact_id as id from shared_value where project_id = $1
         union
         select unnest(contact_ids) from duplicate_report where project_id = $1
         union
         select unnest(contact_ids) from duplicate_set where project_id = $1 and status in ('open', 'snoozed')`,
        [projectId],
      ),
    );
    return found.map((row) => row.id);
  }

  /** A page of the phone numbers that several contacts hold, in the order of digests after `after` (hex). */
  async phones(
    projectId: string,
    after: string,
    size: number,
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly SharedValue[]> {
    return rows<SharedValue>(
      await session.query(
        `select distinct on (digest) kind, value, encode(digest, 'hex') as digest
         from shared_value
         where project_id = $1 and kind = 'phone' and digest > decode($2, 'hex')
         order by digest
         limit $3`,
        [projectId, after, size],
      ),
    );
  }

  /** Adds reports up: counts, and the first and the last sighting. Any order of the same reports ends in the same rows. */
  async addReports(session: Queryable, projectId: string, reports: readonly Report[]): Promise<void> {
    for (const report of reports) {
      await session.query(
        `insert into duplicate_report as r (project_id, digest, channel, identity, contact_ids, report_count, first_seen_at, last_seen_at)
         values ($1, decode($2, 'hex'), $3, $4, $5, $6, $7, $8)
         on conflict (project_id, digest) do update set
           report_count  = r.report_count + excluded.report_count,
           first_seen_at = least(r.first_seen_at, excluded.first_seen_at),
           last_seen_at  = greatest(r.last_seen_at, excluded.last_seen_at)`,
        [
          projectId,
          report.digest,
          report.channel,
          report.identity,
          report.contactIds,
          report.reportCount,
          report.firstSeenAt,
          report.lastSeenAt,
        ],
      );
    }
  }

  /** The reports that name at least one of the contacts. */
  async reportsOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly Report[]> {
    return rows<Report>(
      await session.query(
        `select encode(digest, 'hex') as digest, channel, identity, contact_ids as "contactIds", report_count as "reportCount",
                first_seen_at as "firstSeenAt", last_seen_at as "lastSeenAt"
         from duplicate_report
         where project_id = $1 and digest = any (array(
           select found.digest
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select project_id, digest from duplicate_report where contact_ids @> array[sought.contact_id collate "C"] offset 0) found
           where found.project_id = $1))
         order by digest`,
        [projectId, contactIds],
      ),
    );
  }

  /** Once: a dismissal that is known already, revoked or not, stays as it is. */
  async dismiss(session: Queryable, projectId: string, dismissal: Dismissal): Promise<void> {
    await session.query(
      `insert into duplicate_dismissal (project_id, fingerprint, contact_ids, dismissed_at, dismissed_by)
       values ($1, decode($2, 'hex'), $3, $4, $5)
       on conflict (project_id, fingerprint) do nothing`,
      [projectId, dismissal.fingerprint, dismissal.contactIds, dismissal.dismissedAt, dismissal.dismissedBy],
    );
  }

  async revoke(session: Queryable, projectId: string, fingerprint: string): Promise<void> {
    await session.query(
      `update duplicate_dismissal set revoked_at = now()
       where project_id = $1 and fingerprint = decode($2, 'hex') and revoked_at is null`,
      [projectId, fingerprint],
    );
  }

  /** The contacts of each dismissal, not revoked, that names at least one of the contacts. */
  async dismissalsOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ fingerprint: string; contact_ids: string[] }>(
      await session.query(
        `select encode(fingerprint, 'hex') as fingerprint, contact_ids
         from duplicate_dismissal
         where project_id = $1 and fingerprint = any (array(
           select found.fingerprint
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select project_id, fingerprint
             from duplicate_dismissal
             where contact_ids @> array[sought.contact_id collate "C"] and revoked_at is null
             offset 0) found
           where found.project_id = $1))`,
        [projectId, contactIds],
      ),
    );
    return new Map(found.map((row) => [row.fingerprint, row.contact_ids]));
  }
}

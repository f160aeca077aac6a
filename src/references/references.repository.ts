import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';

/** Most ids of one contact, its own and those merged into it, whose references are shown. */
const idsMax = 10_000;

/** What another system calls a contact. */
export interface ReferenceName {
  readonly system: string;
  readonly externalId: string;
}

/** A reference as it is kept. */
export interface ReferenceRow {
  readonly system: string;
  readonly external_id: string;
  /** The id that it was given for, whatever became of that. */
  readonly contact_id: string;
  readonly created_at: Date;
  readonly created_by: string;
}

/** Where a page of references ended. */
export type ReferencePlace = readonly [system: string, externalId: string];

const COLUMNS = 'r.system, r.external_id, r.contact_id, r.created_at, r.created_by';

/** Reads the table of references. The commit queue writes it, together with the journal. */
@Injectable()
export class ReferencesRepository {
  constructor(private readonly reads: ProjectReads) {}

  async find(projectId: string, { system, externalId }: ReferenceName): Promise<ReferenceRow | null> {
    const [row] = rows<ReferenceRow>(
      await this.reads
        .of(projectId)
        .query(
          `select ${COLUMNS} from contact_reference r where r.project_id = $1 and r.system = $2 and r.external_id = $3`,
          [projectId, system, externalId],
        ),
    );
    return row ?? null;
  }

  /**
   * The references that were given to a contact or to an id merged into it at any remove (10,000 ids at most, the nearest
   * first), in the order of systems and external ids.
   *
   * Of each id a page at most is read. Limits keep Postgres from joining whole tables where it expects many rows.
   */
  async ofContact(
    projectId: string,
    contactId: string,
    after: ReferencePlace,
    size: number,
  ): Promise<readonly ReferenceRow[]> {
    return rows<ReferenceRow>(
      await this.reads.of(projectId).query(
        `with recursive member (id) as (
           select $2::text collate "C"
           union
           select m.id
           from member s
           cross join lateral (
             select c.id from contact c where c.project_id = $1 and c.survivor_id = s.id limit $6
           ) m
         ),
         some_member as materialized (select id from member limit $6)
         select ${COLUMNS}
         from some_member m
         cross join lateral (
           select ${COLUMNS}
           from contact_reference r
           where r.project_id = $1 and r.contact_id = m.id and (r.system, r.external_id) > ($3, $4)
           order by r.system, r.external_id
           limit $5
         ) r
         order by r.system, r.external_id
         limit $5`,
        [projectId, contactId, ...after, size, idsMax],
      ),
    );
  }

  /** The references of a project, whatever became of their contacts, in the order of systems and external ids. */
  async page(
    projectId: string,
    system: string | null,
    after: ReferencePlace,
    size: number,
  ): Promise<readonly ReferenceRow[]> {
    return rows<ReferenceRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from contact_reference r
         where r.project_id = $1
           and (r.system, r.external_id) > ($2, $3)
           and ($4::text is null or r.system = $4)
         order by r.system, r.external_id
         limit $5`,
        [projectId, ...after, system, size],
      ),
    );
  }
}

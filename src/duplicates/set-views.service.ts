import { Injectable } from '@nestjs/common';
import { inTurns } from '../base/in-turns';
import { ContactsRepository } from '../contacts/contacts.repository';
import { ContactValuesRepository } from '../matching/contact-values.repository';
import { EvidenceRepository } from '../matching/evidence.repository';
import type { SetRow } from '../matching/sets.repository';
import { answerBytesMax, fitting, jsonBytes } from '../rest/answer-size';
import { AutoMergeJudgeService } from './auto-merge/auto-merge-judge.service';
import { DismissalsService } from './dismissals.service';
import type { DuplicateObject } from './duplicates.dto';
import { viewDuplicate } from './view-duplicate';
import { evidenceOfAll, NO_EVIDENCE } from './view-evidence';

/** From how many members on fewer sets are shown at once: of each member is read what it holds. */
const membersMax = 1_000;
/** Most members, and keys of theirs, whose evidence is read at once; of a set with more than that, among its first members. */
const evidenceReadMax = 50_000;
/** From how many of them on a page ends, whatever its size: the evidence of each set is put together from all of its members. */
const evidenceOfPageMax = 2 * evidenceReadMax;

/** Shows sets with their evidence. It is derived when it is shown: only the map and the journal keep what contacts are. */
@Injectable()
export class SetViewsService {
  constructor(
    private readonly evidence: EvidenceRepository,
    private readonly map: ContactsRepository,
    private readonly contactValues: ContactValuesRepository,
    private readonly autoMerges: AutoMergeJudgeService,
    private readonly dismissals: DismissalsService,
  ) {}

  /** The first rows as they are shown, as many as fit into an answer and have not too much evidence in all: at least one. */
  async firstOf(projectId: string, rows: readonly SetRow[]): Promise<readonly DuplicateObject[]> {
    const shown: DuplicateObject[] = [];
    for (let bytes = 0, weight = 0; shown.length < rows.length && weight < evidenceOfPageMax;) {
      const some = await this.views(projectId, withFewMembers(rows.slice(shown.length)));
      weight += some.weight;
      for (const view of some.views) {
        bytes += jsonBytes(view);
        if (shown.length > 0 && bytes > answerBytesMax) return shown;
        shown.push(view);
      }
    }
    return shown;
  }

  /** One row as it is shown. */
  async view(projectId: string, row: SetRow): Promise<DuplicateObject> {
    const { views } = await this.views(projectId, [row]);
    const [view] = views;
    if (view === undefined) throw new Error('A set that was found is not shown.');
    return view;
  }

  /** The first rows as they are shown, with their evidence, at least one; in a constant number of queries. */
  private async views(
    projectId: string,
    candidates: readonly SetRow[],
  ): Promise<{ readonly views: readonly DuplicateObject[]; readonly weight: number }> {
    const counts = await this.contactValues.countKeys(projectId, membersOf(candidates.filter(isOfContacts)));
    const weightOf = (id: string): number => 1 + (counts.get(id) ?? 0);
    // each set is put together for itself, so members that sets share weigh in each of them
    const weigh = (row: SetRow): number =>
      isOfContacts(row) ? row.contact_ids.reduce((sum, id) => sum + weightOf(id), 0) : row.contact_ids.length;
    const rows = fitting(candidates, weigh, evidenceReadMax);
    // at least one row, but not all of its members
    const ids = fitting(membersOf(rows.filter(isOfContacts)), weightOf, evidenceReadMax);
    const [values, hotValues, ancestors, contactValues, autoMerges, dismissals] = await Promise.all([
      this.evidence.valuesOf(projectId, ids),
      this.evidence.valuesHeld(
        projectId,
        rows.flatMap(({ hot_digest: digest, contact_ids: contactIds }) =>
          digest === null ? [] : contactIds.map((contactId) => ({ digest, contactId })),
        ),
      ),
      this.map.ancestors(projectId, ids),
      this.contactValues.find(projectId, ids),
      this.autoMerges.judge(projectId, rows),
      this.dismissals.within(
        projectId,
        rows.map((row) => row.contact_ids),
      ),
    ]);
    const reports = await this.evidence.reportsOf(projectId, [
      ...new Set([...ids, ...[...ancestors.values()].flat()]),
    ]);
    const nameOf = new Map([...ancestors].flatMap(([id, merged]) => merged.map((each) => [each, id])));
    const known = { values, hotValues, reports, contactValues, nameOf: (id: string) => nameOf.get(id) ?? id };
    const evidence = await inTurns(evidenceOfAll(rows, known));
    const views = rows.map((row, at) =>
      viewDuplicate(row, evidence[at] ?? NO_EVIDENCE, autoMerges[at] ?? null, dismissals[at] ?? []),
    );
    return { views, weight: rows.reduce((sum, row) => sum + Math.min(weigh(row), evidenceReadMax), 0) };
  }
}

/** The first rows, so many that they have no more than 1,000 members, but one at least; of hot sets members are not looked at. */
function withFewMembers(rows: readonly SetRow[]): readonly SetRow[] {
  return fitting(rows, (row) => (isOfContacts(row) ? row.contact_ids.length : 0), membersMax);
}

/** Whether a set has any evidence between its contacts: a hot one has its value alone, whatever else its contacts share. */
function isOfContacts({ hot_digest: digest }: SetRow): boolean {
  return digest === null;
}

function membersOf(rows: readonly SetRow[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => row.contact_ids))];
}

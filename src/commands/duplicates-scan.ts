import { DataSource } from 'typeorm';
import { pause } from '../base/pause';
import { loadConfig } from '../config/config';
import { StartRefusal } from '../config/start-refusal';
import { describeError, isDatabaseAway } from '../database/sqlstate';
import { DuplicatesFollower } from '../duplicates/duplicates-follower';
import { DuplicatesModule } from '../duplicates/duplicates.module';
import { ScanService } from '../duplicates/scan.service';
import { ScansRepository, type ScanRow } from '../duplicates/scans.repository';
import { ContactValuesRepository } from '../matching/contact-values.repository';
import { EXIT, UsageError } from './exit-codes';
import type { Output } from './output';
import { type Parts, withParts } from './with-parts';

const lookPauseMs = 100;
/** How long it waits before it asks an unavailable Postgres again, in ms. */
const awayPauseMs = 1_000;

/** What became of a scan. */
interface Scanned {
  readonly project_id: string;
  /** How many active contacts the project has. */
  readonly contacts_count: number;
  /** How many of them may share a value with another one: only these are examined. */
  readonly contacts_examined: number;
  readonly contacts_skipped: number;
  readonly seconds: number;
}

/**
 * Scans all contacts of the projects named, or of all projects, for duplicates.
 *
 * Where a service runs, the service scans, and this shows how far it is; where none runs, this scans. A scan that is interrupted
 * continues when it is asked for again, or when the service runs.
 * @returns the exit code
 */
export async function scanDuplicates(output: Output, projectIds: readonly string[]): Promise<number> {
  if (projectIds.includes('')) throw new UsageError('The id of a project must not be empty');
  return withParts(output, loadConfig(), [DuplicatesModule], async (parts) => {
    const known = await parts.get(ContactValuesRepository).projects(parts.get(DataSource));
    const unknown = projectIds.filter((id) => !known.includes(id));
    if (unknown.length > 0)
      throw new StartRefusal(
        `The mirror has no contacts of project ${unknown.join(', ')}: check the spelling. Without project ids, all projects are scanned`,
      );
    const projects = projectIds.length > 0 ? projectIds : known;
    const scanned: Scanned[] = [];
    for (const projectId of projects) {
      const done = await scan(parts, output, projectId);
      if (done === null) {
        output.note('Interrupted: the scan continues when you run this again, or when the service runs.');
        return EXIT.interrupted;
      }
      scanned.push(done);
    }
    await output.result(scanned, describe(scanned));
    return EXIT.done;
  });
}

/** Asks for a scan, and shows how far it is; works at it where no service does. @returns null when it was interrupted */
async function scan({ get, signal }: Parts, output: Output, projectId: string): Promise<Scanned | null> {
  const began = performance.now();
  const [scans, follower, scanner] = [get(ScansRepository), get(DuplicatesFollower), get(ScanService)];
  await scans.request(projectId, 'command line');
  while (!signal.aborted) {
    try {
      const isHere = await scanner.isScanner();
      const now = await scans.find(projectId);
      const isDone = now !== null && now.finished_at !== null;
      output.progress(`${projectId}: ${describeProgress(now, isHere)}`, isDone);
      if (isDone)
        return {
          project_id: projectId,
          contacts_count: await get(ContactValuesRepository).count(get(DataSource), projectId),
          contacts_examined: Number(now.contacts_count),
          contacts_skipped: now.contacts_skipped,
          seconds: Math.round((performance.now() - began) / 100) / 10,
        };
      if (!isHere || !(await follower.scanOn())) await pause(lookPauseMs, signal);
      else await follower.followOn();
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      output.progress(`${projectId}: waits for Postgres: ${describeError(error)}`, false);
      await pause(awayPauseMs, signal);
    }
  }
  return null;
}

function describeProgress(scan: ScanRow | null, isHere: boolean): string {
  const count = scan?.partitions_count ?? null;
  if (scan === null || count === null)
    return isHere ? 'the scan begins here' : 'waiting for the service to begin';
  return `part ${scan.partitions_done} of ${count}, ${scan.contacts_count} contacts examined ${isHere ? 'here' : 'by the service'}`;
}

function describe(scanned: readonly Scanned[]): readonly string[] {
  if (scanned.length === 0) return ['There are no contacts to scan yet'];
  return scanned.map(
    ({
      project_id: projectId,
      contacts_count: count,
      contacts_examined: examined,
      contacts_skipped: skipped,
      seconds,
    }) => {
      const without = skipped === 0 ? '' : `, ${skipped} skipped because they could not be examined`;
      return `${projectId}: ${examined} of ${count} contacts may share a value with another, and were examined${without}; done in ${seconds} s`;
    },
  );
}

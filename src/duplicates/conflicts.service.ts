import { Injectable } from '@nestjs/common';
import { ContactValuesRepository, type ContactValuesRow } from '../matching/contact-values.repository';
import { fitting } from '../rest/answer-size';
import { phonesOf, type SharedValue } from '../matching/evidence.rule';
import { EvidenceRepository } from '../matching/evidence.repository';
import { inTurns } from '../base/in-turns';
import type { ConflictObject } from './duplicates.dto';

/** Most contacts that one conflict names. */
const contactsMax = 200;
/** Most contacts that are read for one page, and most keys of theirs, but for the first number. */
const contactsReadMax = 2_000;
const keysReadMax = 50_000;
/** The channels for which Sinch lists conflicts (OpenAPI, `Contact_ListIdentityConflicts`). */
const CHANNELS: ReadonlySet<string> = new Set(['SMS', 'MMS', 'RCS']);

/** Answers Sinch's `identityConflicts` from the mirror. */
@Injectable()
export class ConflictsService {
  constructor(
    private readonly evidence: EvidenceRepository,
    private readonly contactValues: ContactValuesRepository,
  ) {}

  /**
   * The phone numbers that several live contacts have on SMS, MMS or RCS.
   *
   * @param after the place at which the page before ended; `''` for the first page
   * @returns so many at most, perhaps fewer than there are, and where the next page begins (null at the end)
   */
  async page(
    projectId: string,
    after: string,
    size: number,
  ): Promise<{ readonly conflicts: readonly ConflictObject[]; readonly next: string | null }> {
    const phones = await this.evidence.phones(projectId, after, size + 1);
    const shown = phones.slice(0, size);
    const holders = await this.evidence.holdersOf(
      projectId,
      shown.map(({ digest }) => ({ digest, size: contactsMax })),
    );
    // of each contact all that it holds is read
    const few = fitting(shown, ({ digest }) => holders.get(digest)?.length ?? 0, contactsReadMax);
    const counts = await this.contactValues.countKeys(projectId, holdersOf(few, holders));
    const keysOf = (id: string): number => counts.get(id) ?? 0;
    const some = fitting(
      few,
      ({ digest }) => (holders.get(digest) ?? []).reduce((sum, id) => sum + keysOf(id), 0),
      keysReadMax,
    );
    const rows = await this.contactValues.find(projectId, holdersOf(some, holders));
    const conflicts = await inTurns(conflictsOf(some, holders, rows));
    return { conflicts, next: phones.length > some.length ? (some.at(-1)?.digest ?? null) : null };
  }
}

type Holders = ReadonlyMap<string, readonly string[]>;

function holdersOf(phones: readonly SharedValue[], holders: Holders): readonly string[] {
  return [...new Set(phones.flatMap(({ digest }) => holders.get(digest) ?? []))];
}

/** Yields after each contact and each number. */
function* conflictsOf(
  phones: readonly SharedValue[],
  holders: Holders,
  rows: readonly ContactValuesRow[],
): Generator<void, readonly ConflictObject[], void> {
  // each contact is read once: it may have many of the numbers
  const channelsOf = new Map(phones.map(({ value }) => [value, new Map<string, string[]>()]));
  for (const { id, identityKeys } of rows) {
    for (const [phone, channel] of phonesOf(identityKeys)) {
      const own = CHANNELS.has(channel) ? channelsOf.get(phone) : undefined;
      if (own !== undefined) own.set(id, [...(own.get(id) ?? []), channel]);
    }
    yield;
  }
  const conflicts: ConflictObject[] = [];
  for (const { digest, value } of phones) {
    yield;
    const channelsById = channelsOf.get(value);
    const meeting = (holders.get(digest) ?? []).flatMap((id) => {
      const channels = channelsById?.get(id);
      return channels === undefined ? [] : [{ id, channels }];
    });
    if (meeting.length < 2) continue;
    const channels = [...new Set(meeting.flatMap((each) => each.channels))].sort();
    conflicts.push({ identity: value, channels, contact_ids: meeting.map(({ id }) => id) });
  }
  return conflicts;
}

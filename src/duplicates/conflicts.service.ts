import { Injectable } from '@nestjs/common';
import { HoldingsRepository } from '../contacts/holdings.repository';
import { channelsOfPhone } from './evidence';
import { EvidenceRepository } from './evidence.repository';

/** Most contacts that one conflict names. */
const contactsMax = 200;
/** The channels of which Sinch tells conflicts (OpenAPI, `Contact_ListIdentityConflicts`). */
const CHANNELS: ReadonlySet<string> = new Set(['SMS', 'MMS', 'RCS']);

/** One phone number on which contacts meet, in Sinch's shape. */
export interface Conflict {
  readonly identity: string;
  readonly channels: readonly string[];
  readonly contact_ids: readonly string[];
}

/** Answers Sinch's `identityConflicts` from the mirror. */
@Injectable()
export class ConflictsService {
  constructor(
    private readonly evidence: EvidenceRepository,
    private readonly holdings: HoldingsRepository,
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
  ): Promise<{ readonly conflicts: readonly Conflict[]; readonly next: string | null }> {
    const phones = await this.evidence.phones(projectId, after, size + 1);
    const shown = phones.slice(0, size);
    const holders = await this.evidence.holdersOf(
      projectId,
      shown.map(({ digest }) => ({ digest, size: contactsMax })),
    );
    const ids = [...new Set([...holders.values()].flat())];
    const rows = new Map((await this.holdings.find(projectId, ids)).map((row) => [row.id, row]));
    const conflicts = shown.flatMap(({ digest, value }) => {
      const meeting = (holders.get(digest) ?? []).flatMap((id) => {
        const channels = channelsOfPhone(rows.get(id)?.identityKeys ?? [], value).filter((each) =>
          CHANNELS.has(each),
        );
        return channels.length === 0 ? [] : [{ id, channels }];
      });
      if (meeting.length < 2) return [];
      const channels = [...new Set(meeting.flatMap((each) => each.channels))].sort();
      return [{ identity: value, channels, contact_ids: meeting.map(({ id }) => id) }];
    });
    return { conflicts, next: phones.length > size ? (shown.at(-1)?.digest ?? null) : null };
  }
}

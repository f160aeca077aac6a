import { Injectable } from '@nestjs/common';
import { nowNs } from '../base/now';
import type { JsonObject } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import { fetchedContact, fetchedVersion, type Fetching } from '../audit/commit/fetched.rule';
import { Problem } from '../rest/problems/problem';
import type { FetchedContact, SinchClient } from '../sinch/sinch-client';
import { differingFields, planContact } from '../sync/plan-page.rule';
import type { MergeOrigin } from '../merge-intents/merge-intents.repository';

/** Most contacts that are asked for at once, and longest time of one question, in ms. */
const askedAtOnceMax = 8;
const askMaxMs = 15_000;

/** Contacts as Sinch has them now. */
export interface FreshContacts {
  /** What Sinch says of each. */
  readonly fields: ReadonlyMap<string, JsonObject>;
  /** Their rows in the mirror, by id, with what was news; those that it does not know are left out. */
  readonly rows: ReadonlyMap<string, ContactRow>;
  /** Whether the mirror had one of them differently. */
  readonly isNews: boolean;
  /** Whether the mirror has all of them as fetched; false where it has received something that counts as newer. */
  readonly isMirrored: boolean;
}

/**
 * Asks Sinch for contacts that are to be merged, and commits what the mirror had differently.
 *
 * Callbacks may be late, and a merge cannot be undone: it is judged by what Sinch says at that moment.
 */
@Injectable()
export class ContactRefresherService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly queue: CommitQueue,
  ) {}

  /** @throws SinchError for the first that Sinch does not answer for; Problem `unavailable` where news cannot be kept */
  async fetch(
    client: SinchClient,
    projectId: string,
    contactIds: readonly string[],
    { source, actor }: Pick<MergeOrigin, 'source' | 'actor'>,
  ): Promise<FreshContacts> {
    const fields = new Map<string, JsonObject>();
    const rows = new Map<string, ContactRow>();
    const news: string[] = [];
    for (let at = 0; at < contactIds.length; at += askedAtOnceMax) {
      const ids = contactIds.slice(at, at + askedAtOnceMax);
      const signal = AbortSignal.timeout(askMaxMs);
      const fetched = await Promise.all(ids.map((id) => client.getContact(id, signal)));
      for (const { contact } of fetched) fields.set(contact.id, contact as JsonObject); // read as JSON
      const receivedAt = nowNs();
      for (const row of await this.contacts.find(projectId, ids)) rows.set(row.id, row);
      news.push(...(await this.keep(fetched, rows, { projectId, source, actor, receivedAt })));
    }
    const changed = news.length === 0 ? [] : await this.contacts.find(projectId, news);
    for (const row of changed) rows.set(row.id, row);
    const isMirrored = [...fields].every(([id, said]) => isAsSaid(rows.get(id), said));
    return { fields, rows, isNews: news.length > 0, isMirrored };
  }

  /** @returns the ids of those that the mirror had differently */
  private async keep(
    fetched: readonly FetchedContact[],
    rowOf: ReadonlyMap<string, ContactRow>,
    fetching: Fetching,
  ): Promise<readonly string[]> {
    const news: string[] = [];
    for (const { contact, fetchedAt } of fetched) {
      const row = rowOf.get(contact.id);
      const fields = contact as JsonObject; // read as JSON
      if (isAsSaid(row, fields)) continue;
      news.push(contact.id);
      const version = fetchedVersion(fetchedAt);
      if (version === null) continue; // ours orders nothing
      const { kind } = planContact(fields, version, row ?? null);
      if (kind !== 'create' && kind !== 'update' && kind !== 'conflicting') continue;
      const trigger = kind === 'create' ? 'CONTACT_CREATE' : 'CONTACT_UPDATE';
      const event = fetchedContact(trigger, contact, version, fetching);
      if (!('reason' in event) && (await this.queue.commit(event)).kind === 'unavailable') throw notKept();
    }
    return news;
  }
}

function isAsSaid(row: ContactRow | undefined, said: JsonObject): boolean {
  return row?.gone === null && differingFields(row.snapshot, said).length === 0;
}

function notKept(): Problem {
  return new Problem(
    'unavailable',
    'The contacts were fetched from Sinch, but could not be stored. Nothing was merged. Send the request again.',
    { headers: { 'Retry-After': '5' } },
  );
}

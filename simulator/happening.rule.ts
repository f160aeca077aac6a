import { writeNanoseconds } from './clock.rule';
import type { Contact } from './contact.rule';

/** The triggers about contacts. */
export const CONTACT_TRIGGERS = [
  'CONTACT_CREATE',
  'CONTACT_UPDATE',
  'CONTACT_DELETE',
  'CONTACT_MERGE',
  'CONTACT_IDENTITIES_DUPLICATION',
] as const;
export type ContactTrigger = (typeof CONTACT_TRIGGERS)[number];

/** An entry of a report of duplicates: which value is shared, Sinch does not tell. */
export interface DuplicateEntry {
  readonly channel: string;
  readonly contact_ids: readonly string[];
}

/** Something that happened to contacts, as callbacks tell it. */
export type Happening = { readonly acceptedAt: bigint } & (
  | { readonly trigger: 'CONTACT_CREATE' | 'CONTACT_UPDATE' | 'CONTACT_DELETE'; readonly contact: Contact }
  | { readonly trigger: 'CONTACT_MERGE'; readonly preserved: Contact; readonly deleted: Contact }
  | { readonly trigger: 'CONTACT_IDENTITIES_DUPLICATION'; readonly entries: readonly DuplicateEntry[] }
);

/** What differs between callbacks of one happening. */
export interface Envelope {
  readonly projectId: string;
  /** Often `''`: contacts belong to the project. */
  readonly appId: string;
  /** Nanoseconds since the epoch; null: left out. */
  readonly eventTime: bigint | null;
}

/** The body of a callback, in the order of Sinch's own signed sample. */
export function writeCallback(happening: Happening, { projectId, appId, eventTime }: Envelope): string {
  return JSON.stringify({
    app_id: appId,
    accepted_time: writeNanoseconds(happening.acceptedAt),
    ...(eventTime === null ? {} : { event_time: writeNanoseconds(eventTime) }),
    project_id: projectId,
    ...notification(happening),
    message_metadata: '',
  });
}

function notification(happening: Happening): object {
  switch (happening.trigger) {
    case 'CONTACT_CREATE':
      return { contact_create_notification: { contact: happening.contact } };
    case 'CONTACT_UPDATE':
      return { contact_update_notification: { contact: happening.contact } };
    case 'CONTACT_DELETE':
      return { contact_delete_notification: { contact: happening.contact } };
    case 'CONTACT_MERGE':
      return {
        contact_merge_notification: {
          preserved_contact: happening.preserved,
          deleted_contact: happening.deleted,
        },
      };
    case 'CONTACT_IDENTITIES_DUPLICATION':
      return { duplicated_contact_identities_notification: { duplicated_identities: happening.entries } };
  }
}

import { createHash } from 'node:crypto';

export const EVENT_KINDS = ['create', 'update', 'delete', 'merge', 'duplicates'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** What a test event says; the second contact is merged into the first one, or is its duplicate. */
export interface TestEvent {
  readonly projectId: string;
  readonly contact: TestContact;
  readonly other: TestContact;
}

/** A contact as Sinch writes it. */
export interface TestContact {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** The fields of a contact that are given; all others stay as they are, or get values that follow from the id. */
export interface GivenFields {
  readonly name?: string;
  /** Digits alone; empty: no phone number. */
  readonly phone?: string;
  readonly email?: string;
  readonly externalId?: string;
}

/** The kinds of events that are about two contacts. */
export function isAboutTwo(kind: EventKind): boolean {
  return kind === 'merge' || kind === 'duplicates';
}

/**
 * The contact that a test event reports.
 *
 * @param known the contact as it is now; `null`: it does not exist, or cannot be read. Fields that are not given keep its values
 */
export function contactOf(
  id: string,
  { name, phone, email, externalId }: GivenFields,
  known: TestContact | null,
): TestContact {
  const base = known ?? {
    id,
    ...phoneFields(testPhone(id), []),
    display_name: 'Test Contact',
    email: '',
    external_id: '',
    metadata: '',
    language: 'EN',
  };
  return {
    ...base,
    ...(phone === undefined ? {} : phoneFields(phone, identitiesOf(known))),
    ...(name === undefined ? {} : { display_name: name }),
    ...(email === undefined ? {} : { email }),
    ...(externalId === undefined ? {} : { external_id: externalId }),
  };
}

/** A number of the range that is reserved for fiction: the same for an id each time. */
export function testPhone(id: string): string {
  const number = createHash('sha256').update(id).digest().readUInt16BE(0) % 100;
  return `120255501${String(number).padStart(2, '0')}`;
}

interface Identity {
  readonly channel: string;
}

function identitiesOf(known: TestContact | null): readonly Identity[] {
  const identities = known?.['channel_identities'];
  return Array.isArray(identities) ? (identities as readonly Identity[]) : [];
}

/** @param before the identities of the contact; those on other channels stay */
function phoneFields(phone: string, before: readonly Identity[]): object {
  const identities = [
    ...(phone === '' ? [] : [{ channel: 'SMS', identity: phone, app_id: '' }]),
    ...before.filter(({ channel }) => channel !== 'SMS'),
  ];
  return {
    channel_identities: identities,
    channel_priority: [...new Set(identities.map(({ channel }) => channel))],
  };
}

/** One callback to send: its trigger, and its body as Sinch writes it. */
export interface TestCallback {
  readonly trigger: string;
  readonly body: string;
}

/**
 * The callbacks of a test event, in the order in which they are to be sent.
 *
 * @param made the ids that were made up for this event: contacts with these ids do not exist yet, so what needs them creates them
 *   first
 * @param now ms since the epoch; the last callback has this time, those before it are each a millisecond older
 */
export function composeCallbacks(
  kind: EventKind,
  event: TestEvent,
  made: ReadonlySet<string>,
  now: number,
): readonly TestCallback[] {
  const { contact, other } = event;
  const needed = kind === 'create' ? [] : isAboutTwo(kind) ? [contact, other] : [contact];
  const notices = [
    ...needed.filter(({ id }) => made.has(id)).map((each) => noticeOf('create', each, other)),
    noticeOf(kind, contact, other),
  ];
  return notices.map(({ trigger, notification }, n) => ({
    trigger,
    body: JSON.stringify({
      app_id: '',
      accepted_time: new Date(now - (notices.length - 1 - n)).toISOString(),
      project_id: event.projectId,
      ...notification,
      message_metadata: '',
    }),
  }));
}

interface Notice {
  readonly trigger: string;
  readonly notification: object;
}

function noticeOf(kind: EventKind, contact: TestContact, other: TestContact): Notice {
  switch (kind) {
    case 'create':
      return {
        trigger: 'CONTACT_CREATE',
        notification: { contact_create_notification: { contact } },
      };
    case 'update':
      return {
        trigger: 'CONTACT_UPDATE',
        notification: { contact_update_notification: { contact } },
      };
    case 'delete':
      return {
        trigger: 'CONTACT_DELETE',
        notification: { contact_delete_notification: { contact } },
      };
    case 'merge':
      return {
        trigger: 'CONTACT_MERGE',
        notification: {
          contact_merge_notification: {
            preserved_contact: contact,
            deleted_contact: other,
          },
        },
      };
    case 'duplicates':
      return {
        trigger: 'CONTACT_IDENTITIES_DUPLICATION',
        notification: {
          duplicated_contact_identities_notification: {
            duplicated_identities: [{ channel: 'SMS', contact_ids: [contact.id, other.id] }],
          },
        },
      };
  }
}

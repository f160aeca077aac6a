import { randomUUID } from 'node:crypto';
import { mergeId } from '../contacts/merges/merge-id.rule';
import { sinchContact } from '../contacts/sinch-contact.rule';
import type { JsonObject } from '../json/canonical.rule';
import type { EventType } from './event-types.rule';
import type { Message } from './message.rule';
import { NO_CONTACT } from './message-of.rule';

/** 2024-06-15T15:30:00.456Z in nanoseconds since the epoch. */
const HAPPENED_AT = 1_718_465_400_456_000_000n;
const LOSER_ID = '01H3AAAAAAAAAAAAAAAAAAAAAA';
const CONTACT_ID = '01H3BBBBBBBBBBBBBBBBBBBBBB';
const DUPLICATE_ID = '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f';

const SMS = { channel: 'SMS', identity: '15551234567', app_id: '' };
const WHATSAPP = { channel: 'WHATSAPP', identity: '15551234567', app_id: '' };
const BEFORE = sinchContact(CONTACT_ID, {
  channel_identities: [SMS],
  channel_priority: ['SMS'],
  display_name: 'Jane Doe',
  email: 'jane.doe@example.com',
  external_id: 'customer-17',
  metadata: '{"tier":"free"}',
  language: 'EN_US',
});
const AFTER = sinchContact(CONTACT_ID, {
  ...BEFORE,
  channel_identities: [SMS, WHATSAPP],
  metadata: '{"tier":"premium"}',
});
const LOSER = sinchContact(LOSER_ID, { channel_identities: [WHATSAPP], display_name: 'J. Doe' });
const REFERENCES = { hubspot: ['512'] };

/** What the example of a type has; its data names the contact first. */
type Example = Partial<Pick<Message, 'subject' | 'keys' | 'mergeId' | 'before' | 'after' | 'identities'>> & {
  readonly data: JsonObject;
};

const ofContact = (data: JsonObject, own: Omit<Example, 'data'> = {}): Example => ({
  subject: CONTACT_ID,
  keys: [CONTACT_ID],
  ...own,
  data: { contact_id: CONTACT_ID, ...data },
});
const ofUpdate = (data: JsonObject, own: Omit<Example, 'data'> = {}): Example =>
  ofContact({ ...data, after: AFTER, references: REFERENCES }, { before: BEFORE, after: AFTER, ...own });
const ofDuplicate = (resolvedBy: string | null): Example => ({
  subject: DUPLICATE_ID,
  keys: [LOSER_ID, CONTACT_ID],
  data: {
    duplicate_id: DUPLICATE_ID,
    contact_ids: [LOSER_ID, CONTACT_ID],
    reasons: ['phone'],
    resolved_by: resolvedBy,
  },
});
const ofSubscription = (reason: string): Example => ({
  subject: 'subscription-1',
  keys: [],
  data: { subscription_id: 'subscription-1', reason },
});

const EXAMPLES: Readonly<Record<EventType, Example>> = {
  'contact.created': ofContact({ after: BEFORE, references: {} }, { after: BEFORE }),
  'contact.updated': ofUpdate({ before: BEFORE, changed: ['/channel_identities', '/metadata/tier'] }),
  'contact.channel_added': ofUpdate({ identities: [WHATSAPP] }, { identities: [WHATSAPP] }),
  'contact.channel_removed': ofContact(
    { identities: [WHATSAPP], after: BEFORE, references: REFERENCES },
    { before: AFTER, after: BEFORE, identities: [WHATSAPP] },
  ),
  'contact.metadata_changed': ofUpdate({
    changes: [{ pointer: '/metadata/tier', before: 'free', after: 'premium' }],
  }),
  'contact.deleted': ofContact(
    { reason: 'deleted', before: AFTER, references: REFERENCES },
    { before: AFTER },
  ),
  'contact.merged': {
    subject: LOSER_ID,
    keys: [LOSER_ID, CONTACT_ID],
    mergeId: mergeId(LOSER_ID, CONTACT_ID),
    before: LOSER,
    data: {
      contact_id: LOSER_ID,
      survivor_id: CONTACT_ID,
      merge_id: mergeId(LOSER_ID, CONTACT_ID),
      loser_before: LOSER,
      survivor_before: BEFORE,
      survivor_after: AFTER,
      identities: { moved: [WHATSAPP], kept: [SMS], dropped: [] },
      redirects: [{ from: LOSER_ID, to: CONTACT_ID }],
      references: { loser: {}, survivor: REFERENCES },
    },
  },
  'contact.erased': ofContact({ erasure_id: '7' }),
  'contact.snapshot': ofContact({ after: AFTER, references: REFERENCES }, { after: AFTER }),
  'reference.set': ofContact({ system: 'hubspot', external_id: '512' }),
  'reference.removed': ofContact({ system: 'hubspot', external_id: '512' }),
  'duplicate.opened': ofDuplicate(null),
  'duplicate.changed': ofDuplicate(null),
  'duplicate.resolved': ofDuplicate('rule'),
  'duplicate.dismissed': ofDuplicate('reviewer'),
  'duplicate.reopened': ofDuplicate(null),
  'anomaly.found': {
    subject: CONTACT_ID,
    keys: [CONTACT_ID],
    data: { kind: 'merge-cycle', contact_ids: [CONTACT_ID, LOSER_ID] },
  },
  'quarantine.received': {
    subject: '17',
    keys: [],
    data: { quarantine_id: '17', reason: 'bad-notification' },
  },
  'subscription.failing': ofSubscription('status-5xx'),
  'subscription.disabled': ofSubscription('disabled'),
  'subscription.recovered': ofSubscription('recovered'),
  'delivery.dead': {
    ...ofSubscription('status-4xx'),
    data: { subscription_id: 'subscription-1', event_id: 'evt_1_770_3', reason: 'status-4xx' },
  },
};

/** An example of a type of event, of made-up contacts; each has an id of its own. @param uuid of it */
export function exampleOf(type: EventType, projectId: string, uuid: string = randomUUID()): Message {
  const { data, ...own } = EXAMPLES[type];
  const isTold = type.startsWith('contact.') && type !== 'contact.snapshot' && type !== 'contact.erased';
  return {
    ...NO_CONTACT,
    id: `tst_${uuid}`,
    stream: 'test',
    type,
    projectId,
    subject: CONTACT_ID,
    keys: [CONTACT_ID],
    sequence: null,
    source: isTold || type.startsWith('reference.') ? 'webhook' : null,
    version: type.startsWith('contact.') ? HAPPENED_AT : null,
    timestamp: HAPPENED_AT,
    receivedAt: new Date(Number(HAPPENED_AT / 1_000_000n)),
    ...own,
    data,
  };
}

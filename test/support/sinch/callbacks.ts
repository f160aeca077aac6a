import { randomUUID } from 'node:crypto';
import { signedHeaders } from '../../../simulator/sign-callback';
import { writeTime } from '../../../src/json/read-time.rule';

export const PROJECT = 'e2df3a34-a71b-4448-9db5-a8d2baad28e4';

/** A Contact as Sinch writes it, with whatever the test wants to differ. */
export function contact(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    channel_identities: [{ channel: 'SMS', identity: '15551234567', app_id: '' }],
    channel_priority: ['SMS'],
    display_name: 'John Doe',
    email: '',
    external_id: '',
    metadata: '',
    language: 'EN',
    ...fields,
  };
}

/** What a callback tells, in Sinch's own shape. */
export type Told =
  | { readonly create: Record<string, unknown> }
  | { readonly update: Record<string, unknown> }
  | { readonly delete: Record<string, unknown> }
  | {
      readonly merge: { readonly survivor: Record<string, unknown>; readonly loser: Record<string, unknown> };
    }
  | { readonly duplicates: readonly { readonly channel: string; readonly contact_ids: readonly string[] }[] };

/** The body of a callback: an envelope as Sinch's, and one notification. */
export function callback(told: Told, acceptedAt: bigint, envelope: Record<string, unknown> = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      app_id: '',
      accepted_time: writeNanoseconds(acceptedAt),
      project_id: PROJECT,
      ...envelope,
      ...notification(told),
      message_metadata: '',
    }),
  );
}

function notification(told: Told): Record<string, unknown> {
  if ('create' in told) return { contact_create_notification: { contact: told.create } };
  if ('update' in told) return { contact_update_notification: { contact: told.update } };
  if ('delete' in told) return { contact_delete_notification: { contact: told.delete } };
  if ('merge' in told) {
    const { survivor, loser } = told.merge;
    return { contact_merge_notification: { preserved_contact: survivor, deleted_contact: loser } };
  }
  return { duplicated_contact_identities_notification: { duplicated_identities: told.duplicates } };
}

/** RFC 3339 with nine digits, as some of Sinch's callbacks carry. */
export function writeNanoseconds(time: bigint): string {
  return writeTime(time).replace('Z', `${String(time % 1000n).padStart(3, '0')}Z`);
}

/** The headers with which Sinch signs a body. */
export function sign(
  body: Buffer | string,
  secret: string,
  {
    nonce = randomUUID(),
    timestamp = unixNow(),
  }: { readonly nonce?: string; readonly timestamp?: string } = {},
): Record<string, string> {
  return { ...signedHeaders(body, secret, nonce, timestamp) };
}

function unixNow(): string {
  return String(Math.floor(Date.now() / 1000));
}

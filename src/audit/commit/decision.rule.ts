import { hash } from 'node:crypto';
import type { Action, Source } from '../audit-event.rule';
import type { ContactEvent } from './contact-event.rule';

/**
 * Makes a decision of somebody's, or of a rule's, about contacts an event of the journal.
 *
 * @param contactIds in the order of ids
 * @param said what the payload keeps of it, as JSON
 * @param decidedAt by our clock, in nanoseconds since the epoch: a decision is ours, so it is the one event that Sinch does
 *   not time. It orders nothing in the mirror.
 */
export function decision(
  action: Action,
  projectId: string,
  contactIds: readonly [string, ...string[]],
  said: object,
  actor: string,
  decidedAt: bigint,
  source: Source = 'api',
): ContactEvent {
  const payload = Buffer.from(JSON.stringify(said));
  const fingerprint = hash(
    'sha256',
    `${JSON.stringify([projectId, action, decidedAt.toString(), contactIds])}\n${payload.toString()}`,
    'hex',
  );
  return {
    notification: {
      projectId,
      appId: null,
      version: decidedAt,
      fingerprint,
      shape: 'own',
      content: { trigger: action, contactIds },
    },
    payload,
    receivedAt: decidedAt,
    source,
    actor,
    signature: null,
  };
}

import type { RegistrationPlan } from './plan-registration.rule';

/** What a registration came to: a plan that was carried out, or could not be made. */
export type Registration =
  | Exclude<RegistrationPlan, { readonly kind: 'create' }>
  | { readonly kind: 'created'; readonly id: string; readonly moved: readonly string[] };

/**
 * What a registration that was not refused did, in the first line, and what it left to do, one line each; without secrets.
 *
 * @param target of the webhook
 * @param command that registers it, as the reader runs it
 */
export function describeRegistration(
  done: Exclude<Registration, { readonly kind: 'refused' }>,
  target: string,
  command: string,
): readonly string[] {
  const name = `Sinch's webhook ${done.id} for ${target}`;
  if (done.kind === 'created') {
    const moved = done.moved.map(
      (old) =>
        `The app also has a webhook for ${old}: if it is the service's old address, remove it at Sinch.`,
    );
    return [`${name}: created`, ...moved];
  }
  const { otherTriggers, hasToleratedSecret, leftBehind, notFound } = done;
  return [
    `${name}: ${done.kind === 'unchanged' ? 'unchanged' : `updated (${describeChanges(done)})`}`,
    ...(otherTriggers.length === 0 ? [] : [`It keeps its other triggers: ${otherTriggers.join(', ')}.`]),
    ...(hasToleratedSecret
      ? [`It still signs with an older secret. When every replica has the new one, run: ${command}`]
      : []),
    ...(leftBehind === null
      ? []
      : [`Webhook ${leftBehind}, which was to be moved here, was left unchanged: remove it at Sinch.`]),
    ...(notFound === null ? [] : [`The app has no webhook for ${notFound}, so nothing was moved.`]),
  ];
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'SINCH_KEY_ID and SINCH_KEY_SECRET are not those of an access key of the project: check both and SINCH_PROJECT_ID.',
  403: 'The access key may not manage webhooks: give it the role for the Conversation API at Sinch, or use another key.',
  404: 'Sinch does not find the app in this project and region: check SINCH_APP_ID, SINCH_PROJECT_ID and SINCH_REGION.',
};

/** What a person can do about an answer of Sinch's; `null`: nothing that we know of, or there was no answer. */
export function adviseOn(httpStatus: number | null): string | null {
  return httpStatus === null ? null : (ADVICE[httpStatus] ?? null);
}

function describeChanges({ mask, addedTriggers }: RegistrationPlan & { readonly kind: 'update' }): string {
  const texts = {
    target: 'target',
    target_type: 'target_type HTTP',
    triggers: `triggers ${addedTriggers.map((trigger) => `+${trigger}`).join(' ')}`,
    secret: 'secret',
  };
  return mask.map((field) => texts[field]).join(', ');
}

import type { RegistrationPlan } from './plan-registration';

/** What a registration came to: a plan that was carried out, or could not be made. */
export type Registration =
  | Exclude<RegistrationPlan, { readonly kind: 'create' }>
  | { readonly kind: 'created'; readonly id: string; readonly moved: readonly string[] };

/**
 * What a registration that was not refused did, one line each, without secrets.
 *
 * @param target of the webhook
 */
export function describeRegistration(
  done: Exclude<Registration, { readonly kind: 'refused' }>,
  target: string,
): readonly string[] {
  const name = `Sinch's webhook ${done.id} for ${target}`;
  if (done.kind === 'created') {
    const moved = done.moved.map(
      (old) => `The app has one for ${old} too: if it is the service's old address, remove it with Sinch.`,
    );
    return [`${name}: created`, ...moved];
  }
  const { otherTriggers, hasToleratedSecret, leftBehind } = done;
  return [
    `${name}: ${done.kind === 'unchanged' ? 'unchanged' : `updated (${describeChanges(done)})`}`,
    ...(otherTriggers.length === 0 ? [] : [`It keeps its other triggers: ${otherTriggers.join(', ')}.`]),
    ...(hasToleratedSecret
      ? [
          'It signs with an older secret of ours. When every replica has the new one: npm run webhook:register.',
        ]
      : []),
    ...(leftBehind === null
      ? []
      : [`Webhook ${leftBehind}, which was to be moved here, is left as it is: remove it with Sinch.`]),
  ];
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'SINCH_KEY_ID and SINCH_KEY_SECRET are not those of an access key of the project.',
  403: 'The access key may not do this.',
  404: 'There is no such app in that project and region: see SINCH_APP_ID, SINCH_PROJECT_ID and SINCH_REGION.',
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

import { webhookPath } from '../base/webhook-path.rule';
import { probeSecret } from './probe-secret';

/** Whether Sinch may be given a target, and what a person has to know of it, as a sentence without an end. */
export interface TargetJudgement {
  readonly isFit: boolean;
  readonly words: string;
}

/**
 * Judges a target by what it answers to a delivery that is signed with the secret.
 *
 * One that answers as this service never does is not fit: Sinch would lose what it sends there. One that cannot be reached from
 * here may be reached by Sinch.
 */
export async function judgeTarget(target: string, secret: string): Promise<TargetJudgement> {
  const probe = await probeSecret(target, secret);
  switch (probe.kind) {
    case 'accepted':
      return { isFit: true, words: `The service at ${target} accepts the secret` };
    case 'unreachable':
      return {
        isFit: true,
        words: `The service at ${target} could not be reached from here, so it is not known whether it accepts the secret`,
      };
    case 'other':
      return {
        isFit: false,
        words: `What answers at ${target} ${probe.answer}, and Sinch would lose what it sends there. Start the service, and make this URL lead to its path ${webhookPath}; nothing was changed`,
      };
    case 'wrong-secret':
      return {
        isFit: false,
        words: `What answers at ${target} does not accept the secret (401), and Sinch would lose what it sends there. Start the service with the secret first (SINCH_WEBHOOK_SECRETS=new,old); nothing was changed`,
      };
  }
}

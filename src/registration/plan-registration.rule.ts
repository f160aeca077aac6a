import { readUrl } from '../base/read-url.rule';
import { TRIGGERS } from '../audit/audit-event.rule';
import type { Identified } from '../sinch/read-answer.rule';

/** Most webhooks of one app (Sinch's documentation, "Webhooks"). */
export const webhooksMax = 5;

/** What the service wants of its webhook. */
export interface WantedWebhook {
  /** Compared with those of the app letter by letter: so it is unique in it. */
  readonly target: string;
  /** That it is to sign with. Never to be shown. */
  readonly secret: string;
  /** Secrets that may stay where one of them is in use; empty: none, so that the webhook comes to have `secret`. */
  readonly toleratedSecrets: readonly string[];
  /** Target of the webhook that is to be moved to `target`; `null`: none. */
  readonly replaces: string | null;
}

/** The fields of a webhook that are the mirror's to set; all others are left as they are. */
export interface WebhookFields {
  readonly target: string;
  readonly target_type: 'HTTP';
  readonly triggers: readonly string[];
  readonly secret: string;
}

/** What can be said of a webhook that was found. */
interface RegistrationFindings {
  readonly id: string;
  /** Beyond the mirror's five, in its order; they stay. */
  readonly otherTriggers: readonly string[];
  /** It signs with a tolerated secret, not with the wanted one. */
  readonly hasToleratedSecret: boolean;
  /** The one that was to be moved, and stays since another has the target already; `null`: none. */
  readonly leftBehind: string | null;
  /** The target of the one that was to be moved, which the app does not have; `null`: it has it, or none was named. */
  readonly notFound: string | null;
}

export type RegistrationPlan =
  | {
      readonly kind: 'create';
      readonly webhook: WebhookFields;
      /** Targets of the app's that differ in their host alone: probably of the service before it moved. Fit to be shown. */
      readonly moved: readonly string[];
    }
  | ({
      readonly kind: 'update';
      /** Not empty. */
      readonly mask: readonly (keyof WebhookFields)[];
      /** The fields of `mask`. */
      readonly changes: Partial<WebhookFields>;
      readonly addedTriggers: readonly string[];
    } & RegistrationFindings)
  | ({ readonly kind: 'unchanged' } & RegistrationFindings)
  /** `reason`: a sentence for people. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Decides what makes one of an app's webhooks the service's: the one with its target, else the one that is to be moved, else a
 * new one, if there is room.
 *
 * What it decides, once done, makes it decide `unchanged`; other webhooks are never touched, and no trigger is given up.
 * @param webhooks all of the app
 */
export function planRegistration(webhooks: readonly Identified[], wanted: WantedWebhook): RegistrationPlan {
  const { target, replaces } = wanted;
  const own = webhooks.find((webhook) => webhook['target'] === target);
  const old = webhooks.find((webhook) => replaces !== null && webhook['target'] === replaces);
  if (own !== undefined)
    return adjust(own, wanted, old === undefined || old === own ? null : old.id, old === undefined);
  if (old !== undefined) return adjust(old, wanted, null);
  if (replaces !== null) {
    const reason = `The app has no webhook with the target ${shownTarget(replaces)} that could be moved.`;
    return { kind: 'refused', reason: `${reason} ${listTargets(webhooks)}` };
  }
  if (webhooks.length >= webhooksMax) {
    const reason = `The app has ${webhooks.length} webhooks already, and Sinch allows ${webhooksMax}: remove one at Sinch, or move one here (--replace <its target>).`;
    return { kind: 'refused', reason: `${reason} ${listTargets(webhooks)}` };
  }
  const webhook = { target, target_type: 'HTTP', triggers: TRIGGERS, secret: wanted.secret } as const;
  const moved = webhooks.filter((other) => isMoved(targetOf(other), target));
  return { kind: 'create', webhook, moved: moved.map((other) => shownTarget(targetOf(other))) };
}

/** A target as it may be shown: without user, password and query, where secrets may be. */
export function shownTarget(target: string): string {
  const url = readUrl(target);
  return url === null ? '(no URL)' : `${url.protocol}//${url.host}${url.pathname}`;
}

function adjust(
  webhook: Identified,
  wanted: WantedWebhook,
  leftBehind: string | null,
  isOldMissing = false,
): RegistrationPlan {
  const had = triggersOf(webhook);
  const { target_type: type, secret } = webhook;
  const addedTriggers = TRIGGERS.filter((trigger) => !had.includes(trigger));
  const isTolerated = wanted.toleratedSecrets.some((tolerated) => tolerated === secret);
  const changes: Partial<WebhookFields> = {
    ...(webhook['target'] === wanted.target ? {} : { target: wanted.target }),
    // not said means HTTP
    ...(type === 'HTTP' || type === '' || (type ?? null) === null ? {} : { target_type: 'HTTP' }),
    ...(addedTriggers.length === 0 ? {} : { triggers: [...had, ...addedTriggers] }),
    ...(secret === wanted.secret || isTolerated ? {} : { secret: wanted.secret }),
  };
  const mask = (['target', 'target_type', 'triggers', 'secret'] as const).filter((field) => field in changes);
  const ours: readonly string[] = TRIGGERS;
  const found = {
    id: webhook.id,
    otherTriggers: had.filter((trigger) => !ours.includes(trigger)),
    hasToleratedSecret: isTolerated && secret !== wanted.secret,
    leftBehind,
    notFound: isOldMissing && wanted.replaces !== null ? shownTarget(wanted.replaces) : null,
  };
  if (mask.length === 0) return { kind: 'unchanged', ...found };
  return { kind: 'update', mask, changes, addedTriggers, ...found };
}

function triggersOf({ triggers }: Identified): readonly string[] {
  return Array.isArray(triggers) ? triggers.filter((trigger) => typeof trigger === 'string') : [];
}

function targetOf({ target }: Identified): string {
  return typeof target === 'string' ? target : '';
}

function isMoved(target: string, wanted: string): boolean {
  return readUrl(target)?.pathname === new URL(wanted).pathname;
}

function listTargets(webhooks: readonly Identified[]): string {
  if (webhooks.length === 0) return 'It has no webhooks at all.';
  return `Its targets: ${webhooks.map((webhook) => shownTarget(targetOf(webhook))).join(', ')}.`;
}

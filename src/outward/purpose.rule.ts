import { SOURCES, type Source } from '../audit/audit-event.rule';

/**
 * What a subscription is for. `trigger`: something shall happen, such as a mail, a workflow or an alert. `replica`: something
 * shall be equal, such as a CRM, a warehouse or a cache.
 */
export const PURPOSES = ['trigger', 'replica'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** What a subscription does where its filter says nothing. */
export interface PurposeDefaults {
  /** The sources whose events of contacts are sent; other events are sent whatever their source. */
  readonly sources: readonly Source[];
  /** From `accepted_time`; `null`: without limit. */
  readonly maxAgeSeconds: number | null;
  /** Whether parked events of one contact become its newest. */
  readonly coalesces: boolean;
}

export const PURPOSE_DEFAULTS: Readonly<Record<Purpose, PurposeDefaults>> = {
  // after an outage, a contact of yesterday gets no welcome
  trigger: { sources: ['webhook', 'api'], maxAgeSeconds: 86_400, coalesces: false },
  replica: { sources: SOURCES, maxAgeSeconds: null, coalesces: true },
};

export function isPurpose(text: string): text is Purpose {
  return PURPOSES.some((each) => each === text);
}

export const BODY_MODES = ['full', 'thin', 'cloudevents'] as const;
/** How much of an event a body has: all of it, ids alone, or all of it as a CloudEvent. */
export type BodyMode = (typeof BODY_MODES)[number];

/** Of the current schema of bodies, the only one so far. */
export const SCHEMA_VERSIONS = ['2026-12-01'] as const;
export type SchemaVersion = (typeof SCHEMA_VERSIONS)[number];

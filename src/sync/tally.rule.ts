import type { Plan } from './plan-page.rule';

/** What a sweep counts: `contacts`, those that Sinch has, are all the others together but for `deleted`, which it has no more. */
export const COUNTERS = [
  'contacts',
  'created',
  'updated',
  'deleted',
  'unchanged',
  'skipped',
  'conflicting',
  'unusable',
] as const;
export type Counter = (typeof COUNTERS)[number];

/** The drift that a sweep found: contacts by what became of them, and of those updated how many differed in each field. */
export interface Tally extends Readonly<Record<Counter, number>> {
  readonly fields: Readonly<Record<string, number>>;
}

/** Most fields that are counted one by one: Sinch's contacts have nine. */
const fieldsMax = 100;
/** Under which all further ones are counted. */
const OTHER_FIELDS = '…';

export const NOTHING: Tally = {
  contacts: 0,
  created: 0,
  updated: 0,
  deleted: 0,
  unchanged: 0,
  skipped: 0,
  conflicting: 0,
  unusable: 0,
  fields: {},
};

const ONE: Tally = { ...NOTHING, contacts: 1 };

/** One contact that Sinch has. */
export function tallyOf(plan: Plan): Tally {
  switch (plan.kind) {
    case 'create':
      return { ...ONE, created: 1 };
    case 'update':
      return {
        ...ONE,
        updated: 1,
        fields: Object.fromEntries(plan.fields.map((field) => [field, 1])),
      };
    case 'unchanged':
    case 'skipped':
    case 'conflicting':
      return { ...ONE, [plan.kind]: 1 };
  }
}

/** One that cannot be kept. */
export const UNUSABLE: Tally = { ...ONE, unusable: 1 };

/** One that Sinch has no more. */
export const DELETED: Tally = { ...NOTHING, deleted: 1 };

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum: Record<Counter, number> = { ...NOTHING };
  const fields = new Map<string, number>();
  for (const tally of tallies) {
    for (const counter of COUNTERS) sum[counter] += tally[counter];
    for (const [field, count] of Object.entries(tally.fields)) {
      const name = fields.has(field) || fields.size < fieldsMax ? field : OTHER_FIELDS;
      fields.set(name, (fields.get(name) ?? 0) + count);
    }
  }
  return { ...sum, fields: Object.fromEntries(fields) };
}

import { canonicalJson, type Json, type JsonObject } from '../json/canonical.rule';

/** One field of all members, side by side. */
export interface ComparedField {
  readonly field: string;
  readonly differs: boolean;
  /** In the order of the members; absent and `''` are the same with Sinch, and are null here. */
  readonly values: readonly { readonly contact_id: string; readonly value: Json }[];
}

/** Most values, members by fields, that are compared: Sinch's contacts have seven fields, but may have any. */
const valuesMax = 20_000;

/**
 * Compares members field by field: those that differ first, then by name. Of very many fields those are compared that most
 * members have.
 */
export function compareMembers(
  members: readonly { readonly id: string; readonly fields: JsonObject }[],
): readonly ComparedField[] {
  const counts = new Map<string, number>();
  for (const { fields } of members)
    for (const name of Object.keys(fields)) counts.set(name, (counts.get(name) ?? 0) + 1);
  counts.delete('id');
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, Math.max(1, Math.floor(valuesMax / members.length)))
    .map(([name]) => name)
    .sort()
    .map((field) => {
      const values = members.map(({ id, fields }) => ({ contact_id: id, value: valueOf(fields, field) }));
      return { field, differs: new Set(values.map(({ value }) => canonicalJson(value))).size > 1, values };
    })
    .sort((a, b) => Number(b.differs) - Number(a.differs));
}

function valueOf(fields: JsonObject, name: string): Json {
  const value = Object.hasOwn(fields, name) ? fields[name] : null;
  return value === undefined || value === '' ? null : value;
}

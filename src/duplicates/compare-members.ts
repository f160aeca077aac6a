import { canonicalJson, type Json, type JsonObject } from '../contacts/canonical';

/** One field of all members, side by side. */
export interface ComparedField {
  readonly field: string;
  readonly differs: boolean;
  /** In the order of the members; absent and `''` are the same with Sinch, and are null here. */
  readonly values: readonly { readonly contact_id: string; readonly value: Json }[];
}

/** Compares members field by field: those that differ first, then by name. */
export function compareMembers(
  members: readonly { readonly id: string; readonly fields: JsonObject }[],
): readonly ComparedField[] {
  const names = new Set(members.flatMap(({ fields }) => Object.keys(fields)));
  names.delete('id');
  return [...names]
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

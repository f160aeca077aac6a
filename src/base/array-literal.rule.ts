/** An array inside an array: `unnest` would flatten it, so it goes as text. */
export function arrayLiteral(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'null' : arrayElement(value))).join(',')}}`;
}

function arrayElement(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

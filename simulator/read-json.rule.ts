import { invalid } from './refusal.rule';

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws Refusal `INVALID_ARGUMENT` */
export function readObject(value: unknown, name: string): JsonObject {
  if (isObject(value)) return value;
  throw invalid(`${name} is not a JSON object.`);
}

/**
 * A text; absent and null read as `''`.
 *
 * @throws Refusal `INVALID_ARGUMENT`
 */
export function readText(value: unknown, name: string): string {
  const text = value ?? '';
  if (typeof text === 'string') return text;
  throw invalid(`${name} is not a string.`);
}

/**
 * A list; absent and null read as empty.
 *
 * @throws Refusal `INVALID_ARGUMENT`
 */
export function readList<T>(
  value: unknown,
  name: string,
  read: (item: unknown, name: string) => T,
): readonly T[] {
  const list: unknown = value ?? [];
  if (!Array.isArray(list)) throw invalid(`${name} is not a list.`);
  return list.map((item: unknown, at) => read(item, `${name}[${at}]`));
}

/**
 * Which of its fields an update means: those of `update_mask`, else those that the body has.
 *
 * @param mask field names joined by commas; undefined: not given
 * @param ignored names that the mask may have besides
 * @throws Refusal `INVALID_ARGUMENT`
 */
export function maskedFields<F extends string>(
  body: JsonObject,
  mask: unknown,
  fields: readonly F[],
  ignored: readonly string[] = [],
): readonly F[] {
  const text = readText(mask, 'update_mask');
  if (text === '') return fields.filter((field) => field in body);
  const names = text.split(',').filter((name) => !ignored.includes(name));
  return names.map((name) => {
    const field = fields.find((candidate) => candidate === name);
    if (field === undefined) throw invalid(`update_mask has no field ${name}.`);
    return field;
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

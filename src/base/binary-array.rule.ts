/**
 * Arrays of one dimension in Postgres' binary format (`array_send` in `arrayfuncs.c`), as values of parameters: the driver writes
 * a buffer as it is, where it would escape each element of an array as text, and Postgres would read it character by character.
 */

/** Object ids of the element types, the same in every Postgres (`pg_type.dat`). */
const oids = { bytea: 17, int8: 20, text: 25, timestamptz: 1184 } as const;
/** Dimensions, flag for nulls, element type, length, lower bound: 32 bits each. */
const headerBytes = 20;
const lengthBytes = 4;
/** The length of a null. */
const nullLength = -1;
/** Postgres counts times from 2000-01-01T00:00:00Z, in microseconds. */
const postgresEpochMicros = 946_684_800_000_000n;

/** How elements of one type are written. */
interface ElementType<T> {
  readonly oid: number;
  readonly bytesOf: (value: T) => number;
  readonly write: (array: Buffer, value: T, at: number) => void;
}

const TEXT: ElementType<string> = {
  oid: oids.text,
  bytesOf: (value) => Buffer.byteLength(value),
  write: (array, value, at) => array.write(value, at),
};
const BYTEA: ElementType<Buffer> = {
  oid: oids.bytea,
  bytesOf: (value) => value.length,
  write: (array, value, at) => value.copy(array, at),
};
const HEX: ElementType<string> = {
  oid: oids.bytea,
  bytesOf: (value) => value.length / 2,
  write: (array, value, at) => array.write(value, at, 'hex'),
};
const INT8: ElementType<bigint> = {
  oid: oids.int8,
  bytesOf: () => 8,
  write: (array, value, at) => array.writeBigInt64BE(value, at),
};
const TIMESTAMPTZ: ElementType<bigint> = {
  oid: oids.timestamptz,
  bytesOf: () => 8,
  write: (array, ns, at) => array.writeBigInt64BE(ns / 1_000n - postgresEpochMicros, at),
};

/** A `text[]`. */
export const textArray = (values: readonly (string | null)[]): Buffer => arrayOf(TEXT, values);
/** A `bytea[]`. */
export const byteaArray = (values: readonly (Buffer | null)[]): Buffer => arrayOf(BYTEA, values);
/** A `bytea[]`. @param values in hex */
export const hexArray = (values: readonly (string | null)[]): Buffer => arrayOf(HEX, values);
/** A `bigint[]`. */
export const bigintArray = (values: readonly (bigint | null)[]): Buffer => arrayOf(INT8, values);
/** A `timestamptz[]`. @param values in nanoseconds since the epoch, not before it; what is finer than a microsecond is cut */
export const timeArray = (values: readonly (bigint | null)[]): Buffer => arrayOf(TIMESTAMPTZ, values);

function arrayOf<T>({ oid, bytesOf, write }: ElementType<T>, values: readonly (T | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? nullLength : bytesOf(value)));
  let size = headerBytes;
  for (const length of lengths) size += lengthBytes + Math.max(length, 0);
  const array = Buffer.allocUnsafe(size);
  const header = [1, lengths.includes(nullLength) ? 1 : 0, oid, values.length, 1];
  header.forEach((number, n) => array.writeInt32BE(number, 4 * n));
  let at = headerBytes;
  values.forEach((value, n) => {
    const length = lengths[n] ?? nullLength;
    at = array.writeInt32BE(length, at);
    if (value !== null) write(array, value, at);
    at += Math.max(length, 0);
  });
  return array;
}

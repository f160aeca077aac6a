/** Longest id of a project or a contact, in bytes of UTF-8. */
export const idBytesMax = 512;

/**
 * Whether a value can be the id of a project or a contact: free text, since Sinch states no format, that Postgres can hold and
 * index. 1 to 512 bytes of UTF-8 without U+0000 and without broken surrogates.
 */
export function isId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    Buffer.byteLength(value) <= idBytesMax &&
    value.isWellFormed() &&
    !value.includes('\0')
  );
}

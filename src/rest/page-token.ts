import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { fitting, jsonBytes } from './answer-size';
import { Problem } from './problems/problem';
import { starting } from './problems/unavailable';

/** Bytes of the signature that a token carries. */
const signatureBytes = 16;
const keyBytes = 32;
/** Longest token that is looked at, in characters: far more than any cursor needs. */
const tokenLengthMax = 16_384;
/** Parameters that may change from page to page. */
const UNBOUND: ReadonlySet<string> = new Set(['page_size', 'page_token', 'view', 'wait']);

type FilterValue = string | number | bigint | boolean | null | undefined | readonly string[];

/** The project and the parameters of a list; what is undefined counts as not given. */
export type PageFilter = Readonly<Record<string, FilterValue>>;

/** Where a list continues: the key of the last row shown. */
export type Cursor = readonly string[];

/** Where the page of a list begins that a request asks for, and how the next one is named. */
export interface Paging<Place extends Cursor> {
  /** Null: the first page. */
  readonly from: Place | null;
  /** The token of the page that begins after a place; empty for null, at the end. */
  readonly tokenOf: (place: Place | null) => string;
}

/**
 * What a page shows of the rows that were read for it, one more than it shows where there are more. It ends early where the
 * rows would exceed the size of an answer.
 *
 * @param bytesOf how many bytes of the answer a row takes
 * @returns the rows shown, and the last of them where another page follows, else null
 */
export function cutPage<Row>(
  rows: readonly Row[],
  size: number,
  bytesOf: (row: Row) => number = jsonBytes,
): { readonly shown: readonly Row[]; readonly last: Row | null } {
  const shown = fitting(rows.slice(0, size), bytesOf);
  return { shown, last: rows.length > shown.length ? (shown.at(-1) ?? null) : null };
}

/**
 * Makes and reads page tokens: opaque, bound to their list, without expiry.
 *
 * A token is a signature and the cursor. The signature covers the route and the filter too, so a token holds for the list
 * that it was given out for and no other, on every replica that knows the key.
 */
@Injectable()
export class PageTokens {
  /** Null until the database is open. */
  private key: Buffer | null = null;

  /** @param key 32 random bytes, the same for every replica and after every restart */
  useKey(key: Buffer): void {
    if (key.length !== keyBytes)
      throw new RangeError(`The key of page tokens has ${keyBytes} bytes, not ${key.length}.`);
    this.key = key;
  }

  /**
   * Pages a list by the `page_token` among its parameters.
   *
   * @param filter as `seal` takes it
   * @throws Problem as `open`
   */
  page<Place extends Cursor>(
    route: string,
    filter: PageFilter & { readonly page_token?: string },
  ): Paging<Place> {
    const { page_token: token } = filter;
    return {
      from: token === undefined ? null : (this.open(route, filter, token) as Place), // sealed below
      tokenOf: (place) => (place === null ? '' : this.seal(route, filter, place)),
    };
  }

  /** @param filter all parameters of the list and its project; `page_size`, `page_token`, `view` and `wait` are passed over */
  seal(route: string, filter: PageFilter, cursor: Cursor): string {
    const content = Buffer.from(JSON.stringify(cursor));
    return Buffer.concat([this.sign(route, filter, content), content]).toString('base64url');
  }

  /** @throws Problem `page-token-mismatch` unless `seal` made the token for this very route and filter */
  open(route: string, filter: PageFilter, token: string): Cursor {
    const bytes = Buffer.from(token.slice(0, tokenLengthMax), 'base64url');
    const content = bytes.subarray(signatureBytes);
    const signature = bytes.subarray(0, signatureBytes);
    // base64url has several spellings of the same bytes; one of them is the token
    if (bytes.toString('base64url') !== token || signature.length < signatureBytes) throw mismatch();
    if (!timingSafeEqual(signature, this.sign(route, filter, content))) throw mismatch();
    return JSON.parse(content.toString()) as Cursor; // sealed by us
  }

  /** @throws Problem `unavailable` while the service starts */
  private sign(route: string, filter: PageFilter, content: Buffer): Buffer {
    const bound = Object.entries(filter)
      .filter(([name, value]) => value !== undefined && !UNBOUND.has(name))
      .map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (this.key === null) throw starting();
    // JSON has no raw line break, so the line break ends the one part and begins the other
    const hmac = createHmac('sha256', this.key)
      .update(`${JSON.stringify([route, bound])}\n`)
      .update(content);
    return hmac.digest().subarray(0, signatureBytes);
  }
}

function mismatch(): Problem {
  return new Problem(
    'page-token-mismatch',
    'page_token was not issued for this list with these filters. Start again without it.',
    { errors: [{ pointer: '/query/page_token', code: 'mismatch', message: 'is not a token of this list' }] },
  );
}

import type { PageQuery } from '../rest/parameters';
import { invalidRequest } from '../rest/read-dto';
import type { ContactsQuery } from './contacts.dto';
import type { ContactFilter } from './contacts.repository';
import { phoneVariants } from './phone-variants';

/**
 * What a list or an export of contacts is narrowed to.
 *
 * @throws Problem `invalid-request`
 */
export function contactFilter(query: Omit<ContactsQuery, keyof PageQuery>): ContactFilter {
  const { channel, identity, phone } = query;
  if ((channel === undefined) !== (identity === undefined)) {
    const missing = channel === undefined ? 'channel' : 'identity';
    throw invalidRequest([
      {
        pointer: `/query/${missing}`,
        code: 'required',
        message: 'must be given where the other of channel and identity is',
      },
    ]);
  }
  const phones = phone === undefined ? null : phoneVariants(phone);
  if (phone !== undefined && phones === null) {
    throw invalidRequest([
      { pointer: '/query/phone', code: 'phone', message: 'must be a phone number with its country code' },
    ]);
  }
  return {
    status: query.status,
    externalId: query.external_id ?? null,
    identity: channel === undefined || identity === undefined ? null : { channel, identity },
    phones,
    email: query.email ?? null,
    displayName: query.q ?? null,
    language: query.language ?? null,
  };
}

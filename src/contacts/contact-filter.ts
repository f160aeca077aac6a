import type { PageQuery } from '../rest/parameters';
import { invalidRequest } from '../rest/read-dto';
import type { ContactsQuery } from './contacts.dto';
import type { ContactFilter } from './contacts.repository';
import { soughtName } from '../normalise/normalise-name.rule';
import { normaliseText } from '../normalise/normalise-text.rule';
import { phoneVariants } from '../normalise/phone-variants.rule';

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
  const name = query.q === undefined ? null : soughtName(query.q);
  if (query.q !== undefined && name === null) {
    const message = 'must have two characters or more; one is enough in Chinese, Japanese and Korean';
    throw invalidRequest([{ pointer: '/query/q', code: 'min-length', message }]);
  }
  return {
    status: query.status,
    externalId: query.external_id ?? null,
    identity: channel === undefined || identity === undefined ? null : { channel, identity },
    phones,
    emails: query.email === undefined ? null : emailForms(query.email),
    name,
    language: query.language ?? null,
  };
}

/** A plus that a caller has not encoded arrives as a blank, which an address has none of. */
function emailForms(email: string): readonly string[] {
  return normaliseText(email).includes(' ') ? [email, email.trim().replaceAll(' ', '+')] : [email];
}

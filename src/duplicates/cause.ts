import type { HoldingsRow } from '../contacts/holdings.repository';
import { channelsOfPhone, splitIdentity, type SharedKind, type SharedValue } from './evidence';
import type { Report } from './evidence.repository';

/** A piece of evidence, as a cause of a component. */
export type Cause =
  | { readonly kind: 'reported'; readonly report: Report }
  | { readonly kind: SharedKind; readonly shared: SharedValue };

/** The channels that a piece of evidence is about; none for e-mail addresses and external ids. */
export function channelsOf(cause: Cause, members: readonly HoldingsRow[]): readonly string[] {
  switch (cause.kind) {
    case 'reported':
      return cause.report.channel === null ? [] : [cause.report.channel];
    case 'identity':
      return [splitIdentity(cause.shared.value).channel];
    case 'phone':
      return [
        ...new Set(members.flatMap((row) => channelsOfPhone(row.identityKeys, cause.shared.value))),
      ].sort();
    case 'email':
    case 'external_id':
      return [];
  }
}

import type { AuditEventRow } from '../audit/audit.repository';
import type { ReferenceChange } from '../audit/tellings.repository';
import type { References } from './derive-events.rule';

/** A change of a reference, read. */
interface Change {
  readonly place: Place;
  readonly isSet: boolean;
  readonly system: string;
  readonly externalId: string;
}

/** In journal order. */
type Place = readonly [era: bigint, tx: bigint, id: bigint];

/** The references of contacts as they were at places of the journal. */
export class ReferenceBook {
  private readonly byContact = new Map<string, Change[]>();

  /** @param changes in journal order, contact by contact */
  constructor(changes: readonly ReferenceChange[]) {
    for (const each of changes) {
      const change = readChange(each);
      const known = this.byContact.get(each.contactId);
      if (known === undefined) this.byContact.set(each.contactId, [change]);
      else known.push(change);
    }
  }

  /** The references that had been given to an id of a contact when an event came: by system, both in the order of code units. */
  of(contactId: string, row: Pick<AuditEventRow, 'era' | 'tx' | 'id'>): References {
    const changes = this.byContact.get(contactId);
    if (changes === undefined) return {};
    const place = placeOf(row);
    const systems = new Map<string, Set<string>>();
    for (const { place: at, isSet, system, externalId } of changes) {
      if (comparePlaces(at, place) > 0) break;
      const ids = systems.get(system) ?? new Set();
      systems.set(system, ids);
      if (isSet) ids.add(externalId);
      else ids.delete(externalId);
    }
    return Object.fromEntries(
      [...systems]
        .filter(([, ids]) => ids.size > 0)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([system, ids]) => [system, [...ids].sort()]),
    );
  }
}

function readChange({ payload, type, ...row }: ReferenceChange): Change {
  const said = JSON.parse(payload.toString()) as { readonly system: string; readonly external_id: string }; // ours
  return {
    place: placeOf(row),
    isSet: type === 'reference.set',
    system: said.system,
    externalId: said.external_id,
  };
}

function placeOf({ era, tx, id }: Pick<AuditEventRow, 'era' | 'tx' | 'id'>): Place {
  return [BigInt(era), BigInt(tx), BigInt(id)];
}

function comparePlaces(a: Place, b: Place): number {
  const [one = 0n, other = 0n] = [0, 1, 2].map((n) => [a[n], b[n]]).find(([x, y]) => x !== y) ?? [];
  return one < other ? -1 : one > other ? 1 : 0;
}

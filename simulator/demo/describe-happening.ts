import type { Contact } from '../contact.rule';
import type { Happening } from '../happening.rule';

/** What happened at the simulated Sinch, in one line for people. */
export function describeHappening(happening: Happening): string {
  switch (happening.trigger) {
    case 'CONTACT_CREATE':
      return `created   ${nameOf(happening.contact)}`;
    case 'CONTACT_UPDATE':
      return `updated   ${nameOf(happening.contact)}`;
    case 'CONTACT_DELETE':
      return `deleted   ${nameOf(happening.contact)}`;
    case 'CONTACT_MERGE':
      return `merged    ${nameOf(happening.deleted)} into ${nameOf(happening.preserved)}`;
    case 'CONTACT_IDENTITIES_DUPLICATION': {
      const ids = new Set(happening.entries.flatMap(({ contact_ids: contactIds }) => contactIds));
      const channels = new Set(happening.entries.map(({ channel }) => channel));
      return `reported  ${ids.size} contacts as duplicates on ${[...channels].join(', ')}`;
    }
  }
}

function nameOf({ id, display_name: name }: Contact): string {
  return name === '' ? id : `${name} (${id})`;
}

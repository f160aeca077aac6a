import { findNearName } from './find-near-name.rule';
import { StartRefusal } from './start-refusal';
import { CONFIG_VARIABLES } from './variables';

/** A variable that begins like ours but is none of ours is a misspelling. It would be ignored in silence. */
const OUR_PREFIXES = [
  'WEBHOOK_',
  'METADATA_CONSOL',
  'METADATA_WRITE',
  'AUTO_MERGE',
  'DATABASE_',
  'SINCH_',
  'ADMIN_API_',
  'RATE_LIMIT_',
  'RECONCILE_',
  'CORS_',
];

const KNOWN: readonly string[] = CONFIG_VARIABLES.flatMap(({ name, isSecret }) =>
  isSecret ? [name, `${name}_FILE`] : [name],
);

/** Whether a variable is one of this service, or is probably meant to be. */
export function isOurs(name: string): boolean {
  return KNOWN.includes(name) || OUR_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** A variable that is none of this service, and the one that is probably meant by it. */
export interface Misspelling {
  readonly name: string;
  readonly meant: string;
}

/**
 * Finds variables that are probably misspelled ones of this service, and are ignored. Where the one that would be meant is
 * set too, they are probably of another program.
 */
export function findMisspellings(env: Readonly<Record<string, string | undefined>>): readonly Misspelling[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if ((value ?? '') === '' || isOurs(name)) return [];
    const meant = findNearName(name, KNOWN);
    return meant === null || (env[meant] ?? '') !== '' ? [] : [{ name, meant }];
  });
}

/**
 * Refuses variables that begin like ours but do not exist.
 *
 * @throws StartRefusal that names the first
 */
export function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(env)) {
    const prefix = OUR_PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix === undefined || value === '' || KNOWN.includes(name)) continue;
    const alike = KNOWN.filter((candidate) => candidate.startsWith(prefix)).join(', ');
    throw new StartRefusal(
      `${name} is not a variable of this service: correct or remove it (known variables: ${alike})`,
    );
  }
}

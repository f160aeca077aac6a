import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import { identitiesIn } from './identities-in.rule';

/** An identity on a channel, and the app that it belongs to; `''` where it belongs to none. */
export interface AppIdentity extends JsonObject {
  readonly channel: string;
  readonly identity: string;
  readonly app_id: string;
}

/** The identities that one snapshot has and the other has not, each once: by channel, identity and app, as they are written. */
export function compareIdentities(
  before: JsonObject,
  after: JsonObject,
): { readonly added: readonly AppIdentity[]; readonly removed: readonly AppIdentity[] } {
  const [had, has] = [byKey(before), byKey(after)];
  return { added: onlyIn(has, had), removed: onlyIn(had, has) };
}

function byKey(fields: JsonObject): ReadonlyMap<string, AppIdentity> {
  return new Map(
    identitiesIn(fields).flatMap((each) => {
      const identity = readIdentity(each);
      return identity === null
        ? []
        : [[JSON.stringify([identity.channel, identity.identity, identity.app_id]), identity] as const];
    }),
  );
}

/** What is no identity on a channel says nothing that could be reported. */
function readIdentity(value: Json): AppIdentity | null {
  if (!isJsonObject(value)) return null;
  const { channel, identity, app_id: app } = value;
  if (typeof channel !== 'string' || typeof identity !== 'string') return null;
  return { channel, identity, app_id: typeof app === 'string' ? app : '' };
}

function onlyIn(
  own: ReadonlyMap<string, AppIdentity>,
  others: ReadonlyMap<string, AppIdentity>,
): readonly AppIdentity[] {
  return [...own].filter(([key]) => !others.has(key)).map(([, identity]) => identity);
}

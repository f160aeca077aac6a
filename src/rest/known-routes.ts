import findMyWay from 'find-my-way';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problems/problem';

/** What Sinch's Contacts API writes with, by method and path; the mirror answers that it does not. */
const SINCH_WRITES = [
  ['POST', '/v1/projects/:project_id/contacts'],
  ['POST', '/v1/projects/:project_id/contacts::getChannelProfile'],
  ['POST', '/v1/projects/:project_id/contacts/:contact_id_and_verb'],
  ['PATCH', '/v1/projects/:project_id/contacts/:contact_id'],
  ['DELETE', '/v1/projects/:project_id/contacts/:contact_id'],
] as const;

type Method = findMyWay.HTTPMethod;
type Router = findMyWay.Instance<findMyWay.HTTPVersion.V1>;

/** Every route of the service, to tell a path that does not exist from a method that it does not take. */
export class KnownRoutes {
  private readonly routes: Router;
  private readonly sinchWrites: Router;
  private readonly methods = new Set<Method>();

  /**
   * Learns the routes that are registered from now on.
   *
   * @param maxParamLength as the router of `fastify` has it
   */
  constructor(fastify: FastifyInstance, maxParamLength: number) {
    this.routes = findMyWay({ maxParamLength });
    this.sinchWrites = findMyWay({ maxParamLength });
    for (const [method, path] of SINCH_WRITES) this.sinchWrites.on(method, path, handleNothing);
    fastify.addHook('onRoute', ({ method, url }) => {
      if (url === '*') return; // takes preflights, and gives back all else
      // Fastify has checked the methods
      for (const each of [method].flat() as Method[]) {
        this.methods.add(each);
        this.routes.on(each, url, handleNothing);
      }
    });
  }

  /** What a request that no route takes is answered: 405 where one takes the path with another method, else 404. */
  refuse(method: string, url: string): Problem {
    const allowed = [...this.methods].filter((each) => takes(this.routes, each, url));
    const allow = allowed.join(', ');
    // any other text is a method of no route
    if (takes(this.sinchWrites, method as Method, url)) {
      const detail =
        'Contacts are read-only here: write them with the Sinch Contacts API; the mirror receives the change.';
      return new Problem('method-not-allowed', detail, { headers: { Allow: allow } });
    }
    if (allowed.length === 0) {
      return new Problem('not-found', 'No route matches this path.');
    }
    return new Problem('method-not-allowed', `This path accepts ${allow}, not ${method}.`, {
      headers: { Allow: allow },
    });
  }
}

/** A part of a path that is empty is no id, as Nest has it. */
function takes(router: Router, method: Method, url: string): boolean {
  const route = router.find(method, url);
  return route !== null && !Object.values(route.params).includes('');
}

function handleNothing(): void {
  // the router is asked, it never calls
}

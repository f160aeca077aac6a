/**
 * A route's pattern as the OpenAPI document writes it: `/contacts/:contact_id` is `/contacts/{contact_id}`, and
 * `/duplicates/:duplicate_id(^[^:/]+)::dismiss` is `/duplicates/{duplicate_id}:dismiss`.
 */
export function routeTemplate(pattern: string): string {
  return pattern.replaceAll(/::|:(\w+)(?:\([^()]*\))?/g, (_part, name: string | undefined) =>
    name === undefined ? ':' : `{${name}}`,
  );
}

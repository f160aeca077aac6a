import type { OpenAPIObject } from '@nestjs/swagger';
import { documentationPaths } from './describe-documentation';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;
type Schema = Exclude<Schemas[string], { $ref: string }>;
type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const problemType = 'application/problem+json';
/** How far ahead times are that a body must have: within every limit, and still ahead when the process is months old. */
const aheadMs = 180 * 24 * 3_600_000;

/**
 * The document as `/docs` shows it, where people press Execute on what the page has filled in.
 *
 * The page fills bodies in from their schemas: optional fields too, texts as `string` and times as now. Many of those bodies
 * would be refused, so each gets an example that has no fields but those that are required or have a value that works. The
 * callback is left out under `webhooks`, where the page would list it a second time, and so are the document and the page
 * themselves: an answer of that size stops the page. Problems lead to their pages instead of
 * having their examples with each operation: these are most of the document, which the page reads again whenever an operation
 * is opened.
 */
export function describePage(document: OpenAPIObject, now: Date): OpenAPIObject {
  const shown = { ...document };
  delete shown.webhooks;
  const own = Object.keys(documentationPaths());
  const schemas = document.components?.schemas ?? {};
  const sampler = new Sampler(schemas, new Date(now.getTime() + aheadMs).toISOString());
  const paths = Object.entries(document.paths)
    .filter(([path]) => !own.includes(path))
    .map(([path, item]) => {
      const operations = METHODS.flatMap((method) => {
        const operation = item[method];
        return operation === undefined ? [] : [[method, ofPage(operation, sampler)] as const];
      });
      return [path, { ...item, ...Object.fromEntries(operations) }] as const;
    });
  return { ...shown, paths: Object.fromEntries(paths) };
}

function ofPage(operation: Operation, sampler: Sampler): Operation {
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const isProblem = response !== undefined && 'content' in response && problemType in response.content;
    return [status, isProblem ? { description: withLinks(response.description) } : response] as const;
  });
  return { ...withFilledBody(operation, sampler), responses: Object.fromEntries(responses) };
}

/** The code of each problem leads to its page. */
function withLinks(description: string): string {
  return description.replaceAll(/`([a-z-]+)`(?=:)/g, '[`$1`](/problems/$1)');
}

function withFilledBody(operation: Operation, sampler: Sampler): Operation {
  const { requestBody } = operation;
  if (requestBody === undefined || !('content' in requestBody)) return operation;
  const content = Object.entries(requestBody.content).map(([type, media]) => {
    const schema = sampler.resolve(media.schema);
    // of a form the page shows each field by itself
    const filled =
      type === 'application/json'
        ? { ...media, example: sampler.sample(schema) }
        : { ...media, schema: withEmptyFields(schema) };
    return [type, filled] as const;
  });
  return { ...operation, requestBody: { ...requestBody, content: Object.fromEntries(content) } };
}

/** Optional fields of a form without a value of their own are left for people to fill in; the page sends no empty ones. */
function withEmptyFields(schema: Schema): Schema {
  const required = new Set(schema.required);
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name,
    required.has(name) ? property : { example: '', ...property },
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as NonNullable<Schema['properties']> };
}

/** Makes values that a schema takes. */
class Sampler {
  constructor(
    private readonly schemas: Schemas,
    private readonly timeAhead: string,
  ) {}

  sample(given: Schemas[string]): unknown {
    const schema = this.resolve(given);
    const known: unknown = schema.example ?? schema.default ?? schema.enum?.[0];
    if (known !== undefined) return known;
    if (schema.properties !== undefined) return this.sampleObject(schema);
    if (schema.type === 'array') return schema.items === undefined ? [] : [this.sample(schema.items)];
    return schema.format === 'date-time' ? this.timeAhead : 'string';
  }

  resolve(schema: Schemas[string] | undefined): Schema {
    if (schema === undefined || !('$ref' in schema)) return schema ?? {};
    return this.resolve(this.schemas[schema.$ref.split('/').at(-1) ?? '']);
  }

  private sampleObject({ properties = {}, required = [] }: Schema): object {
    const shown = Object.entries(properties).filter(([name, property]) => {
      const resolved = this.resolve(property);
      return required.includes(name) || resolved.example !== undefined || resolved.default !== undefined;
    });
    return Object.fromEntries(shown.map(([name, property]) => [name, this.sample(property)]));
  }
}

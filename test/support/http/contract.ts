import type { OpenAPIObject } from '@nestjs/swagger';
import Ajv, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { readColons } from '../../../src/http/read-colons.rule';

/** What a request was answered, as far as the document speaks of it. */
interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface Content {
  readonly schema: object;
}
export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, Content | undefined>>;
  };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}
export interface Parameter {
  readonly name: string;
  readonly in: 'header' | 'path' | 'query';
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A route of the document. */
export interface Route {
  readonly method: string;
  readonly template: string;
  readonly pattern: RegExp;
  readonly operation: Operation;
}

/** What the document does not describe: the parts of its page. */
const UNDESCRIBED = /^\/docs\//;
/** What Sinch sends is answered with whatever fields it has. */
const OPEN = new Set(['Contact', 'SinchContact', 'ChannelIdentity', 'SinchCallback', 'SinchCallbackContact']);
const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** The OpenAPI document as a judge: of each answer, whether the document foresees it to the last field. */
export class Contract {
  readonly routes: readonly Route[];
  private readonly ajv = new Ajv({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  /** @param contacts `any`: the contacts themselves may be anything, since what Sinch sent of them is shown as it is */
  constructor(
    readonly document: OpenAPIObject,
    contacts: 'any' | 'documented' = 'documented',
  ) {
    addFormats(this.ajv, ['date-time', 'uri-reference', 'byte']);
    const schemas = Object.entries(document.components?.schemas ?? {}).map(
      ([name, schema]) =>
        [name, !OPEN.has(name) ? closed(schema) : contacts === 'documented' ? schema : {}] as const,
    );
    this.ajv.addSchema({ $id: 'openapi', components: { schemas: Object.fromEntries(schemas) } });
    this.routes = Object.entries(document.paths)
      .flatMap(([template, item]) =>
        METHODS.flatMap((method) => {
          const operation = item[method] as unknown as Operation | undefined; // as the tests of the document see to
          return operation === undefined
            ? []
            : [{ method: method.toUpperCase(), template, pattern: patternOf(template), operation }];
        }),
      )
      .sort((a, b) => literalsOf(b.template) - literalsOf(a.template));
  }

  /** The route that takes a request; null where none does. */
  routeOf(method: string, path: string): Route | null {
    const [pathname = ''] = path.split('?');
    const asked = method === 'HEAD' ? 'GET' : method;
    return this.routes.find((route) => route.method === asked && route.pattern.test(pathname)) ?? null;
  }

  /** What of an answer the document does not foresee; null: all is as it says. */
  faultOf(method: string, path: string, answer: Answered): string | null {
    if (UNDESCRIBED.test(path)) return null;
    const route = this.routeOf(method, readColons(method, path));
    const [type = ''] = String(answer.headers['content-type'] ?? '').split(';');
    // where nothing is, only a problem may say so
    const content =
      route === null
        ? answer.status >= 400 && { 'application/problem+json': PROBLEM }
        : contentOf(route.operation, answer.status);
    const name = `${method} ${route?.template ?? path} ${answer.status}`;
    if (content === false) return `${name} is not documented`;
    if (method === 'HEAD' || Object.keys(content).length === 0)
      return answer.text === '' ? null : `${name} has a body`;
    const { schema } = content[type] ?? {};
    if (schema === undefined) return `${name} is not documented as ${type === '' ? 'empty' : type}`;
    return this.faultOfBody(name, schema, /[/+]json$/.test(type) ? JSON.parse(answer.text) : answer.text);
  }

  /** What of a value a schema of the document does not take; null: it takes it. */
  faultOfBody(name: string, schema: object, value: unknown): string | null {
    const key = JSON.stringify(schema);
    const validate = this.validators.get(key) ?? this.ajv.compile(JSON.parse(rooted(key)) as object);
    this.validators.set(key, validate);
    if (validate(value)) return null;
    const errors = (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
    );
    return `${name} is not as documented: ${errors.slice(0, 5).join('; ')}`;
  }
}

const PROBLEM: Content = { schema: { $ref: '#/components/schemas/Problem' } };

/** False: the status is not documented. Empty: it has no body. */
function contentOf({ responses }: Operation, status: number): Readonly<Record<string, Content>> | false {
  const response = responses[String(status)];
  return response !== undefined && (response.content ?? {});
}

/** A JSON text whose references lead into the schemas that were added. */
function rooted(schema: string): string {
  return schema.replaceAll('"#/', '"openapi#/');
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^/]+')}$`);
}

/** How much of a path is fixed: of several routes that take it, the one with the most does. */
function literalsOf(template: string): number {
  return template.replaceAll(/\{\w+\}/g, '').length;
}

/** A schema whose objects have the fields that it names and no others. */
function closed<T>(schema: T): T {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return (schema as unknown[]).map((each) => closed(each)) as T;
  const members = Object.entries(schema).map(([key, member]) => [key, closed(member as unknown)] as const);
  const isOpen = !('properties' in schema) || 'additionalProperties' in schema;
  return { ...Object.fromEntries(members), ...(isOpen ? {} : { additionalProperties: false }) } as T;
}

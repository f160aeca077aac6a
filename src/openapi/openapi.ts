import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { secretKeyMinLength } from '../rest/answers-secret';
import { CALLBACK_SCHEMAS, withWebhooks } from './describe-callback';
import { documentationPaths } from './describe-documentation';
import { describePage } from './describe-page';
import { FIELDS, OPERATIONS, PATH_PARAMETERS, TAGS } from './describe-api';
import { type Handler, handlersOf } from '../rest/handlers';
import { PROBLEMS, Problem, type ProblemCode } from '../rest/problems/problem';

/** A problem that a route answers with; with a status where it is not the code's own. */
type DeclaredProblem = ProblemCode | readonly [ProblemCode, number];

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const DECLARED = Symbol('problems');
const WEBHOOKS = Symbol('webhooks');
const HTTP_METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/** Declares the problems of a route, beside those that follow from what it takes: its key, its query, its body, its pages. */
export function Problems(...problems: readonly DeclaredProblem[]): MethodDecorator {
  return (_target, _key, descriptor) => {
    Reflect.defineMetadata(DECLARED, problems, descriptor.value as object); // a method's function
  };
}

type DescribeWebhooks = () => NonNullable<OpenAPIObject['webhooks']>;

/** Declares what the service itself sends, beside the routes of a controller. */
export function Webhooks(describe: DescribeWebhooks): ClassDecorator {
  return (controller) => {
    Reflect.defineMetadata(WEBHOOKS, describe, controller);
  };
}

let built: { readonly handlers: readonly Handler[]; readonly document: OpenAPIObject } | null = null;

/**
 * The OpenAPI document of an application: every route of its controllers with its problems.
 *
 * It follows from the code alone, not from the configuration, so applications with the same handlers share one: tests start many.
 */
export function buildOpenApi(app: INestApplication): OpenAPIObject {
  const handlers = handlersOf(app.get(ModulesContainer));
  const isBuilt =
    built?.handlers.length === handlers.length &&
    built.handlers.every(({ method }, n) => method === handlers[n]?.method);
  if (built === null || !isBuilt) built = { handlers, document: documentOf(app, handlers) };
  return built.document;
}

function documentOf(app: INestApplication, handlers: readonly Handler[]): OpenAPIObject {
  const document = SwaggerModule.createDocument(app, describeService(), {
    operationIdFactory: operationIdOf,
    // a tag of its own for a controller would list its operations twice
    autoTagControllers: false,
  });
  const declared = new Map(
    handlers.map(({ controller, name, method }) => [
      operationIdOf(controller.name, name),
      (Reflect.getMetadata(DECLARED, method) ?? []) as readonly DeclaredProblem[], // by `Problems`
    ]),
  );
  Object.assign(document.paths, documentationPaths());
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of HTTP_METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      const problems = [
        ...impliedProblems(method, path, operation),
        ...(declared.get(operation.operationId ?? '') ?? []),
      ];
      if (isWrite(method, operation))
        operation.parameters = [...(operation.parameters ?? []), idempotencyKeyOf(operation)];
      describeOperation(operation);
      const notModified = method === 'get' ? NOT_MODIFIED : {};
      Object.assign(operation.responses, notModified, problemResponses(path, problems));
    }
  }
  const schemas = { ...document.components?.schemas, ...CALLBACK_SCHEMAS, Problem: PROBLEM_SCHEMA };
  const components = { ...document.components, schemas };
  const named = withoutSuffix({ ...document, components });
  describeFields(named.components?.schemas ?? {});
  const described = withoutNullable(withWebhooks(named));
  return { ...described, webhooks: { ...described.webhooks, ...webhooksOf(handlers) } };
}

/** What the controllers of handlers declare with `Webhooks`. */
function webhooksOf(handlers: readonly Handler[]): NonNullable<OpenAPIObject['webhooks']> {
  const controllers = [...new Set(handlers.map(({ controller }) => controller))];
  const describers = controllers.flatMap(
    (controller) => (Reflect.getMetadata(WEBHOOKS, controller) as DescribeWebhooks | undefined) ?? [], // by `Webhooks`
  );
  return Object.assign({}, ...describers.map((describe) => describe())) as ReturnType<DescribeWebhooks>;
}

/** The head of the document: title, description, groups of routes, and how callers authenticate. */
function describeService(): Omit<OpenAPIObject, 'paths'> {
  const builder = new DocumentBuilder();
  for (const [name, description] of TAGS) builder.addTag(name, description);
  return builder
    .setOpenAPIVersion('3.1.0')
    .setTitle('Sinch contact mirror')
    .setDescription(
      'Mirrors the contacts of Sinch Conversation API projects and keeps their audit trail. ' +
        'The read routes of the Sinch Contacts API have the same paths here; every failure is a problem (RFC 9457). ' +
        'The headers `RateLimit` and `RateLimit-Policy` show how many requests a key has left; a 429, and a temporary 503, has `Retry-After`, which says when to try again.',
    )
    .setVersion('1')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description:
        'An API key of this service, or an access token. At its start the service prints where its admin key is.',
    })
    .addBasicAuth({
      type: 'http',
      scheme: 'basic',
      description:
        'The id of an API key and the key itself. Only for the routes that Sinch’s own API has too.',
    })
    .build();
}

/** `ContactObject` becomes `Contact`: what tells classes of answers from others says nothing to a caller. */
function withoutSuffix(document: OpenAPIObject): OpenAPIObject {
  const shorten = (name: string): string => name.replace(/(?<=.)Object$/, '');
  const schemas = Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => [
    shorten(name),
    schema,
  ]);
  const renamed = { ...document.components, schemas: Object.fromEntries(schemas) as Schemas };
  return JSON.parse(
    JSON.stringify({ ...document, components: renamed }, (key, value: unknown) =>
      key === '$ref' && typeof value === 'string' ? shorten(value) : value,
    ),
  ) as OpenAPIObject; // plain JSON again
}

/**
 * Serves the document at `/openapi.json` and as a page at `/docs`.
 *
 * Both are built at once, before the service listens: built for the first who asks, they would hold up deliveries for 150 to 330 ms.
 */
export function serveOpenApi(app: INestApplication): void {
  const document = buildOpenApi(app);
  SwaggerModule.setup('docs', app, document, {
    ui: false,
    raw: ['json'],
    jsonDocumentUrl: 'openapi.json',
  });
  SwaggerModule.setup('docs', app, describePage(document, new Date()), {
    raw: false,
    customSiteTitle: 'Sinch contact mirror',
    // a bar with the logo of the page's maker
    customCss: '.swagger-ui .topbar { display: none }',
    swaggerOptions: { validatorUrl: null, filter: true, docExpansion: 'none', persistAuthorization: false },
  });
}

function operationIdOf(controller: string, method: string): string {
  return `${controller.replace(/Controller$/, '')}_${method}`;
}

function impliedProblems(method: string, path: string, operation: Operation): readonly DeclaredProblem[] {
  const isSecured = operation.security !== undefined;
  const takesPages = operation.parameters?.some(
    (parameter) => 'name' in parameter && parameter.name === 'page_token',
  );
  return [
    ...(path.startsWith('/v1/') ? (['invalid-request', 'unknown-parameter'] as const) : []),
    ...(takesPages === true ? (['page-token-mismatch'] as const) : []),
    ...(isSecured ? (['unauthenticated', 'forbidden', 'rate-limited'] as const) : []),
    ...(isSecured && method !== 'get' ? (['payload-too-large'] as const) : []),
    ...(isWrite(method, operation) ? IDEMPOTENCY_PROBLEMS : []),
    ...(isSecured && operation.requestBody !== undefined ? ([['invalid-request', 415]] as const) : []),
    ...(isSecured && path.includes('{') ? ([['invalid-request', 414]] as const) : []),
    ...(isSecured ? (['unavailable', 'internal'] as const) : []),
  ];
}

const IDEMPOTENCY_PROBLEMS = ['idempotency-conflict', 'idempotency-mismatch'] as const;
/** Marked by `ReadsByPost` and `AnswersSecret`. */
type Marked = Operation & { readonly 'x-reads'?: true; readonly 'x-answers-secret'?: true };

function isWrite(method: string, operation: Marked): boolean {
  return method !== 'get' && operation.security !== undefined && operation['x-reads'] !== true;
}

/** What every write takes. */
function idempotencyKeyOf(operation: Marked): NonNullable<Operation['parameters']>[number] {
  const minLength = operation['x-answers-secret'] === true ? secretKeyMinLength : 1;
  return { ...IDEMPOTENCY_KEY, schema: { ...IDEMPOTENCY_KEY.schema, minLength } };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes the request idempotent for 24 h: repeated byte for byte with the same API key, it is not processed again, and the stored answer is returned with `Idempotent-Replayed: true`. Answers with 5xx are not stored.',
  // without an example: a page that fills it in would send the same key with every write
  schema: { type: 'string', maxLength: 255, pattern: '^[!-~]+$' },
} as const;

/** Says what an operation, the parts of its path and its body are. */
function describeOperation(operation: Operation): void {
  Object.assign(operation, OPERATIONS[operation.operationId ?? '']);
  operation.parameters = (operation.parameters ?? []).map((parameter) => {
    if (!('name' in parameter)) return parameter;
    const text = parameter.in === 'path' ? PATH_PARAMETERS[parameter.name] : undefined;
    return withExampleInWords({ ...(text === undefined ? {} : { description: text }), ...parameter });
  });
  const body = operation.requestBody;
  if (body !== undefined && 'content' in body) body.description ??= 'The parameters of the request.';
}

type Parameter = Extract<NonNullable<Operation['parameters']>[number], { name: string }>;

/** `/docs` fills examples in, and a filter that is filled in finds nothing: an optional parameter has its example as text. */
function withExampleInWords(parameter: Parameter): Parameter {
  const { schema } = parameter;
  if (parameter.required === true || schema === undefined || !('example' in schema)) return parameter;
  const { example, ...bare } = schema as Record<string, unknown>;
  const description = `${parameter.description ?? ''} Example: \`${String(example)}\`.`.trim();
  return { ...parameter, description, schema: bare };
}

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

/** Says what the fields are whose classes do not. */
function describeFields(schemas: Schemas): void {
  for (const [name, schema] of Object.entries(schemas)) {
    if (!('properties' in schema)) continue;
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      const text = FIELDS[`${name}.${field}`] ?? FIELDS[field];
      if (!('description' in property) && text !== undefined)
        Object.assign(schema.properties ?? {}, { [field]: { ...property, description: text } });
    }
  }
}

/** What is tagged is answered without its body to those who have it. */
const NOT_MODIFIED = {
  '304': { description: 'The entity tag in `If-None-Match` is still current.' },
};

/** One response a status, with an example of each of its problems. */
function problemResponses(path: string, problems: readonly DeclaredProblem[]): Operation['responses'] {
  const byStatus = new Map<number, Set<ProblemCode>>();
  for (const problem of problems) {
    const [code, status] = typeof problem === 'string' ? [problem, PROBLEMS[problem].status] : problem;
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: [...codes].map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(
              [...codes].map((code) => [code, { value: exampleOf(code, status, path) }]),
            ),
          },
        },
      },
    ]),
  );
}

function exampleOf(code: ProblemCode, status: number, path: string): object {
  return new Problem(code, PROBLEMS[code].reason, { status }).toBody(
    path,
    '4bf92f3577b34da6a3ce929d0e0e4736',
  );
}

const PROBLEM_SCHEMA = {
  type: 'object',
  description: 'RFC 9457. `type` is served and explains itself.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'trace_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference', examples: ['/problems/not-found'] },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: {
      type: 'string',
      format: 'uri-reference',
      description: 'The requested path, with its query.',
    },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    trace_id: {
      type: 'string',
      pattern: '^[0-9a-f]{32}$',
      description:
        'Identifies the request. The log has it for every 500, and for most 503 only with LOG_LEVEL=debug.',
    },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'message'],
        properties: {
          pointer: {
            type: 'string',
            description: 'JSON pointer: `/body/…`, `/query/<name>`, `/path/<name>` or `/header/<name>`.',
          },
          code: { type: 'string' },
          message: { type: 'string' },
          contact_id: { type: 'string' },
        },
      },
    },
    contact_id: { type: 'string' },
    survivor_id: { type: 'string', description: 'The last contact of the chain of merges.' },
    chain: { type: 'array', items: { type: 'string' }, description: 'The first ids of the chain of merges.' },
    chain_length: { type: 'integer' },
    merges: {
      type: 'array',
      items: { type: 'object' },
      description: 'The merges that were done before the failure.',
    },
    error: {
      type: 'object',
      description: 'On the routes of Sinch’s own API: the same error in the format of Sinch’s API.',
      required: ['code', 'status', 'message', 'details'],
      properties: {
        code: { type: 'integer', description: 'The HTTP status.' },
        status: { type: 'string', description: 'A name of google.rpc.Code.', examples: ['NOT_FOUND'] },
        message: { type: 'string', description: 'As `detail`.' },
        details: { type: 'array', items: {}, description: 'Always empty.' },
      },
    },
  },
};

/** `nullable`, which Nest writes for OpenAPI 3.0, as OpenAPI 3.1 has it: a list of types or, of a reference, a choice. */
function withoutNullable<T>(node: T): T {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map(withoutNullable) as T;
  const { nullable, type, ...rest } = node as Record<string, unknown>;
  if (nullable === true && 'allOf' in rest) {
    const { description, ...schema } = rest;
    return { description, anyOf: [withoutNullable(schema), { type: 'null' }] } as T;
  }
  const known = nullable === true && type !== undefined ? [type, 'null'].flat() : type;
  const members = Object.entries(rest).map(([key, member]) => [
    key,
    // null is none of its values unless it says so
    nullable === true && key === 'enum' && Array.isArray(member)
      ? [...(member as unknown[]), null]
      : withoutNullable(member),
  ]);
  return {
    ...(known === undefined ? {} : { type: withoutNullable(known) }),
    ...Object.fromEntries(members),
  } as T;
}

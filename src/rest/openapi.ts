import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { CALLBACK_SCHEMAS, withWebhooks } from './describe-callback';
import { handlersOf } from './handlers';
import { PROBLEMS, Problem, type ProblemCode } from './problem';

/** A problem that a route answers with; with a status where it is not the code's own. */
type DeclaredProblem = ProblemCode | readonly [ProblemCode, number];

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const DECLARED = Symbol('problems');
const HTTP_METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/** Declares the problems of a route, beside those that follow from what it takes: its key, its query, its body, its pages. */
export function Problems(...problems: readonly DeclaredProblem[]): MethodDecorator {
  return (_target, _key, descriptor) => {
    Reflect.defineMetadata(DECLARED, problems, descriptor.value as object); // a method's function
  };
}

/** Builds the OpenAPI document of an application: every route of its controllers with its problems. */
export function buildOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Sinch contact mirror')
    .setDescription(
      'Mirrors the contacts of Sinch Conversation API projects and keeps their audit trail. ' +
        'The read side of the Sinch Contacts API is answered at the same paths; every failure is a problem (RFC 9457). ' +
        'Each answer to a key tells by `RateLimit` and `RateLimit-Policy` how many requests are left; a 429 and a 503 tell by `Retry-After` when to come back.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key of this service.' })
    .build();
  const document = SwaggerModule.createDocument(app, config, { operationIdFactory: operationIdOf });
  const declared = new Map(
    handlersOf(app.get(ModulesContainer)).map(({ controller, name, method }) => [
      operationIdOf(controller.name, name),
      (Reflect.getMetadata(DECLARED, method) ?? []) as readonly DeclaredProblem[], // by `Problems`
    ]),
  );
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of HTTP_METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      const problems = [
        ...impliedProblems(method, path, operation),
        ...(declared.get(operation.operationId ?? '') ?? []),
      ];
      if (method !== 'get' && operation.security !== undefined)
        operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_KEY];
      const notModified = method === 'get' ? NOT_MODIFIED : {};
      Object.assign(operation.responses, notModified, problemResponses(path, problems));
    }
  }
  const schemas = { ...document.components?.schemas, ...CALLBACK_SCHEMAS, Problem: PROBLEM_SCHEMA };
  const components = { ...document.components, schemas };
  return withoutNullable(withWebhooks({ ...document, components }));
}

/** Serves the document at `/openapi.json` and as a page at `/docs`; it is built when first asked for. */
export function serveOpenApi(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => buildOpenApi(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Sinch contact mirror',
    swaggerOptions: { validatorUrl: null, persistAuthorization: true },
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
    ...(isSecured && method !== 'get' ? (['payload-too-large', ...IDEMPOTENCY_PROBLEMS] as const) : []),
    ...(isSecured && operation.requestBody !== undefined ? ([['invalid-request', 415]] as const) : []),
    ...(isSecured && path.includes('{') ? ([['invalid-request', 414]] as const) : []),
    ...(isSecured ? (['unavailable', 'internal'] as const) : []),
  ];
}

const IDEMPOTENCY_PROBLEMS = ['idempotency-conflict', 'idempotency-mismatch'] as const;
/** What every write takes. */
const IDEMPOTENCY_KEY: NonNullable<Operation['parameters']>[number] = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Has the request carried out once: repeated byte for byte within 24 hours, by the same API key, it is answered as it was, with `Idempotent-Replayed: true`. An answer of 5xx is not kept.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
  example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
};

/** What is tagged is answered without its body to those who have it. */
const NOT_MODIFIED = {
  '304': { description: '`If-None-Match` has the entity tag of what would be answered.' },
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
  return new Problem(code, PROBLEMS[code].cause, { status }).toBody(path, '4bf92f3577b34da6a3ce929d0e0e4736');
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
      description: 'The path that was asked for, with its query.',
    },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    trace_id: { type: 'string', pattern: '^[0-9a-f]{32}$', description: 'Names the request in the log.' },
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
    survivor_id: { type: 'string', description: 'The end of the chain of merges.' },
    chain: { type: 'array', items: { type: 'string' }, description: 'The first ids of the chain of merges.' },
    chain_length: { type: 'integer' },
    merges: { type: 'array', items: { type: 'object' }, description: 'What was merged before it.' },
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

import type { OpenAPIObject } from '@nestjs/swagger';
import type { Parameter, Route } from '../test/support/http/contract';
import type { Dice } from './proof';

/** A request that was made up from the document. */
export interface GeneratedRequest {
  readonly method: string;
  /** With its query, as it goes out. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** What of the service's own is known, by the names that parameters and fields have. */
export type KnownValues = ReadonlyMap<string, readonly string[]>;

type Schema = Readonly<Record<string, unknown>>;

const TIMES = [
  '2024-06-15T14:00:00Z',
  '2020-01-01T00:00:00.123456789+02:00',
  '2026-11-01T00:00:00Z',
] as const;
/** What has to be ahead. */
const AHEAD = new Set(['until', 'expires_at']);
const aDayAhead = (): string => new Date(Date.now() + 86_400_000).toISOString();
/** Values that an attacker sends, or that come from a typing error. */
const HOSTILE = [
  '',
  ' ',
  '0',
  '-1',
  '1e9',
  '99999999999999999999',
  'null',
  'true',
  '[]',
  '\0',
  '\ud800',
  '\u202e',
  '../../x',
  '%00',
  '%',
  `' or 1=1 --`,
  '{"a":1}',
  '*',
  'a:b',
  'a/b',
  'a,b,,c',
  '__proto__',
  'constructor',
  '2024-02-30T00:00:00Z',
  '9999-12-31T23:59:59Z',
  'Europe/Nowhere',
  '\u{1f600}'.repeat(60),
  'x'.repeat(600),
  'x'.repeat(3_000),
] as const;
const HOSTILE_BODIES = [
  '',
  'null',
  '[]',
  '""',
  '{',
  '{"a":1}',
  '{"__proto__":{}}',
  '['.repeat(40),
  '{"ids":[]}',
  '{"ids":null}',
  '{"ids":["a","a","\\u0000"]}',
  `{"reason":"${'x'.repeat(1_000_000)}"}`,
  `{"reason":"${'x'.repeat(1_100_000)}"}`,
] as const;
const HOSTILE_HEADERS = [
  { authorization: '' },
  { authorization: 'Bearer x' },
  { authorization: 'Basic eDp5' },
  { 'content-type': 'text/plain' },
  { 'content-type': ';' },
  { 'content-encoding': 'gzip' },
  { 'if-none-match': '*' },
  { accept: 'image/png' },
  { traceparent: '00-0-0-0' },
  { 'idempotency-key': 'the same for all' },
  { 'idempotency-key': 'of-another-request' },
] as const;

/** Makes up requests for the routes of a document: such as they are meant, and such with something wrong. */
export class RequestGenerator {
  constructor(
    private readonly document: OpenAPIObject,
    private readonly dice: Dice,
    private readonly known: KnownValues,
  ) {}

  /** A request that its route takes, as far as the document tells; whether what it names is there, and fit, is another question. */
  good({ method, template, operation }: Route, headers: Readonly<Record<string, string>>): GeneratedRequest {
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(this.known1(name) ?? 'x'),
    );
    const query = new URLSearchParams();
    for (const parameter of operation.parameters ?? []) {
      const isWanted = parameter.in === 'query' && parameter.name !== 'page_token' && this.dice.roll(4) === 0;
      if (isWanted) query.set(parameter.name, this.valueOf(parameter));
    }
    const [type = '', content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const value = content === undefined ? null : this.sample('', content.schema as Schema);
    const isForm = type === 'application/x-www-form-urlencoded';
    return {
      method,
      path: `${path}${query.size > 0 ? `?${query.toString()}` : ''}`,
      headers: { ...headers, ...(content === undefined ? {} : { 'content-type': type }) },
      body:
        value === null
          ? null
          : isForm
            ? new URLSearchParams(value as Record<string, string>).toString()
            : JSON.stringify(value),
    };
  }

  /** A good request with one or two errors in it. */
  bad(route: Route, headers: Readonly<Record<string, string>>): GeneratedRequest {
    let request = this.good(route, headers);
    for (let times = 1 + this.dice.roll(2); times > 0; times--) request = this.spoil(route, request);
    return request;
  }

  private spoil(route: Route, request: GeneratedRequest): GeneratedRequest {
    const hostile = encodeURIComponent(this.dice.pick(HOSTILE).toWellFormed());
    switch (this.dice.roll(5)) {
      case 0:
        return { ...request, body: this.dice.pick(HOSTILE_BODIES) };
      case 1:
        return {
          ...request,
          headers: {
            ...request.headers,
            ...this.dice.pick<Readonly<Record<string, string>>>(HOSTILE_HEADERS),
          },
        };
      case 2: {
        const parts = request.path.split('/');
        const first = route.template.includes('{') ? Math.min(3, parts.length - 1) : 3;
        const at = first + this.dice.roll(Math.max(1, parts.length - first));
        return { ...request, path: parts.map((part, n) => (n === at ? hostile : part)).join('/') };
      }
      default: {
        const names = (route.operation.parameters ?? []).flatMap(({ in: place, name }) =>
          place === 'query' ? [name] : [],
        );
        const name = this.dice.pick(['unknown', ...names]);
        return {
          ...request,
          path: `${request.path}${request.path.includes('?') ? '&' : '?'}${name}=${hostile}`,
        };
      }
    }
  }

  private valueOf({ name, schema }: Parameter): string {
    // a feed would hold its answer for as long
    if (name === 'wait') return '0';
    return String(this.sample(name, { ...schema, default: undefined }));
  }

  /** One of the values that are known by a name. */
  private known1(name: string): string | null {
    const values = this.known.get(name) ?? [];
    return values[this.dice.roll(Math.max(1, values.length))] ?? null;
  }

  /** A value that a schema takes. @param name of the field or parameter */
  private sample(name: string, given: Schema): unknown {
    const schema = this.resolve(given);
    const types = [schema['type']].flat();
    if (Array.isArray(schema['enum'])) return schema['enum'][this.dice.roll(schema['enum'].length)];
    if (types.includes('object')) return this.sampleObject(schema);
    if (types.includes('array')) {
      const least = Number(schema['minItems'] ?? 0);
      const items = Array.from({ length: least + this.dice.roll(3) }, () =>
        this.sample(name, (schema['items'] ?? {}) as Schema),
      );
      return schema['uniqueItems'] === true ? [...new Set(items)] : items;
    }
    if (types.includes('boolean')) return this.dice.roll(2) === 0;
    if (types.includes('integer') || types.includes('number')) {
      const [min, max] = [Number(schema['minimum'] ?? 1), Number(schema['maximum'] ?? 100)];
      return min + this.dice.roll(max - min + 1);
    }
    if (schema['format'] === 'date-time') return AHEAD.has(name) ? aDayAhead() : this.dice.pick(TIMES);
    return (
      this.known1(name) ?? schema['example'] ?? `some ${name}`.slice(0, Number(schema['maxLength'] ?? 20))
    );
  }

  private sampleObject(schema: Schema): object {
    const required = new Set((schema['required'] ?? []) as readonly string[]);
    const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Schema>>);
    return Object.fromEntries(
      properties.flatMap(([key, property]) =>
        required.has(key) || this.dice.roll(3) === 0 ? [[key, this.sample(key, property)]] : [],
      ),
    );
  }

  private resolve(schema: Schema): Schema {
    const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(String(schema['$ref'])) ?? [];
    if (name === undefined) return schema;
    return (this.document.components?.schemas?.[name] ?? {}) as Schema;
  }
}

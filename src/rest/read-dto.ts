import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { Problem, type FaultyValue } from './problems/problem';
import { pointTo } from '../json/pointer.rule';
import { rawNamesOf } from './raw-json';

/** Most faults that one answer names. */
const faultsMax = 50;

/**
 * Reads the query of a request into its DTO.
 *
 * Only what the DTO declares may stand in the query, once, and without U+0000, which Postgres cannot hold.
 * @throws Problem `unknown-parameter`, else `invalid-request`, that points to `/query/<name>`
 */
export function readQuery<T extends object>(dto: Type<T>, query: Readonly<Record<string, unknown>>): T {
  const names = declaredNames(dto);
  const unknown = Object.keys(query).filter((name) => !names.has(name));
  if (unknown.length > 0) throw unknownParameters(unknown);
  const faults = Object.entries(query).flatMap(([name, value]) => {
    if (typeof value !== 'string') return [queryFault(name, 'repeated', 'is given more than once')];
    return value.includes('\0') ? [queryFault(name, 'has-nul', 'holds the character U+0000')] : [];
  });
  if (faults.length > 0) throw invalidRequest(faults);
  return validated(plainToInstance(dto, query), '/query');
}

/** The problem of a query with parameters that its route does not know. */
export function unknownParameters(names: readonly string[]): Problem {
  const errors = names
    .slice(0, faultsMax)
    .map((name) => queryFault(name, 'unknown', 'is not a parameter of this route'));
  return new Problem('unknown-parameter', summaryOf(errors), { errors });
}

/**
 * Reads a parsed JSON body into its DTO; only what the DTO declares may stand in it.
 *
 * @throws Problem `invalid-request` that points to `/body/…`
 */
export function readBody<T extends object>(dto: Type<T>, body: unknown): T {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidRequest([{ pointer: '/body', code: 'not-an-object', message: 'is not a JSON object' }]);
  }
  const names = declaredNames(dto);
  const unknown = Object.keys(body).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw invalidRequest(
      unknown.map((name) => ({
        pointer: pointTo('/body', name),
        code: 'unknown',
        message: 'is not a field of this body',
      })),
    );
  }
  const raw = rawNamesOf(dto);
  const [untouched, others] = [true, false].map((isRaw) =>
    Object.fromEntries(Object.entries(body).filter(([name]) => raw.has(name) === isRaw)),
  );
  return validated(Object.assign(plainToInstance(dto, others), untouched), '/body');
}

/** @throws never; the problem of values that are not as the route takes them */
export function invalidRequest(faults: readonly FaultyValue[]): Problem {
  const errors = faults.slice(0, faultsMax);
  return new Problem('invalid-request', summaryOf(errors), { errors });
}

/**
 * The properties that a DTO declares: those with a decorator of class-validator, inherited ones too.
 *
 * Asked before class-transformer sees the input, which passes over keys such as `__proto__` in silence.
 */
function declaredNames(dto: Type): ReadonlySet<string> {
  const declared = getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false);
  return new Set(declared.map(({ propertyName }) => propertyName));
}

function validated<T extends object>(instance: T, root: string): T {
  const failures = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
  });
  if (failures.length > 0) throw invalidRequest(failures.flatMap((failure) => faultsOf(failure, root)));
  return instance;
}

function faultsOf(
  { property, constraints = {}, children = [] }: ValidationError,
  parent: string,
): FaultyValue[] {
  const pointer = pointTo(parent, property);
  const own = Object.entries(constraints).map(([name, message]) => ({
    pointer,
    code: name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    message: message.startsWith(`${property} `) ? message.slice(property.length + 1) : message,
  }));
  return [...own, ...children.flatMap((child) => faultsOf(child, pointer))];
}

function queryFault(name: string, code: string, message: string): FaultyValue {
  return { pointer: pointTo('/query', name), code, message };
}

/** The first fault as a sentence, and how many more there are. */
export function summaryOf(faults: readonly FaultyValue[]): string {
  const [first, ...more] = faults;
  if (first === undefined) return 'The request is not valid.';
  return `${first.pointer} ${first.message}${more.length === 0 ? '' : `, and ${more.length} more`}.`;
}

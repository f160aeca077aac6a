import { applyDecorators, type Type } from '@nestjs/common';
import { Allow } from 'class-validator';

const RAW = Symbol('raw members');

/**
 * The member is given to the handler as it was parsed, for a rule to read. class-transformer does not see it, which would stumble
 * over members such as `constructor`.
 */
export function RawJson(): PropertyDecorator {
  return applyDecorators(Allow(), (target: object, key: string | symbol) => {
    Reflect.defineMetadata(RAW, [...rawMembersOf(target), String(key)], target);
  });
}

/** The raw members of a DTO. */
export function rawNamesOf(dto: Type): ReadonlySet<string> {
  return new Set(rawMembersOf(dto.prototype as object));
}

function rawMembersOf(prototype: object): readonly string[] {
  return (Reflect.getMetadata(RAW, prototype) ?? []) as readonly string[]; // by the decorator
}

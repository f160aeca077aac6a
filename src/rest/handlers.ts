import type { Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';

/** A method of a controller that answers a route. */
export interface Handler {
  readonly controller: Type;
  readonly name: string;
  /** The function that carries the decorators' metadata. */
  readonly method: object;
}

/** All handlers of an application. */
export function handlersOf(modules: ModulesContainer): readonly Handler[] {
  const controllers = [...modules.values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => {
    if (typeof metatype !== 'function') return [];
    const prototype = metatype.prototype as Record<string, object>; // of a class
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
      const method = prototype[name];
      if (method === undefined || !Reflect.hasMetadata(METHOD_METADATA, method)) return [];
      return [{ controller: metatype as Type, name, method }];
    });
  });
}

import { Controller, Get, HttpCode, Module, Param, Post, Query, RequestMethod } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import { ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { handlersOf } from '../../src/rest/handlers';

/**
 * What Nest keeps of its decorators, which it does not document. Each test names the internal and who relies on it: where an
 * upgrade changes it, the test fails, and not the service.
 */
@Controller('things')
class Things {
  @Get(':id')
  get(@Param('id') id: string, @Query() query: object): unknown {
    return { id, query };
  }

  @Post()
  @HttpCode(204)
  make(): void {
    // answers nothing
  }

  helper(): void {
    // no handler
  }
}

@Module({ controllers: [Things] })
class ThingsModule {}

it('`METHOD_METADATA` and `ModulesContainer` show every handler and nothing else (rest/handlers.ts, configure-rest.ts)', async () => {
  const application = await Test.createTestingModule({ imports: [ThingsModule] }).compile();
  const handlers = handlersOf(application.get(ModulesContainer));
  const shown = handlers.map(({ controller, name, method }) => [
    controller,
    name,
    Reflect.getMetadata(METHOD_METADATA, method) as unknown,
  ]);
  expect(shown).toEqual([
    [Things, 'get', RequestMethod.GET],
    [Things, 'make', RequestMethod.POST],
  ]);
  expect(handlers.map(({ method }) => method)).toEqual([Things.prototype.get, Things.prototype.make]);
});

it('`HTTP_CODE_METADATA` is where `@HttpCode` keeps its status (configure-rest.ts)', () => {
  expect(Reflect.getMetadata(HTTP_CODE_METADATA, Things.prototype.make)).toBe(204);
  expect(Reflect.hasMetadata(HTTP_CODE_METADATA, Things.prototype.get)).toBe(false);
});

it('`ROUTE_ARGS_METADATA` keeps arguments by `<RouteParamtypes>:<index>` (unknown-query.guard.ts)', () => {
  const argumentsOf = (name: string): string[] =>
    Object.keys((Reflect.getMetadata(ROUTE_ARGS_METADATA, Things, name) ?? {}) as object).sort();
  expect(argumentsOf('get')).toEqual([`${RouteParamtypes.QUERY}:1`, `${RouteParamtypes.PARAM}:0`].sort());
  expect(argumentsOf('make')).toEqual([]);
});

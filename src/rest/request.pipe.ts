import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';
import { idBytesMax, isId } from '../json/id.rule';
import type { FaultyValue } from './problems/problem';
import { invalidRequest, readQuery } from './read-dto';
import { pointTo } from '../json/pointer.rule';

/**
 * Reads what handlers ask for with Nest's own decorators: `@Query() query: SomeDto` and `@Param('contact_id') id: string`.
 *
 * Every part of a path is a free string of 1 to 512 bytes without U+0000. Bodies are read by `@JsonBody`.
 * @throws Problem `invalid-request` or `unknown-parameter`
 */
export class RequestPipe implements PipeTransform {
  transform(value: unknown, { type, metatype, data }: ArgumentMetadata): unknown {
    switch (type) {
      case 'query':
        if (metatype === undefined || data !== undefined)
          throw new Error('Take the query whole: @Query() query: SomeDto.');
        // Nest gives the parameter's class, and Fastify's parser an object of strings and lists of strings
        return readQuery(metatype as Type<object>, value as Readonly<Record<string, unknown>>);
      case 'param':
        if (data === undefined) throw new Error('Take each part of the path by its name: @Param(name).');
        return readId(value, data);
      case 'body':
        throw new Error('Take a body with @JsonBody(SomeDto).');
      case 'custom':
        return value;
    }
  }
}

function readId(value: unknown, name: string): string {
  if (isId(value)) return value;
  const fault: FaultyValue = {
    pointer: pointTo('/path', name),
    code: 'not-an-id',
    message: `must have 1 to ${idBytesMax} bytes of UTF-8, without U+0000`,
  };
  throw invalidRequest([fault]);
}

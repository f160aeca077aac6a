import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsNotEmpty, IsOptional, IsString, MinLength, ValidateBy } from 'class-validator';
import { pageSizeDefault, pageSizeMax, readPageSize } from './page-size';
import { readTime } from './read-time';

/**
 * Decorators for the fields of query DTOs: each reads one parameter, checks it, and describes it in the OpenAPI document.
 *
 * All parameters are optional; a default is the field's initial value, which `default` repeats for the document.
 */
type Documented = Pick<ApiPropertyOptions, 'default' | 'example'>;

/** Any text but an empty one; the field is a `string`. */
export function TextParameter(description: string, documented: Documented = {}): PropertyDecorator {
  return applyDecorators(
    IsOptional(),
    IsString(),
    IsNotEmpty({ message: 'must not be empty' }),
    ApiPropertyOptional({ ...documented, type: String, description }),
  );
}

/** One of the values; the field is their union. */
export function OneOfParameter(
  values: readonly string[],
  description: string,
  documented: Documented = {},
): PropertyDecorator {
  return applyDecorators(
    IsOptional(),
    IsIn(values, { message: `must be one of ${values.join(', ')}` }),
    ApiPropertyOptional({
      ...documented,
      type: String,
      enum: [...values],
      description,
    }),
  );
}

/** Several values, separated by commas; the field is a list of them. Null: values of any kind, none empty. */
export function ListParameter(
  values: readonly string[] | null,
  description: string,
  documented: Documented = {},
): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',') : value)),
    IsOptional(),
    values === null
      ? MinLength(1, { each: true, message: 'must not have empty parts' })
      : IsIn(values, { each: true, message: `must be some of ${values.join(', ')}` }),
    ApiPropertyOptional({
      ...documented,
      type: String,
      ...(values === null ? {} : { example: values.slice(0, 2).join(',') }),
      description,
    }),
  );
}

/** `true` or `false`; the field is a `boolean`. */
export function FlagParameter(description: string, documented: Documented = {}): PropertyDecorator {
  const flags: Readonly<Record<string, boolean>> = { true: true, false: false };
  return applyDecorators(
    read('flag', 'boolean', 'must be true or false', (text) =>
      Object.hasOwn(flags, text) ? flags[text] : undefined,
    ),
    ApiPropertyOptional({ ...documented, type: Boolean, description }),
  );
}

/** A whole number within limits, both included; the field is a `number`. */
export function IntegerParameter(
  { min, max }: { readonly min: number; readonly max: number },
  description: string,
  documented: Documented = {},
): PropertyDecorator {
  return applyDecorators(
    read('integer', 'number', `must be a whole number from ${min} to ${max}`, (text) => {
      const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    }),
    ApiPropertyOptional({
      ...documented,
      type: 'integer',
      minimum: min,
      maximum: max,
      description,
    }),
  );
}

/** An RFC 3339 time; the field is a `bigint`, nanoseconds since the epoch. */
export function TimeParameter(description: string, documented: Documented = {}): PropertyDecorator {
  return applyDecorators(
    read(
      'time',
      'bigint',
      'must be an RFC 3339 time such as 2024-06-15T14:00:00Z',
      (text) => readTime(text) ?? undefined,
    ),
    ApiPropertyOptional({
      ...documented,
      type: String,
      format: 'date-time',
      description,
    }),
  );
}

/** The parameters of every list; those of one list extend them. */
export class PageQuery {
  @read('page-size', 'number', 'must be a whole number above 0', (text) => readPageSize(text) ?? undefined)
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    default: pageSizeDefault,
    description: `Rows on a page; more than ${pageSizeMax} count as ${pageSizeMax}.`,
  })
  page_size: number = pageSizeDefault;

  @TextParameter(
    'The `next_page_token` of the page before, with the same filters. Empty or absent: the first page.',
  )
  @Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value))
  page_token?: string;
}

/** Replaces a parameter's text by its value; what `parse` does not know keeps its text, and is then refused. */
function read(
  name: string,
  type: 'bigint' | 'boolean' | 'number',
  message: string,
  parse: (text: string) => bigint | boolean | number | undefined,
): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? (parse(value) ?? value) : value,
    ),
    IsOptional(),
    ValidateBy({
      name,
      validator: { validate: (value) => typeof value === type, defaultMessage: () => message },
    }),
  );
}

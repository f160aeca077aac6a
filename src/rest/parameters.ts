import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsNotEmpty, IsOptional, IsString, ValidateBy } from 'class-validator';
import { EXPORT_FORMATS, type ExportFormat } from './exports/export-format';
import { pageSizeDefault, pageSizeMax, readPageSize } from './page-size.rule';
import { readDate, readTime } from '../json/read-time.rule';

/**
 * Decorators for the fields of query DTOs: each reads one parameter, checks it, and describes it in the OpenAPI document.
 *
 * All parameters are optional; a default is the field's initial value, which `default` repeats for the document.
 */
type Documented = Pick<ApiPropertyOptions, 'default' | 'example'>;

/**
 * Words are read in any case: a filter that differs in nothing else would match no row, and look like an empty list.
 *
 * @returns the word as it is known; a text that is no known word stays as it is
 */
function knownWord(words: readonly string[], text: string): string {
  return words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? text;
}

/** Reads a word of a query or a body in any case; beside a check that it is known. */
export function AnyCase(words: readonly string[]): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? knownWord(words, value) : value,
  );
}

/** Any text but an empty one; the field is a `string`. */
export function TextParameter(description: string, documented: Documented = {}): PropertyDecorator {
  return applyDecorators(
    IsOptional(),
    IsString(),
    IsNotEmpty({ message: 'must not be empty' }),
    ApiPropertyOptional({ ...documented, type: String, description }),
  );
}

/** One of the values, in any case; the field is their union. */
export function OneOfParameter(
  values: readonly string[],
  description: string,
  documented: Documented = {},
): PropertyDecorator {
  return applyDecorators(
    AnyCase(values),
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

/** Some of the values, in any case, separated by commas; the field is a list of them. */
export function ListParameter(values: readonly string[], description: string): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.split(',').map((part) => knownWord(values, part)) : value,
    ),
    IsOptional(),
    IsIn(values, { each: true, message: `must be some of ${values.join(', ')}` }),
    ApiPropertyOptional({ type: String, example: values.slice(0, 2).join(','), description }),
  );
}

/** `true` or `false`, in any case; the field is a `boolean`. */
export function FlagParameter(description: string, documented: Documented = {}): PropertyDecorator {
  const flags: Readonly<Record<string, boolean>> = { true: true, false: false };
  return applyDecorators(
    read('flag', 'boolean', 'must be true or false', (text) =>
      Object.hasOwn(flags, text.toLowerCase()) ? flags[text.toLowerCase()] : undefined,
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
      (text) => readTime(withPlus(text)) ?? undefined,
    ),
    ApiPropertyOptional({
      ...documented,
      type: String,
      format: 'date-time',
      description,
    }),
  );
}

/** A plus that a caller has not encoded arrives as a blank; the only place for one is before an offset. */
function withPlus(time: string): string {
  return time.replace(/ (?=\d{2}:\d{2}$)/, '+');
}

/**
 * An RFC 3339 time, or a date, whose midnight depends on a time zone that the caller names elsewhere. The field is a `bigint`,
 * nanoseconds since the epoch, or for a date a `number`, milliseconds as `readDate` has them.
 */
export function TimeOrDateParameter(description: string): PropertyDecorator {
  return applyDecorators(
    read(
      'time',
      ['bigint', 'number'],
      'must be an RFC 3339 time such as 2024-06-15T14:00:00Z, or a date such as 2024-06-15',
      (text) => readTime(withPlus(text)) ?? readDate(text) ?? undefined,
    ),
    ApiPropertyOptional({
      type: String,
      anyOf: [{ format: 'date-time' }, { format: 'date' }],
      description,
    }),
  );
}

/** The parameters of every list; those of one list extend them. */
export class PageQuery {
  @read('page-size', 'number', 'must be a whole number, 0 or more', (text) => readPageSize(text) ?? undefined)
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    default: pageSizeDefault,
    description: `Rows on a page. Empty or 0: ${pageSizeDefault}; more than ${pageSizeMax} count as ${pageSizeMax}.`,
  })
  page_size: number = pageSizeDefault;

  @TextParameter(
    'The `next_page_token` of the page before, with the same filters. Empty or absent: the first page.',
  )
  @Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value))
  page_token?: string;
}

type ValueType = 'bigint' | 'boolean' | 'number';

/** Replaces a parameter's text by its value; what `parse` does not know keeps its text, and is then refused. */
function read(
  name: string,
  type: ValueType | readonly ValueType[],
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
      validator: {
        validate: (value) => [type].flat().some((each) => typeof value === each),
        defaultMessage: () => message,
      },
    }),
  );
}

/** The parameters of every export. */
export class ExportQuery {
  @OneOfParameter(EXPORT_FORMATS, 'The format of the rows.', { default: 'ndjson' })
  format: ExportFormat = 'ndjson';

  @FlagParameter(
    'Whether the first and the last line are markers: where the feed continues, and that nothing is missing. Without them every line is a row, and an export that was cut off shows only by the broken connection.',
    { default: true },
  )
  markers: boolean = true;

  @FlagParameter('Whether CSV begins with a byte order mark, by which spreadsheets recognise UTF-8.', {
    default: false,
  })
  bom: boolean = false;
}

import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { AnyCase, PageQuery } from '../rest/parameters';
import { RawJson } from '../rest/raw-json';
import { PURPOSES, type Purpose } from './purpose.rule';
import { ownHeaderBytesMax, ownHeadersMax } from './read-destination.rule';
import { overlapDefaultSeconds, overlapMaxSeconds, signingKeysMax } from './signing-keys.rule';
import {
  ATTEMPT_LOGS,
  type AttemptLog,
  BODY_MODES,
  type BodyMode,
  concurrencyMax,
  type KeptSigningKey,
  ratePerSecondMax,
  SCHEMA_VERSIONS,
  type SchemaVersion,
  SUBSCRIPTION_DEFAULTS,
  SUBSCRIPTION_STATES,
  type SubscriptionState,
} from './subscription.rule';

const nameLengthMax = 200;
/** What a caller may put a subscription into; `disabled` and `deleted` come about otherwise. */
const GIVEN_STATES = ['active', 'paused'] as const;
type GivenState = (typeof GIVEN_STATES)[number];
const SIGNINGS = ['hmac', 'ed25519'] as const;
type Signing = KeptSigningKey['kind'];
const RESUMED_FROM = ['cursor', 'latest', 'snapshot'] as const;
export type ResumedFrom = (typeof RESUMED_FROM)[number];

function NameOfSubscription(): PropertyDecorator {
  return applyDecorators(
    IsString(),
    MaxLength(nameLengthMax),
    // no control characters, no lone surrogates, nothing at the ends that cannot be seen
    Matches(/^(?![\s\u200b])[^\p{Cc}\p{Cs}\u2028\u2029]+(?<![\s\u200b])$/u, {
      message: 'must be a text without control characters, and without blanks at its ends',
    }),
  );
}

const NAME = {
  minLength: 1,
  maxLength: nameLengthMax,
  example: 'Orders CRM',
  description: 'A name for people. No other subscription of the project has it.',
} as const;
const PURPOSE = {
  enum: PURPOSES,
  description:
    '`trigger`: something shall happen, such as a mail; by default it is sent events of Sinch’s webhook and of this API that are not older than a day. `replica`: something shall be equal, such as a CRM; by default it is sent everything.',
} as const;
const FILTER: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: true,
  description:
    'Which events are sent: `types`, `sources`, `where`, `channels`, `max_age_seconds`, `delay_seconds`, `once_per`. By default all events of contacts.',
  example: { types: ['contact.created', 'contact.updated'] },
};
const CONCURRENCY = {
  type: 'integer',
  minimum: 1,
  maximum: concurrencyMax,
  description: 'How many requests may be under way at once. Of one contact there is never more than one.',
} as const;
const RATE: ApiPropertyOptions = {
  type: 'integer',
  minimum: 1,
  maximum: ratePerSecondMax,
  nullable: true,
  example: 50,
  description: 'How many requests may begin in a second; null: no limit.',
};
const MODE = {
  enum: BODY_MODES,
  description:
    '`full`: with the data of contacts. `thin`: ids alone. `cloudevents`: as `full`, as a CloudEvent.',
} as const;
const LOG = { enum: ATTEMPT_LOGS, description: 'Which attempts are logged, for seven days.' } as const;

const SIGNING = {
  enum: SIGNINGS,
  description:
    'How bodies are signed (Standard Webhooks): `hmac` with a secret that the receiver has too, `ed25519` with a private key that nobody gets; the receiver verifies with `public_key`.',
} as const;

/** For the document alone: `readDestination` reads it. */
class DestinationBody {
  @ApiProperty({ enum: ['webhook'] }) readonly kind: string;
  @ApiProperty({
    example: 'https://crm.example.com/hooks/sinch',
    description: 'Shown to everybody who may read the subscription: put secrets into headers.',
  })
  readonly url: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    nullable: true,
    description: `Headers of its own, such as \`Authorization\`: at most ${ownHeadersMax}, of ${ownHeaderBytesMax} bytes each. They are stored encrypted and never shown. In a change: absent keeps them, \`{}\` removes them.`,
  })
  readonly headers?: Readonly<Record<string, string>> | null;
}

export class SubscriptionBody {
  @NameOfSubscription() @ApiProperty(NAME) readonly name: string;

  @AnyCase(PURPOSES) @IsIn(PURPOSES) @ApiProperty(PURPOSE) readonly purpose: Purpose;

  @RawJson() @ApiPropertyOptional(FILTER) readonly filter?: unknown;

  @RawJson() @ApiProperty({ type: DestinationBody }) readonly destination: unknown;

  @IsOptional()
  @IsIn(SCHEMA_VERSIONS)
  @ApiPropertyOptional({
    enum: SCHEMA_VERSIONS,
    description: 'The version of the bodies. Absent: the newest.',
  })
  readonly schema_version?: SchemaVersion;

  @IsOptional()
  @AnyCase(BODY_MODES)
  @IsIn(BODY_MODES)
  @ApiPropertyOptional({ ...MODE, default: SUBSCRIPTION_DEFAULTS.mode })
  readonly mode?: BodyMode;

  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(1)
  @Max(concurrencyMax)
  @ApiPropertyOptional({ ...CONCURRENCY, default: SUBSCRIPTION_DEFAULTS.concurrency })
  readonly concurrency?: number;

  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(1)
  @Max(ratePerSecondMax)
  @ApiPropertyOptional({ ...RATE, default: SUBSCRIPTION_DEFAULTS.ratePerSecond })
  readonly rate_per_second?: number | null;

  @IsOptional()
  @AnyCase(ATTEMPT_LOGS)
  @IsIn(ATTEMPT_LOGS)
  @ApiPropertyOptional({ ...LOG, default: SUBSCRIPTION_DEFAULTS.log })
  readonly log?: AttemptLog;

  @RawJson()
  @ApiPropertyOptional({
    description:
      'Where it begins. `"latest"`: with what is committed from now on. `{"snapshot": true}`: as well, and every active contact is sent as `contact.snapshot`. Of a replica also `"beginning"`, and after an event, `{"sequence": "1.90211.770"}`.',
    oneOf: [
      { type: 'string', enum: ['latest', 'beginning'] },
      { type: 'object', properties: { sequence: { type: 'string' } }, required: ['sequence'] },
      { type: 'object', properties: { snapshot: { type: 'boolean' } }, required: ['snapshot'] },
    ],
    default: 'latest',
  })
  readonly start?: unknown;

  @IsOptional()
  @AnyCase(GIVEN_STATES)
  @IsIn(GIVEN_STATES)
  @ApiPropertyOptional({ enum: GIVEN_STATES, default: 'active' })
  readonly state?: GivenState;

  @IsOptional()
  @AnyCase(SIGNINGS)
  @IsIn(SIGNINGS)
  @ApiPropertyOptional({ ...SIGNING, default: 'hmac' })
  readonly signing?: Signing;
}

export class SubscriptionPatchBody {
  @IsOptional() @NameOfSubscription() @ApiPropertyOptional(NAME) readonly name?: string;

  @IsOptional() @AnyCase(PURPOSES) @IsIn(PURPOSES) @ApiPropertyOptional(PURPOSE) readonly purpose?: Purpose;

  @RawJson() @ApiPropertyOptional(FILTER) readonly filter?: unknown;

  @RawJson()
  @ApiPropertyOptional({
    type: DestinationBody,
    description:
      'The whole destination. Where its scheme, host or port changes, `headers` must come with it.',
  })
  readonly destination?: unknown;

  @IsOptional()
  @IsIn(SCHEMA_VERSIONS)
  @ApiPropertyOptional({ enum: SCHEMA_VERSIONS, description: 'The version of the bodies.' })
  readonly schema_version?: SchemaVersion;

  @IsOptional()
  @AnyCase(BODY_MODES)
  @IsIn(BODY_MODES)
  @ApiPropertyOptional(MODE)
  readonly mode?: BodyMode;

  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(1)
  @Max(concurrencyMax)
  @ApiPropertyOptional(CONCURRENCY)
  readonly concurrency?: number;

  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(1)
  @Max(ratePerSecondMax)
  @ApiPropertyOptional(RATE)
  readonly rate_per_second?: number | null;

  @IsOptional()
  @AnyCase(ATTEMPT_LOGS)
  @IsIn(ATTEMPT_LOGS)
  @ApiPropertyOptional(LOG)
  readonly log?: AttemptLog;

  @IsOptional()
  @AnyCase(GIVEN_STATES)
  @IsIn(GIVEN_STATES)
  @ApiPropertyOptional({
    enum: GIVEN_STATES,
    description: 'As `:pause`, or as `:resume` from where it stands.',
  })
  readonly state?: GivenState;
}

export class ResumeBody {
  @IsOptional()
  @AnyCase(RESUMED_FROM)
  @IsIn(RESUMED_FROM)
  @ApiPropertyOptional({
    enum: RESUMED_FROM,
    default: 'cursor',
    description:
      '`cursor`: where it stands, so nothing is left out. `latest`: with what is committed from now on; needs `confirm` where events are skipped. `snapshot`: as `latest`, and every active contact is sent as `contact.snapshot`. What waits to be retried is sent in any case.',
  })
  readonly from?: ResumedFrom;

  @IsOptional()
  @IsBoolean()
  @ApiPropertyOptional({
    default: false,
    description: 'Whether events may be skipped. Without it, the answer says how many.',
  })
  readonly confirm?: boolean;
}

export class SecretRotationBody {
  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(0)
  @Max(overlapMaxSeconds)
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: overlapMaxSeconds,
    default: overlapDefaultSeconds,
    description: `For how many seconds older keys sign as well. At most ${signingKeysMax} keys sign at once. 0: the older ones end at once.`,
  })
  readonly overlap_seconds?: number;

  @IsOptional()
  @AnyCase(SIGNINGS)
  @IsIn(SIGNINGS)
  @ApiPropertyOptional({
    ...SIGNING,
    description: 'The kind of the new key. Absent: that of the current one.',
  })
  readonly signing?: Signing;
}

export class SecretRevocationBody {
  @IsString()
  @ApiProperty({
    description: 'The id of a key in `signing_keys`, but not of the first one.',
    example: '5f1d7a84b0c2',
  })
  readonly which: string;
}

export class SubscriptionsQuery extends PageQuery {}

export class SubscriptionEventsQuery extends PageQuery {}

class WebhookDestinationObject {
  @ApiProperty({ enum: ['webhook'] }) readonly kind: 'webhook';
  @ApiProperty({ example: 'https://crm.example.com/hooks/sinch' }) readonly url: string;
  @ApiProperty({ type: [String], description: 'The names of its own headers. Their values are never shown.' })
  readonly header_names: readonly string[];
}

class SigningKeyObject {
  @ApiProperty({ example: '5f1d7a84b0c2' }) readonly id: string;
  @ApiProperty({ enum: SIGNINGS }) readonly kind: Signing;
  @ApiProperty({ type: String, nullable: true, description: 'Of `ed25519`: `whpk_…`.' })
  readonly public_key: string | null;
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it stops signing; null: it is the current one.',
  })
  readonly ends_at: string | null;
}

export class SubscriptionObject {
  @ApiProperty({ example: '0c7e6f1e-1f0a-4e6b-9d40-3a1f8b1d2c11' }) readonly id: string;
  @ApiProperty(NAME) readonly name: string;
  @ApiProperty(PURPOSE) readonly purpose: string;
  @ApiProperty({ ...FILTER, description: 'As it was given.' }) readonly filter: unknown;
  @ApiProperty() readonly destination: WebhookDestinationObject;
  @ApiProperty({ example: SCHEMA_VERSIONS[0] }) readonly schema_version: string;
  @ApiProperty(MODE) readonly mode: string;
  @ApiProperty(CONCURRENCY) readonly concurrency: number;
  @ApiProperty(RATE) readonly rate_per_second: number | null;
  @ApiProperty(LOG) readonly log: string;
  @ApiProperty({
    enum: SUBSCRIPTION_STATES.filter((state) => state !== 'deleted'),
    description:
      '`disabled`: the service stopped it, because its destination refused it or was unavailable for five days.',
  })
  readonly state: SubscriptionState;
  @ApiProperty({ type: String, nullable: true, description: 'Why it is in this state; null: nobody said.' })
  readonly state_reason: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Of the current key, where that is `ed25519`.' })
  readonly public_key: string | null;
  @ApiProperty({ type: [SigningKeyObject], description: 'The keys that sign, the current one first.' })
  readonly signing_keys: readonly SigningKeyObject[];
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({ format: 'date-time' }) readonly updated_at: string;
}

export class ShownSubscriptionObject extends SubscriptionObject {
  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'The secret with which the receiver verifies signatures, `whsec_…`. It is shown only in this answer. Null with `ed25519`: verify with `public_key`.',
  })
  readonly signing_secret: string | null;
}

export class SubscriptionsPage {
  @ApiProperty({ type: [SubscriptionObject], description: 'By name.' })
  readonly subscriptions: readonly SubscriptionObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}

export class SubscriptionEventObject {
  @ApiProperty({ example: '3' }) readonly id: string;
  @ApiProperty({ format: 'date-time' }) readonly at: string;
  @ApiProperty({ description: 'Who made the change; `service` where the service itself did.' })
  readonly actor: string;
  @ApiProperty({
    description:
      '`created`, `updated`, `paused`, `resumed`, `secret-rotated`, `secret-revoked`, `disabled` or `deleted`.',
  })
  readonly action: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What was changed, without secrets.',
  })
  readonly details: Readonly<Record<string, unknown>>;
  @ApiProperty({ ...FILTER, description: 'The filter that holds from then on.' }) readonly filter: unknown;
  @ApiProperty({ description: 'The purpose that holds from then on.' }) readonly purpose: string;
  @ApiProperty({
    example: '1.90211.770',
    description: 'The last event of the journal that was handled then.',
  })
  readonly sequence: string;
  @ApiProperty({
    example: '1.90211.12',
    description: 'The last event of the service’s own (`dom_…`) that was handled then.',
  })
  readonly domain_sequence: string;
}

export class SubscriptionEventsPage {
  @ApiProperty({ type: [SubscriptionEventObject], description: 'Newest first.' })
  readonly subscription_events: readonly SubscriptionEventObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}

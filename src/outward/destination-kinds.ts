import { urlLengthMax } from '../egress/read-destination-url.rule';
import type { JsonObject } from '../json/canonical.rule';

/** A kind of destination, as clients learn which options it has. */
export interface DestinationKind {
  readonly kind: string;
  readonly description: string;
  /** JSON Schema of the member `destination` of a subscription. */
  readonly options: JsonObject;
}

export const DESTINATION_KINDS: readonly DestinationKind[] = [
  {
    kind: 'webhook',
    description: 'Sends each event as an HTTP POST, signed as Standard Webhooks 1.0 says.',
    options: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      required: ['kind', 'url'],
      additionalProperties: false,
      properties: {
        kind: { const: 'webhook' },
        url: {
          type: 'string',
          format: 'uri',
          maxLength: urlLengthMax,
          description:
            'Where events are sent: https, a public host, port 443 or from 1024 on, no user and no fragment.',
          examples: ['https://example.com/hooks'],
        },
        headers: {
          type: ['object', 'null'],
          maxProperties: 10,
          additionalProperties: { type: 'string', maxLength: 1024 },
          writeOnly: true,
          description: 'Headers of your own, such as Authorization: secrets that are never shown again.',
        },
      },
    },
  },
];

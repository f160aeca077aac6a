/** Names of google.rpc codes, with the HTTP status of each. */
const STATUS = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
} as const;

export type RefusalCode = keyof typeof STATUS;

/** Ends a request with an error of the API's. */
export class Refusal extends Error {
  readonly status: number;

  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = STATUS[code];
  }
}

/** What is not well formed in a request. */
export function invalid(message: string): Refusal {
  return new Refusal('INVALID_ARGUMENT', message);
}

/** In which of the three shapes that Sinch documents errors are written. */
export const ERROR_SHAPES = ['wrapped', 'unwrapped', 'problem'] as const;
export type ErrorShape = (typeof ERROR_SHAPES)[number];

export interface ErrorBody {
  readonly contentType: string;
  readonly body: object;
}

/** `wrapped`: google.rpc in `error`; `unwrapped`: google.rpc as it is; `problem`: RFC 9457. */
export function writeError({ code, status, message }: Refusal, shape: ErrorShape): ErrorBody {
  const rpc = { code: status, message, status: code, details: [] };
  switch (shape) {
    case 'wrapped':
      return { contentType: 'application/json', body: { error: rpc } };
    case 'unwrapped':
      return { contentType: 'application/json', body: rpc };
    case 'problem':
      return {
        contentType: 'application/problem+json',
        body: { type: 'about:blank', title: code, status, detail: message },
      };
  }
}

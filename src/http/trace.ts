import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** `traceparent` of W3C Trace Context, section 3.2: version, trace id, parent id, flags; later versions may append. */
const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(-.*)?$/;
const NOTHING = /^0+$/;

/** The trace that a request belongs to: that of its `traceparent` header if it is valid, else a new one; 32 hex digits. */
export function traceIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const { traceparent } = headers;
  return (
    (typeof traceparent === 'string' ? readTraceId(traceparent) : null) ?? randomUUID().replaceAll('-', '')
  );
}

function readTraceId(traceparent: string): string | null {
  const [, version, traceId, parentId, appended] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || parentId === undefined || NOTHING.test(traceId) || NOTHING.test(parentId))
    return null;
  if (version === 'ff' || (version === '00' && appended !== undefined)) return null;
  return traceId;
}

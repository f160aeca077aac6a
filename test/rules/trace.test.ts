import { traceIdOf } from '../../src/http/trace';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

describe('A trace id', () => {
  it.each([
    ['of version 00', `00-${traceId}-${parentId}-01`],
    ['of a later version', `01-${traceId}-${parentId}-01`],
    ['of a later version that appends', `cc-${traceId}-${parentId}-01-what-comes`],
  ])('is taken from a traceparent %s', (_what, traceparent) => {
    expect(traceIdOf({ headers: { traceparent } })).toBe(traceId);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['in capitals', `00-${traceId.toUpperCase()}-${parentId}-01`],
    ['nothing but zeros', `00-${'0'.repeat(32)}-${parentId}-01`],
    ['of a parent of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['of the forbidden version', `ff-${traceId}-${parentId}-01`],
    ['of version 00 with more', `00-${traceId}-${parentId}-01-x`],
    ['of a later version with more that is not apart', `01-${traceId}-${parentId}-01x`],
    ['given twice', `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`],
    ['cut short', `00-${traceId}-${parentId}`],
  ])('is new where the traceparent is %s', (_what, traceparent) => {
    const headers = traceparent === undefined ? {} : { traceparent };
    const [one, other] = [traceIdOf({ headers }), traceIdOf({ headers })];
    expect(one).toMatch(/^[\da-f]{32}$/);
    expect(one).not.toBe(traceId);
    expect(other).not.toBe(one);
  });
});

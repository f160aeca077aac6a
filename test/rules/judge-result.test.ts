import fc from 'fast-check';
import { explainReason, REASON_CODES, type ReasonCode } from '../../src/outward/explain-reason.rule';
import type { EgressReason } from '../../src/egress/egress-reason.rule';
import { judgeResult } from '../../src/outward/judge-result.rule';

const outcomeOf = (status: number) => judgeResult({ kind: 'answer', status });

describe('The result of an attempt', () => {
  it('is delivered by 2xx alone, a fault of the message by four statuses, and the end by 410', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), (status) => {
        const { outcome, reason } = outcomeOf(status);
        expect(outcome === 'delivered').toBe(status < 300);
        expect(reason === null).toBe(status < 300);
        expect(outcome === 'message-fault').toBe([400, 413, 415, 422].includes(status));
        expect(outcome === 'gone').toBe(status === 410);
      }),
    );
    for (const status of [401, 403, 404, 408, 429, 500, 503])
      expect(outcomeOf(status).outcome).toBe('destination-fault');
  });

  it.each<[number, ReasonCode]>([
    [301, 'status-3xx'],
    [304, 'status-3xx'],
    [400, 'status-4xx'],
    [401, 'credentials'],
    [403, 'credentials'],
    [404, 'status-4xx'],
    [410, 'status-4xx'],
    [429, 'rate-limited'],
    [500, 'status-5xx'],
    [599, 'status-5xx'],
  ])('of status %i is %s', (status, reason) => {
    expect(outcomeOf(status).reason).toBe(reason);
  });

  it.each<[string | null, ReasonCode]>([
    ['ECONNREFUSED', 'connect-refused'],
    ['ECONNRESET', 'connect-refused'],
    ['EHOSTUNREACH', 'connect-refused'],
    ['UND_ERR_SOCKET', 'connect-refused'],
    [null, 'connect-refused'],
    ['ETIMEDOUT', 'timeout'],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    ['UND_ERR_BODY_TIMEOUT', 'timeout'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['EPROTO', 'tls'],
    ['HPE_INVALID_CONSTANT', 'answer-unreadable'],
    ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'answer-unreadable'],
  ])('without an answer, by %s, is %s', (errorCode, reason) => {
    expect(judgeResult({ kind: 'error', errorCode })).toEqual({ outcome: 'destination-fault', reason });
  });
});

it.each<EgressReason>(['address-refused', 'dns', 'connect-refused', 'tls', 'timeout'])(
  'No connection has the reason of the connector: %s',
  (reason) => {
    expect(judgeResult({ kind: 'unconnected', reason })).toEqual({ outcome: 'destination-fault', reason });
  },
);

describe('explainReason', () => {
  it('has one sentence and one next step for each reason, with its details', () => {
    for (const code of REASON_CODES) {
      const { sentence, nextStep } = explainReason(code, {
        status: 503,
        eventId: 'evt_1_2_0',
        filterPath: '/where/all/1',
      });
      for (const text of [sentence, nextStep]) {
        expect(text).toMatch(/^[A-Z].*\.$/);
        expect(text).not.toMatch(/[{}]/);
      }
    }
    expect(explainReason('status-5xx', { status: 503 }).sentence).toContain('503');
    expect(explainReason('waiting-behind', { eventId: 'evt_1_2_0' }).sentence).toContain(
      'event evt_1_2_0 of',
    );
    expect(explainReason('filtered', { filterPath: '/where/all/$&' }).sentence).toContain(': /where/all/$&.');
    expect(explainReason('filtered').sentence).toContain(': ?.');
  });
});

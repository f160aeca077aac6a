import fc from 'fast-check';
import { type Repeatability, judgeFault, judgeStatus } from '../../src/sinch/judge-attempt.rule';

const TRANSIENT = [429, 500, 501, 502, 503, 504];
const anyEffect = fc.constantFrom<Repeatability>('read', 'repeatable', 'once');
const anyStatus = fc.integer({ min: 200, max: 599 });

describe('A failed attempt', () => {
  it('of a read, and of what may be done twice, is repeated after exactly the statuses that pass', () => {
    fc.assert(
      fc.property(anyStatus, fc.constantFrom<Repeatability>('read', 'repeatable'), (status, effect) => {
        expect(judgeStatus(status, effect).retryable).toBe(TRANSIENT.includes(status));
      }),
    );
  });

  it('is never repeated where what must be done once may be done', () => {
    fc.assert(
      fc.property(anyStatus, (status) => {
        const { retryable, outcomeUnknown } = judgeStatus(status, 'once');
        expect(retryable).toBe(status === 429);
        expect(retryable && outcomeUnknown).toBe(false);
      }),
    );
  });

  it('leaves the outcome unknown after an unreadable success and after trouble of theirs, of a read never', () => {
    fc.assert(
      fc.property(anyStatus, anyEffect, (status, effect) => {
        const mayBeDone = status < 300 || status >= 500;
        expect(judgeStatus(status, effect).outcomeUnknown).toBe(effect !== 'read' && mayBeDone);
      }),
    );
  });

  it.each([
    ['unreachable', 'read', true, false],
    ['unreachable', 'repeatable', true, false],
    ['unreachable', 'once', true, false],
    ['lost', 'read', true, false],
    ['lost', 'repeatable', true, true],
    ['lost', 'once', false, true],
    ['timeout', 'read', true, false],
    ['timeout', 'repeatable', true, true],
    ['timeout', 'once', false, true],
    ['aborted', 'read', false, false],
    ['aborted', 'repeatable', false, true],
    ['aborted', 'once', false, true],
  ] as const)(
    'without an answer (%s, %s): retryable %s, outcome unknown %s',
    (kind, effect, retryable, unknown) => {
      expect(judgeFault(kind, effect)).toEqual({ retryable, outcomeUnknown: unknown });
    },
  );
});

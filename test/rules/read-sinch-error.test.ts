import fc from 'fast-check';
import { readSinchError, reasonMaxLength } from '../../src/sinch/read-sinch-error.rule';
import { anyText } from '../support/any-text';

function read(httpStatus: number, value: unknown, secrets: readonly string[] = []): unknown {
  return readSinchError(httpStatus, Buffer.from(JSON.stringify(value)), secrets);
}

describe('readSinchError', () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.BadRequest' }];

  it.each([
    ['wrapped', { error: { code: 404, message: 'No', status: 'NOT_FOUND', details } }],
    ['unwrapped', { code: 404, message: 'No', status: 'NOT_FOUND', details }],
    ['a problem', { type: 'about:blank', title: 'Not found', detail: 'No', status: 404, details }],
  ])('reads an error that is %s', (_form, body) => {
    expect(read(404, body)).toEqual({ status: 'NOT_FOUND', reason: 'No' });
  });

  it('leaves the full stop to the sentence that quotes the message', () => {
    expect(read(404, { error: { message: 'There is no app x. ' } })).toMatchObject({
      reason: 'There is no app x',
    });
    expect(read(404, { error: { message: 'Wait...' } })).toMatchObject({ reason: 'Wait...' });
  });

  it("reads the token host's", () => {
    const body = { error: 'invalid_client', error_description: 'Unknown key' };
    expect(read(401, body)).toEqual({ status: 'invalid_client', reason: 'Unknown key' });
  });

  it('falls back on the title, and on the HTTP status', () => {
    expect(read(403, { title: 'Forbidden' })).toEqual({
      status: 'PERMISSION_DENIED',
      reason: 'Forbidden',
    });
    expect(read(418, {})).toEqual({ status: 'HTTP_418', reason: null });
  });

  it('keeps nothing of what is no JSON object, or too large, or too deep', () => {
    const empty = { status: 'UNAVAILABLE', reason: null };
    const texts = [
      '<html>Bearer token</html>',
      '',
      '"text"',
      '[1]',
      'null',
      '{"message":"cut',
      '['.repeat(1e6),
    ];
    for (const text of texts) expect(readSinchError(503, Buffer.from(text))).toEqual(empty);
    expect(readSinchError(503, null)).toEqual(empty);
  });

  it('takes fields of any type for what they are not', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (message, status, error) => {
        for (const body of [{ message, status, details: error }, { error }, { error: { message, status } }]) {
          const report = readSinchError(400, Buffer.from(JSON.stringify(body)));
          expect(report.status).toMatch(/^[a-z]\w{0,63}$/i);
        }
      }),
    );
  });

  it('makes one short line of the message, whatever is in it', () => {
    fc.assert(
      fc.property(anyText({ minLength: 1, maxLength: 1_000 }), (message) => {
        const { reason } = readSinchError(400, Buffer.from(JSON.stringify({ message })));
        expect(reason ?? '').not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect([...(reason ?? '').matchAll(/[^]/gu)].length).toBeLessThanOrEqual(reasonMaxLength);
        expect(reason).not.toBe('');
      }),
    );
    expect(read(400, { message: `a\r\nb\u202e\u0000 ${'😀'.repeat(400)}` })).toMatchObject({
      reason: `a b ${'😀'.repeat(reasonMaxLength - 4)}`,
    });
  });

  it('repeats no secret, not even where the cut goes through it', () => {
    const secret = 's3cr3t-s3cr3t';
    fc.assert(
      fc.property(fc.nat(400), fc.nat(3), (before, times) => {
        const message = `${'x'.repeat(before)}${secret.repeat(times)} ${secret}`;
        const { reason } = readSinchError(400, Buffer.from(JSON.stringify({ message })), ['', secret]);
        expect(reason).not.toContain('s3cr');
      }),
    );
  });
});

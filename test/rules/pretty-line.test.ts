import { prettyLine } from '../../src/pretty-line.rule';

const time = '2026-01-02T03:04:05.678Z';

it('shows time, level, who writes, what, and further fields', () => {
  expect(prettyLine({ level: 30, time, msg: 'it starts' }, false)).toBe('03:04:05 INFO  it starts');
  expect(
    prettyLine({ level: 40, time, context: 'Webhook', msg: 'kept', reason: 'stale', count: 2 }, false),
  ).toBe('03:04:05 WARN  Webhook: kept reason=stale count=2');
  expect(prettyLine({ level: 30, time, event: 'key-created' }, false)).toBe(
    '03:04:05 INFO  event=key-created',
  );
});

it('colours the level on a terminal alone', () => {
  expect(prettyLine({ level: 50, time, msg: 'no' }, true)).toBe('03:04:05 \u001b[31mERROR\u001b[0m no');
});

it('shows the stack of an error below it', () => {
  const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at a.ts:1:2\n    at b.ts:3:4' };
  expect(prettyLine({ level: 50, time, msg: 'failed', err }, false).split('\n')).toEqual([
    '03:04:05 ERROR failed',
    '    Error: no',
    '    at a.ts:1:2',
    '    at b.ts:3:4',
  ]);
});

it('lets no value forge a line or command the terminal', () => {
  const forged = 'a\r\n00:00:00 FATAL b\u001b[2J\u202e';
  for (const entry of [{ msg: forged }, { context: forged }, { field: forged }, { stack: forged }]) {
    const text = prettyLine({ level: 30, time, msg: 'm', ...entry }, false);
    expect(text).not.toMatch(/^00:00:00 FATAL/m);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});

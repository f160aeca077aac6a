import { batchOf } from '../../src/audit/commit/commit.repository';
import { contact } from '../support/sinch/callbacks';
import { event } from '../support/postgres/events';

describe('A batch of events', () => {
  it('is made in several turns of the event loop where the events say much', async () => {
    const events = ['A', 'B', 'C', 'D'].map((id) =>
      event('p', { create: contact(id, { email: '\u0390'.repeat(480_000) }) }),
    );
    let turns = 0;
    let isMade = false;
    const count = (): void => {
      turns += 1;
      if (!isMade) setImmediate(count);
    };
    setImmediate(count);
    await batchOf(1, events);
    isMade = true;
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  it('is bytes, so that the driver has nothing to escape in one turn', async () => {
    const { values } = await batchOf(1, [
      event('p', { create: contact('A', { metadata: '"'.repeat(400_000) }) }),
    ]);
    expect(values.slice(1).every((value) => Buffer.isBuffer(value))).toBe(true);
  });
});

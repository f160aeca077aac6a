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

  it('has no long texts in lists: the driver would escape each, in one turn', async () => {
    const identities = Array.from({ length: 2_000 }, (_, n) => ({ channel: 'LINE', identity: `"${n}"` }));
    const { values } = await batchOf(1, [
      event('p', { create: contact('A', { metadata: '"'.repeat(400_000), channel_identities: identities }) }),
      event('p', { create: contact('B', { display_name: '"'.repeat(400_000) }) }),
    ]);
    const listed = values.filter((value) => Array.isArray(value)).flat() as readonly unknown[];
    const lengths = listed.map((value) => (typeof value === 'string' ? value.length : 0));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(512);
  });
});

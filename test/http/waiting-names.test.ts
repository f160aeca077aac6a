import { setTimeout as delay } from 'node:timers/promises';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at } from '../support/http/app';

jest.setTimeout(60_000);

/** Twice as long as the service waits, in ms. */
const sortedWithinMs = 2_000;

it('sorts new names into their index by itself within seconds', async () => {
  const app = await App.start();
  try {
    // autovacuum would do the same, some time
    await app.sql('alter table contact set (autovacuum_enabled = off)');
    const project = app.project();
    let told = 0;
    let waitingPages: string | undefined;
    await until(async () => {
      await project.tell({ create: contact(`A${told}`, { display_name: 'Amira' }) }, at(told++));
      await delay(sortedWithinMs);
      const [row] = await app.sql<{ pages: string }>('select sort_in_names() as pages');
      waitingPages = row?.pages;
      return waitingPages === '0';
    });
    expect(waitingPages).toBe('0');
  } finally {
    await app.stop();
  }
});

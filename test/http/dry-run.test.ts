import { DryRunService } from '../../src/outward/dry-run.service';
import { EventMessages } from '../../src/outward/event-messages';
import type { Filter } from '../../src/outward/filter.rule';
import { readFilter } from '../../src/outward/read-filter.rule';
import { contact } from '../support/sinch/callbacks';
import { App, at, type Project } from '../support/http/app';
import { PlainReader } from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

let app: App;
let project: Project;

beforeAll(async () => {
  app = await App.start();
  app.part(EventMessages).useReader(new PlainReader(app));
  project = app.project();
  for (const [n, id] of ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus'].entries())
    await project.tell({ create: contact(id) }, at(n));
});
afterAll(() => app.stop());

function filterOf(value: object): Filter {
  const { filter } = readFilter(value, 'replica');
  if (filter === null) throw new Error('The filter cannot be read.');
  return filter;
}

it('says what a filter would have let pass of the last events, and shows the newest five', async () => {
  const { scanned, matched, examples } = await app.part(DryRunService).run(project.id, filterOf({}));
  expect([scanned, matched]).toEqual([7, { 'contact.updated': 7 }]);
  expect(examples.map(({ subject }) => subject)).toEqual(['gus', 'fay', 'eve', 'dan', 'cid']);
  const where = { at: 'after', path: '/email', op: 'eq', value: 'bob@example.com' };
  const one = await app.part(DryRunService).run(project.id, filterOf({ where }));
  expect([one.scanned, one.matched]).toEqual([7, { 'contact.updated': 1 }]);
});

it('shows nothing of other projects, and nothing where nothing passes', async () => {
  const nothing = { matched: {}, examples: [] };
  const elsewhere = await app.part(DryRunService).run(app.project().id, filterOf({}));
  expect(elsewhere).toEqual({ scanned: 0, ...nothing });
  const deleted = await app.part(DryRunService).run(project.id, filterOf({ types: ['contact.deleted'] }));
  expect(deleted).toEqual({ scanned: 7, ...nothing });
});

import { type Simulator, startSimulator } from '../../simulator/simulator';
import { App, type Project } from '../support/http/app';
import { subscribe } from '../support/http/simulated';
import type { ContactObject } from '../../src/contacts/contacts.dto';

jest.setTimeout(60_000);

let app: App;
let simulator: Simulator;
let project: Project;

beforeAll(async () => {
  app = await App.start();
  simulator = await startSimulator({
    seed: 20,
    apps: 2,
    populationMin: 50,
    delivery: { backOffBaseMs: 10, backOffCapMs: 100 },
    dials: { repeats: 0.1, reorder: 0.1, delayMs: 50, failures: 0.1, throttles: 0.1 },
  });
  project = app.project(simulator.projectId);
});
afterAll(async () => {
  await simulator.close();
  await app.stop();
});

function withoutMirror(view: ContactObject): unknown {
  return Object.fromEntries(Object.entries(view).filter(([field]) => field !== 'mirror'));
}

it('is mirrored contact by contact, whatever is repeated, overtaken, delayed and refused', async () => {
  for (const appId of simulator.appIds) await subscribe(simulator, app, appId);
  for (let round = 0; round < 4; round++) {
    simulator.live(150);
    await simulator.settled();
  }
  const { told, done, lost } = simulator.deliveries;
  expect([done, lost]).toEqual([told, 0]);
  expect(told).toBeGreaterThan(1_200);

  const pages = await project.pages<ContactObject>('/contacts', 'contacts', { page_size: '200' });
  const mirrored = new Map(pages.flat().map((view) => [view.id, withoutMirror(view)]));
  expect(mirrored).toEqual(new Map(simulator.contacts().map((contact) => [contact.id, contact])));

  const merges = (
    await project.pages<{ loser_id: string }>('/merges', 'merges', { page_size: '200' })
  ).flat();
  expect(merges.length).toBeGreaterThan(20);
  expect(merges.filter(({ loser_id }) => simulator.find(loser_id) !== null)).toEqual([]);
  const { quarantine } = await app.read<{ quarantine: unknown[] }>('/v1/quarantine');
  expect(quarantine).toEqual([]);
});

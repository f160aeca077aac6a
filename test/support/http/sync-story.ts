import { setTimeout as delay } from 'node:timers/promises';
import { machineTime } from '../../../simulator/machine-time';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../simulator/simulator';
import type { AnomaliesPage } from '../../../src/contacts/merges/anomalies.dto';
import type { SyncRunObject } from '../../../src/sync/sync.dto';
import { App, type AppOptions, type Project } from './app';
import { accessTo, subscribe } from './simulated';
import type { ContactObject } from '../../../src/contacts/contacts.dto';

/** How long a run may take in a test, in ms. */
const runMaxMs = 20_000;

/** A simulated Sinch whose clock can be moved on, and a service that mirrors it. */
export class SyncStory {
  private constructor(
    readonly simulator: Simulator,
    readonly app: App,
    readonly project: Project,
    private readonly time: { aheadNs: bigint },
    private readonly clock: () => bigint,
  ) {}

  /** @param apiUrlOf what stands between the service and the simulator's API, if anything does */
  static async begin(
    options: SimulatorOptions = {},
    {
      apiUrlOf = (url: string) => Promise.resolve(url),
      ...app
    }: AppOptions & { readonly apiUrlOf?: (url: string) => Promise<string> } = {},
  ): Promise<SyncStory> {
    const time = { aheadNs: 0n };
    const machine = machineTime();
    const clock = (): bigint => machine() + time.aheadNs;
    const simulator = await startSimulator({
      delivery: { backOffBaseMs: 10, backOffCapMs: 100 },
      clock,
      ...options,
    });
    const sinch = accessTo(simulator, await apiUrlOf(simulator.url));
    const service = await App.start({ ...app, config: { sinch, ...app.config } });
    return new SyncStory(simulator, service, service.project(simulator.projectId), time, clock);
  }

  async end(): Promise<void> {
    await this.app.stop();
    await this.simulator.close();
  }

  /** Has the simulator tell the service of its contacts. */
  async subscribe(): Promise<void> {
    for (const appId of this.simulator.appIds) await subscribe(this.simulator, this.app, appId);
  }

  /** Moves Sinch's clock on: what was fetched is stamped with a time 2 to 3 s before. */
  pass(seconds: number): void {
    this.time.aheadNs += BigInt(seconds) * 1_000_000_000n;
  }

  /** The `Date` of an answer that is given in Sinch's place. */
  date(): string {
    return new Date(Number(this.clock() / 1_000_000n)).toUTCString();
  }

  /** Asks for a run. */
  async request(mode: 'backfill' | 'reconcile', confirm = false): Promise<SyncRunObject> {
    const answer = await this.project.post('/sync-runs', { mode, ...(confirm ? { confirm } : {}) });
    expect([answer.status, answer.text]).toEqual([202, answer.text]);
    return answer.json() as SyncRunObject;
  }

  run(id: string): Promise<SyncRunObject> {
    return this.project.read<SyncRunObject>(`/sync-runs/${id}`);
  }

  /** The run when it has come so far. */
  async when(id: string, isSo: (run: SyncRunObject) => boolean): Promise<SyncRunObject> {
    const deadline = Date.now() + runMaxMs;
    for (;;) {
      const run = await this.run(id);
      if (isSo(run)) return run;
      if (Date.now() > deadline) throw new Error(`The run did not come to that: ${JSON.stringify(run)}`);
      await delay(10);
    }
  }

  /** Asks for a run, and answers it when it has ended or waits. */
  async sweep(mode: 'backfill' | 'reconcile', confirm = false): Promise<SyncRunObject> {
    const { id } = await this.request(mode, confirm);
    return this.when(id, ({ state }) => state !== 'pending' && state !== 'running');
  }

  /** How many events the journal has. */
  async journalRows(): Promise<number> {
    const [row] = await this.app.sql<{ count: number }>(
      'select count(*)::int from audit_event where project_id = $1',
      [this.project.id],
    );
    return row?.count ?? 0;
  }

  async anomalies(): Promise<AnomaliesPage['anomalies']> {
    return (await this.project.read<AnomaliesPage>('/anomalies')).anomalies;
  }

  /** The contacts that the mirror shows as living, by id, as Sinch would show them. */
  async mirrored(): Promise<ReadonlyMap<string, unknown>> {
    const pages = await this.project.pages<ContactObject>('/contacts', 'contacts', { page_size: '200' });
    return new Map(
      pages
        .flat()
        .map((view) => [
          view.id,
          Object.fromEntries(Object.entries(view).filter(([field]) => field !== 'mirror')),
        ]),
    );
  }

  /** Mirror and simulator are equal, contact for contact. */
  async expectEqual(): Promise<void> {
    expect(await this.mirrored()).toEqual(
      new Map(this.simulator.contacts().map((contact) => [contact.id, contact])),
    );
  }
}

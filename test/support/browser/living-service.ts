import { accessVariables } from '../../../simulator/demo/access-variables';
import { type Simulator, startSimulator } from '../../../simulator/simulator';
import { createContact } from '../http/simulated';
import { OwnDatabase } from '../process/own-database';
import { ServiceProcess } from '../process/service-process';
import { send, subscribe } from '../sinch/at-simulator';
import { callback, contact, sign } from '../sinch/callbacks';

export const ADMIN_KEY = 'k'.repeat(32);
const SECRET = 's'.repeat(32);

/** To an address that is public, and paused: nothing is sent. */
const SUBSCRIPTION = {
  name: 'crm',
  purpose: 'trigger',
  state: 'paused',
  destination: { kind: 'webhook', url: 'https://93.184.216.34/hook' },
};

type Row = Readonly<Record<string, unknown>>;

/** The built service beside a simulated Sinch, with something of everything that it can show. */
export class LivingService {
  private constructor(
    private readonly database: OwnDatabase,
    private readonly simulator: Simulator,
    private readonly service: ServiceProcess,
    /** By the names of path parameters: the id of something that exists. */
    readonly ids: Record<string, string>,
  ) {}

  static async start(): Promise<LivingService> {
    const database = await OwnDatabase.create();
    const simulator = await startSimulator({ seed: 7 });
    const service = new ServiceProcess({
      DATABASE_URL: database.url,
      SINCH_WEBHOOK_SECRETS: SECRET,
      ADMIN_API_KEY: ADMIN_KEY,
      OUTWARD_KEYS: Buffer.alloc(32, 'o').toString('base64'),
      ...accessVariables(simulator),
    });
    await service.ready();
    const living = new LivingService(database, simulator, service, {});
    await living.live();
    return living;
  }

  get base(): string {
    return this.service.base;
  }

  async stop(): Promise<void> {
    await this.database.remove();
    await this.simulator.close();
  }

  private async live(): Promise<void> {
    const { simulator, ids, service } = this;
    await subscribe(simulator, service.base, SECRET);
    const project = `/v1/projects/${simulator.projectId}`;
    const sms = (identity: string): Row => ({ channel_identities: [{ channel: 'SMS', identity }] });
    const shared = { email: 'jane.doe@example.com' };
    const survivor = await createContact(simulator, sms('15550001111'));
    const loser = await createContact(simulator, { display_name: 'John Doe' });
    await createContact(simulator, { ...shared, ...sms('15550002222') });
    await createContact(simulator, { ...shared, display_name: 'Jane Doe' });
    await send(simulator, 'POST', `/contacts/${survivor}:merge`, { source_id: loser });
    await this.deliverUnusable();

    ids['project_id'] = simulator.projectId;
    ids['contact_id'] = survivor;
    Object.assign(ids, { system: 'crm', external_id: '42', code: 'not-found' });
    await this.ask('PUT', `${project}/contacts/${survivor}/references/crm/42`);
    ids['key_id'] = (await this.ask('POST', '/v1/api-keys', BILLING))['id'] as string;
    ids['run_id'] = (await this.ask('POST', `${project}/sync-runs`, { mode: 'backfill' }))['id'] as string;
    ids['event_id'] = await this.firstOf(`${project}/audit-events`, 'audit_events');
    ids['merge_id'] = await this.firstOf(`${project}/merges`, 'merges');
    ids['duplicate_id'] = await this.firstOf(`${project}/duplicates`, 'duplicates');
    ids['delivery_id'] = await this.firstOf('/v1/quarantine', 'quarantine');
    await this.database.owner.query(
      `insert into parked_event (follower, event_id, project_id, reason, tries) values ('stats', $1, $2, 'statement timeout', 3)`,
      [ids['event_id'], simulator.projectId],
    );
    const subscription = await this.ask('POST', `${project}/subscriptions`, SUBSCRIPTION);
    ids['subscription_id'] = subscription['id'] as string;
    ids['event_type'] = 'contact.merged';
    // of the number that the sweep has, since both are named `run_id`
    await this.database.owner.query(
      `insert into subscription_run (project_id, subscription_id, id, kind, request, requested_by, state) overriding system value
       values ($1, $2, $3, 'snapshot', '{"rate_per_second":null,"status":"active"}', 'admin', 'done')`,
      [simulator.projectId, ids['subscription_id'], ids['run_id']],
    );
    await this.database.owner.query(`select setval(pg_get_serial_sequence('subscription_run', 'id'), 100)`);
    ids['parked_event_id'] = await this.firstOf('/v1/parked-events', 'parked_events');
  }

  /** Signed, and without anything that could be applied. */
  private async deliverUnusable(): Promise<void> {
    const told = { create: contact('late') };
    const body = callback(told, 0n, { project_id: this.simulator.projectId, accepted_time: 'soon' });
    const answer = await fetch(`${this.base}/webhooks/sinch`, {
      method: 'POST',
      headers: sign(body, SECRET),
      body: new Uint8Array(body),
    });
    if (answer.status !== 202) throw new Error(`The delivery was answered ${answer.status}`);
  }

  /** The id of the first of a list, as soon as it has one. */
  private async firstOf(path: string, list: string): Promise<string> {
    let id: unknown;
    await this.service.until(async () => {
      id = ((await this.ask('GET', path))[list] as readonly Row[])[0]?.['id'];
      return id !== undefined;
    });
    return id as string;
  }

  private async ask(method: string, path: string, body?: object): Promise<Row> {
    const answer = await fetch(`${this.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Row;
  }
}

const BILLING = { name: 'billing', scopes: ['contacts:read'], project_ids: ['*'] };

import { SinchClient, type SinchLimits } from '../../../src/sinch/sinch-client';
import { SinchError } from '../../../src/sinch/sinch-error';
import { ManualClock } from './manual-clock';
import { StandIn } from './stand-in';

export const KEY_SECRET = 'the-secret-of-the-key';

/** A client and the server that it talks to. */
export interface Setup {
  readonly sinch: StandIn;
  readonly client: SinchClient;
  readonly clock: ManualClock;
  readonly another: (limits?: Partial<SinchLimits>, url?: string) => SinchClient;
}

const running: { readonly sinch: StandIn; readonly clients: SinchClient[] }[] = [];

/** A fresh stand-in and a client of it whose sleeps are over at once; `random` is always a half. */
export async function setUp(limits: Partial<SinchLimits> = {}): Promise<Setup> {
  const sinch = await StandIn.start();
  const clock = new ManualClock();
  const clients: SinchClient[] = [];
  running.push({ sinch, clients });
  const another = (more: Partial<SinchLimits> = {}, apiUrl = sinch.url): SinchClient => {
    const client = new SinchClient({
      projectId: 'P1',
      appId: 'A1',
      keyId: 'the-key',
      keySecret: KEY_SECRET,
      apiUrl,
      authUrl: sinch.url,
      limits: { ...limits, ...more },
      clock,
      random: () => 0.5,
    });
    clients.push(client);
    return client;
  };
  return { sinch, client: another(), clock, another };
}

afterEach(async () => {
  for (const { sinch, clients } of running.splice(0)) {
    sinch.stop();
    await Promise.all(clients.map((client) => client.close()));
  }
});

/** The error that a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<SinchError> {
  const outcome = await call.then(
    (value) => new Error(`It succeeded: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof SinchError) return outcome;
  throw outcome;
}

import { type Clock, systemClock } from '../sinch/clock';
import type { Registration } from './describe-registration.rule';
import { planRegistration, type RegistrationPlan, type WantedWebhook } from './plan-registration.rule';
import type { SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';

/** Times that the app's webhooks are looked at, the first included. */
const looksMax = 3;
const lookPauseMs = 500;
/** What Sinch answers when another was there first: the target is taken, the webhook no longer exists, both at once. */
const OVERTAKEN: ReadonlySet<number | null> = new Set([400, 404, 409]);

type Doable = Extract<RegistrationPlan, { readonly kind: 'create' | 'update' }>;

/** Gives the app the service's webhook: any number of times, and from several replicas at once, with one webhook as result. */
export class Registrar {
  constructor(
    private readonly client: SinchClient,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * Creates the webhook, or sets what of it is otherwise.
   *
   * What another has done meanwhile, or we may have done, is looked at before anything is sent again.
   * @throws SinchError when Sinch does not do it; what the clock throws when the signal is aborted in a pause
   */
  async register(wanted: WantedWebhook, signal?: AbortSignal): Promise<Registration> {
    for (let look = 1; ; look++) {
      const plan = planRegistration(await this.client.listWebhooks(signal), wanted);
      if (plan.kind === 'refused' || plan.kind === 'unchanged') return plan;
      try {
        return await this.carryOut(plan, wanted, signal);
      } catch (error) {
        if (!(error instanceof SinchError) || look >= looksMax) throw error;
        if (!error.outcomeUnknown && !OVERTAKEN.has(error.httpStatus)) throw error;
        await this.clock.sleep(lookPauseMs, signal);
      }
    }
  }

  private async carryOut(
    plan: Doable,
    { target }: WantedWebhook,
    signal: AbortSignal | undefined,
  ): Promise<Registration> {
    if (plan.kind === 'create') {
      const { id } = await this.client.createWebhook({ ...plan.webhook }, signal);
      return { kind: 'created', id, moved: plan.moved };
    }
    // Sinch's OpenAPI document requires a target, whatever the mask
    await this.client.updateWebhook(plan.id, { target, ...plan.changes }, plan.mask, signal);
    return plan;
  }
}

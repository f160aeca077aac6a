import { Injectable } from '@nestjs/common';
import { Config } from '../config/config';
import type { Delivery } from './delivery';
import { DestinationConnector } from './destination-connector';
import type { Message } from './message.rule';
import { OutwardMetrics } from './outward-metrics';
import { renderBody } from './render-body.rule';
import { type SigningKey, signWebhook } from './sign-webhook.rule';
import type { BodyMode, SchemaVersion, Subscription } from './subscription.rule';
import { SubscriptionSecrets } from './subscription-secrets';
import { type Attempted, type WebhookRequest, WebhookSender } from './webhook-sender';

const USER_AGENT = 'sinch-contact-mirror';
/** For how long opened secrets of a subscription are used, in ms: a key may end meanwhile. */
const openedMaxMs = 10_000;

/** A larger body is rendered for each subscription. */
const keptBodyBytesMax = 4_096;

/** The secrets of a subscription, opened. */
interface OpenedSecrets {
  readonly openedAtMs: number;
  readonly keys: readonly SigningKey[];
  readonly headers: Readonly<Record<string, string>>;
}

/** Renders, signs and sends messages. */
@Injectable()
export class DeliverySender {
  private readonly webhooks: WebhookSender;
  private readonly bodies = new WeakMap<Message, Map<string, Buffer>>();
  private readonly secretsOf = new WeakMap<Subscription, OpenedSecrets>();

  constructor(
    private readonly config: Config,
    private readonly secrets: SubscriptionSecrets,
    private readonly metrics: OutwardMetrics,
    connector: DestinationConnector,
  ) {
    this.webhooks = new WebhookSender(connector);
  }

  /** @throws ClosedSecret where the secrets of the subscription cannot be opened */
  readonly send = async (
    subscription: Subscription,
    { runId, stream }: Pick<Delivery, 'runId' | 'stream'>,
    message: Message,
  ): Promise<Attempted> => {
    const request = this.requestOf(subscription, message);
    const isReplay = runId !== null && stream !== 'snapshot';
    const headers = { ...request.headers, ...(isReplay && { 'mirror-replay': 'true' }) };
    return await this.webhooks.send({ ...request, headers });
  };

  /**
   * Renders and signs a message.
   *
   * @throws ClosedSecret where the secrets of the subscription cannot be opened
   */
  requestOf(subscription: Subscription, message: Message): WebhookRequest {
    const began = performance.now();
    const nowMs = Date.now();
    const { keys, headers } = this.openSecrets(subscription, nowMs);
    const { mode, schemaVersion, destination, id } = subscription;
    const body = this.bodyOf(message, mode, schemaVersion);
    const signed = signWebhook(message.id, Math.floor(nowMs / 1_000), body, keys);
    this.metrics.rendered(performance.now() - began);
    return {
      url: destination.url,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...signed,
        'mirror-subscription': id,
      },
      body,
    };
  }

  /** Rendered once for all subscriptions that a message is sent to; large bodies are not kept. */
  private bodyOf(message: Message, mode: BodyMode, schemaVersion: SchemaVersion): Buffer {
    const form = `${schemaVersion} ${mode}`;
    const kept = this.bodies.get(message);
    const known = kept?.get(form);
    if (known !== undefined) return known;
    const body = renderBody(message, mode, schemaVersion, this.config.publicUrl);
    if (body.length <= keptBodyBytesMax)
      this.bodies.set(message, (kept ?? new Map<string, Buffer>()).set(form, body));
    return body;
  }

  /** Sends what `requestOf` made, once. */
  sendRequest(request: WebhookRequest): Promise<Attempted> {
    return this.webhooks.send(request);
  }

  close(): Promise<void> {
    return this.webhooks.close();
  }

  private openSecrets(subscription: Subscription, nowMs: number): OpenedSecrets {
    const known = this.secretsOf.get(subscription);
    if (known !== undefined && nowMs - known.openedAtMs < openedMaxMs) return known;
    const opened = {
      openedAtMs: nowMs,
      keys: this.secrets.signingKeysOf(subscription, nowMs),
      headers: this.secrets.credentialsOf(subscription)?.headers ?? {},
    };
    this.secretsOf.set(subscription, opened);
    return opened;
  }
}

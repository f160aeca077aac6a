import { CONTACT_TRIGGERS, type ContactTrigger } from './happening.rule';
import { type JsonObject, maskedFields, readList, readObject, readText } from './read-json.rule';
import { invalid, Refusal } from './refusal.rule';

/** A webhook as Sinch answers it: with its secrets in clear. */
export interface Webhook {
  readonly id: string;
  readonly app_id: string;
  readonly target: string;
  /** `DISMISS`: nothing is sent. */
  readonly target_type: string;
  /** `''`: callbacks are not signed. */
  readonly secret: string;
  readonly triggers: readonly string[];
  /** Kept and answered; the simulator asks no token of it. Null: there are none; the key is always in answers. */
  readonly client_credentials: JsonObject | null;
}

const webhooksMax = 5;
const targetMax = 742;
const TARGET_TYPES = ['HTTP', 'DISMISS'];

/** Sinch's OpenAPI document, `WebhookTrigger`. */
const TRIGGERS: ReadonlySet<string> = new Set([
  ...CONTACT_TRIGGERS,
  ...`MESSAGE_DELIVERY MESSAGE_SUBMIT MESSAGE_INBOUND EVENT_DELIVERY EVENT_INBOUND CONVERSATION_START CONVERSATION_STOP
  CONVERSATION_DELETE UNSUPPORTED OPT_IN OPT_OUT CAPABILITY CHANNEL_EVENT RECORD_NOTIFICATION BATCH_STATUS_UPDATE
  MESSAGE_INBOUND_SMART_CONVERSATION_REDACTION SMART_CONVERSATION SMART_CONVERSATIONS`.split(/\s+/),
]);

const FIELDS = ['target', 'target_type', 'secret', 'triggers', 'client_credentials'] as const;

/** The webhooks of the project's apps: at most five of each app, no two of one app with the same target. */
export class Webhooks {
  private readonly byId = new Map<string, Webhook>();

  constructor(private readonly appIds: readonly string[]) {}

  /** The webhooks that receive a trigger. */
  subscribedTo(trigger: ContactTrigger): readonly Webhook[] {
    return [...this.byId.values()].filter(
      (webhook) => webhook.target_type === 'HTTP' && webhook.triggers.includes(trigger),
    );
  }

  /** @throws Refusal `NOT_FOUND` */
  list(appId: string): readonly Webhook[] {
    this.requireApp(appId);
    return [...this.byId.values()].filter((webhook) => webhook.app_id === appId);
  }

  /** @throws Refusal `NOT_FOUND` */
  find(id: string): Webhook {
    const webhook = this.byId.get(id);
    if (webhook === undefined) throw new Refusal('NOT_FOUND', `There is no webhook ${id}.`);
    return webhook;
  }

  /** @throws Refusal `INVALID_ARGUMENT` or, of an app that is not there, `NOT_FOUND` */
  create(id: string, value: unknown): Webhook {
    const body = readObject(value, 'The body');
    const appId = readText(body['app_id'], 'app_id');
    if (appId === '') throw invalid('app_id is missing.');
    this.requireApp(appId);
    if (this.list(appId).length >= webhooksMax) throw invalid(`An app has ${webhooksMax} webhooks at most.`);
    return this.put({ id, app_id: appId, ...readFields(body) });
  }

  /**
   * @param mask the parameter `update_mask`
   * @throws Refusal `INVALID_ARGUMENT` or `NOT_FOUND`
   */
  update(id: string, value: unknown, mask: unknown): Webhook {
    const webhook = this.find(id);
    const body = readObject(value, 'The body');
    const changed: JsonObject = Object.fromEntries(
      maskedFields(body, mask, FIELDS).map((field) => [field, body[field]]),
    );
    const fields = readFields({ ...webhook, ...changed });
    return this.put({ id, app_id: webhook.app_id, ...fields });
  }

  /** @throws Refusal `NOT_FOUND` */
  delete(id: string): void {
    this.byId.delete(this.find(id).id);
  }

  private put(webhook: Webhook): Webhook {
    const twin = this.list(webhook.app_id).find(({ target }) => target === webhook.target);
    if (twin !== undefined && twin.id !== webhook.id)
      throw invalid('Another webhook of the app has that target.');
    this.byId.set(webhook.id, webhook);
    return webhook;
  }

  private requireApp(appId: string): void {
    if (!this.appIds.includes(appId)) throw new Refusal('NOT_FOUND', `There is no app ${appId}.`);
  }
}

function readFields(body: JsonObject): Omit<Webhook, 'id' | 'app_id'> {
  const credentials = body['client_credentials'] ?? null;
  return {
    target: readTarget(body['target']),
    target_type: readTargetType(body['target_type']),
    secret: readText(body['secret'], 'secret'),
    triggers: readList(body['triggers'], 'triggers', readTrigger),
    client_credentials: credentials === null ? null : readObject(credentials, 'client_credentials'),
  };
}

function readTarget(value: unknown): string {
  const target = readText(value, 'target');
  if (target.length > targetMax) throw invalid(`target is longer than ${targetMax} characters.`);
  const url = readUrl(target);
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid('target is not an HTTP URL.');
  if (/^conversation-api\..*sinch\.com$/.test(url.hostname))
    throw invalid('target is one of Sinch’s own hosts.');
  return target;
}

function readTargetType(value: unknown): string {
  const type = readText(value, 'target_type') || 'HTTP';
  if (TARGET_TYPES.includes(type)) return type;
  throw invalid('target_type is neither HTTP nor DISMISS.');
}

function readTrigger(value: unknown, name: string): string {
  const trigger = readText(value, name);
  if (TRIGGERS.has(trigger)) return trigger;
  throw invalid(`${name} is not one of the triggers.`);
}

/** Without `URL.canParse`: once Node 20 has optimised it, it calls URLs with letters such as `ü` invalid. */
function readUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { commandLine } from '../base/command-line.rule';
import { curlLine } from '../base/curl-line.rule';
import { webhookPath } from '../base/webhook-path.rule';
import { type GivenConfig, loadConfig } from '../config/config';
import { findServiceUrl, localUrl } from '../config/service-url';
import { StartRefusal } from '../config/start-refusal';
import { sendSigned } from '../webhook/send-signed';
import {
  composeCallbacks,
  contactOf,
  type EventKind,
  isAboutTwo,
  type TestCallback,
  type TestContact,
  type TestEvent,
} from './compose-callback.rule';
import { currentSecret } from './current-secret';
import { UsageError } from './exit-codes';
import type { Output } from './output';
import { ServiceReader } from './service-reader';

/** The options of `event`, as they are given. */
export interface EventOptions {
  readonly project?: string;
  readonly id?: string;
  readonly otherId?: string;
  readonly name?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly externalId?: string;
}

/**
 * Sends a test event to the running service, signed as Sinch signs it, and shows how to read what came of it.
 *
 * Whatever is not given is made up, or read from the running service where the contact exists there. An event about a contact
 * that was made up creates the contact first.
 * @throws StartRefusal when no service takes it
 */
export async function sendEvent(output: Output, kind: EventKind, options: EventOptions): Promise<void> {
  refuseUnfit(kind, options);
  const given = loadConfig();
  const secret = await currentSecret(given);
  const url = await serviceUrl(given);
  const reader = await ServiceReader.of(given, url);
  const event = await eventOf(kind, given, options, (path) => readKnown(output, reader, path));
  const made = new Set([
    ...(options.id === undefined ? [event.contact.id] : []),
    ...(options.otherId === undefined ? [event.other.id] : []),
  ]);
  const callbacks = composeCallbacks(kind, event, made, Date.now());
  for (const callback of callbacks) await send(given, reader, url, secret, callback);
  const shown = `${url}${projectPath(event.projectId)}${pathToSee(kind, event)}`;
  await output.result(
    {
      project_id: event.projectId,
      contact_id: event.contact.id,
      other_id: isAboutTwo(kind) ? event.other.id : null,
      sent: callbacks.map(({ trigger }) => trigger),
      result: 'committed',
      url: shown,
    },
    [
      ...callbacks.map((callback) => `${callback.trigger}: committed`),
      describe(kind, event),
      curlOf(given, shown),
    ],
  );
}

/** @throws UsageError for options that make no event, or that would have no effect */
function refuseUnfit(kind: EventKind, { id, otherId, phone, project }: EventOptions): void {
  for (const [option, value] of [
    ['--id', id],
    ['--other-id', otherId],
    ['--project', project],
  ] as const)
    if (value === '') throw new UsageError(`${option} must not be empty`);
  if (otherId !== undefined && !isAboutTwo(kind))
    throw new UsageError('--other-id is only for the events merge and duplicates');
  if (otherId !== undefined && otherId === id)
    throw new UsageError('--id and --other-id must name two contacts');
  if (phone !== undefined && !/^(?:\d{3,15})?$/.test(digitsOf(phone)))
    throw new UsageError('--phone must be a phone number with 3 to 15 digits, such as +12025550123');
}

/** A phone number as Sinch writes it in identities. */
function digitsOf(phone: string): string {
  return phone.replaceAll(/^\+|[ ().-]/g, '');
}

/** The contact as it is in the mirror; `null`: it is not active there, or it cannot be read, which is said. */
async function readKnown(output: Output, reader: ServiceReader, path: string): Promise<TestContact | null> {
  const answer = await reader.get(path);
  const id = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  if (answer?.status === 200) {
    const contact = Object.fromEntries(Object.entries(answer.body).filter(([name]) => name !== 'mirror'));
    // a merged id leads to its survivor
    return contact['id'] === id ? { ...contact, id } : null;
  }
  const isMissing = answer?.status === 404 || answer?.status === 410;
  if (!isMissing)
    output.note(
      `Contact ${id} could not be read (${answer === null ? 'no admin key here, or no answer' : answer.status}): fields that are not given get test values`,
    );
  return null;
}

/** Where the service listens: as it keeps it in DATA_DIR, otherwise as HOST and PORT say. */
async function serviceUrl({ dataDir, host, port }: GivenConfig): Promise<string> {
  const kept = dataDir === null ? null : await findServiceUrl(dataDir);
  if (kept === null && port === 0)
    throw new StartRefusal(
      `No service runs in ${dataDir ?? 'DATA_DIR'}: start it, or set PORT to the port of the service`,
    );
  return kept ?? localUrl(host, port);
}

/** @param read gives the contact at a path of the service, as it is now */
async function eventOf(
  kind: EventKind,
  { projectIds, sinch }: GivenConfig,
  options: EventOptions,
  read: (path: string) => Promise<TestContact | null>,
): Promise<TestEvent> {
  const [firstProject] = projectIds ?? [];
  const projectId = options.project ?? firstProject ?? sinch?.projectId ?? 'my-project';
  const known = async (id: string | undefined): Promise<TestContact | null> =>
    id === undefined || kind === 'create'
      ? null
      : read(`${projectPath(projectId)}/contacts/${encodeURIComponent(id)}`);
  const { id, phone, ...fields } = options;
  const givenFields = phone === undefined ? fields : { ...fields, phone: digitsOf(phone) };
  const contact = contactOf(id ?? testId(), givenFields, await known(id));
  // two test contacts of one event have the same phone number, as duplicates have
  const other = (await known(options.otherId)) ?? {
    ...contact,
    id: options.otherId ?? testId(),
    external_id: '',
  };
  return { projectId, contact, other };
}

function projectPath(projectId: string): string {
  return `/v1/projects/${encodeURIComponent(projectId)}`;
}

function testId(): string {
  return `test-${randomUUID().slice(0, 8)}`;
}

/** @throws StartRefusal when it was not committed, with what to do about it */
async function send(
  given: GivenConfig,
  reader: ServiceReader,
  url: string,
  secret: string,
  callback: TestCallback,
): Promise<void> {
  const answer = await sendSigned(`${url}${webhookPath}`, secret, Buffer.from(callback.body));
  if (answer === null) {
    throw new StartRefusal(
      `No service answers at ${url}: start it (${commandLine(given.container, 'start')}), or set PORT, HOST and DATA_DIR to the same values as for the service`,
    );
  }
  const { status, text } = answer;
  if (status === 200 && text === '{"result":"committed"}') return;
  const cause =
    status === 202 && text === '{"result":"quarantined"}'
      ? await causeOfQuarantine(reader)
      : causeOf(url, status);
  throw new StartRefusal(`${callback.trigger} was not committed: ${cause}`);
}

function causeOf(url: string, status: number): string {
  if (status === 401)
    return `the service at ${url} does not accept the webhook secret (401): set DATA_DIR or SINCH_WEBHOOK_SECRETS to the same value as for the service`;
  if (status === 503)
    return 'the service is starting, or Postgres is unavailable (503): see its log, and send the event again later';
  return `${url} answers ${status}, but not as this service does: another program may use the port. Set PORT to the port of the service`;
}

/** The reason of the newest delivery in quarantine, which is the one just sent. */
async function causeOfQuarantine(reader: ServiceReader): Promise<string> {
  const answer = await reader.get('/v1/quarantine?page_size=1');
  const rows = answer?.body['quarantine'];
  const [row] = Array.isArray(rows) ? (rows as Readonly<Record<string, unknown>>[]) : [];
  const { reason, detail } = row ?? {};
  if (typeof reason !== 'string' || typeof detail !== 'string')
    return 'the service put it into quarantine (202): GET /v1/quarantine shows the reason';
  return `the service put it into quarantine (202): ${reason}: ${detail}`;
}

function pathToSee(kind: EventKind, { contact }: TestEvent): string {
  return kind === 'duplicates' ? '/duplicates' : `/contacts/${encodeURIComponent(contact.id)}`;
}

function describe(kind: EventKind, { contact, other, projectId }: TestEvent): string {
  switch (kind) {
    case 'create':
    case 'update':
      return `See contact ${contact.id} of project ${projectId}:`;
    case 'delete':
      return `Contact ${contact.id} of project ${projectId} is deleted, so this is answered 410:`;
    case 'merge':
      return `${other.id} is merged into ${contact.id} in project ${projectId}:`;
    case 'duplicates':
      return `${contact.id} and ${other.id} are reported as duplicates in project ${projectId}; see them in a moment:`;
  }
}

function curlOf({ container, adminApiKey, dataDir }: GivenConfig, url: string): string {
  const keyFile = adminApiKey === null && dataDir !== null ? join(dataDir, 'admin-api-key') : null;
  return curlLine(container, keyFile, url, '-sS');
}

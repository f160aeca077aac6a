import type { Json, JsonObject } from '../json/canonical.rule';
import { writeTime } from '../json/read-time.rule';
import { isOfContact } from './event-types.rule';
import type { Message } from './message.rule';
import type { BodyMode, SchemaVersion } from './body-forms.rule';

/** Most bytes of a body. A larger one is sent with ids alone. */
export const bodyBytesMax = 65_536;
/** Most bytes of one list of ids in a body with ids alone; it is left out where it has more. */
const idListBytesMax = 16_384;

/**
 * Writes the body of a message: the same bytes for the same message, whenever and wherever it is written.
 *
 * `full` has all data, `thin` only ids and a `url` where the rest can be read, `cloudevents` all data as a structured CloudEvent
 * 1.0. What exceeds 65,536 bytes is written with ids alone and `truncated: true`.
 *
 * @param baseUrl where the service is reached from outside; null: not known, URLs are paths
 */
export function renderBody(
  message: Message,
  mode: BodyMode,
  schemaVersion: SchemaVersion,
  baseUrl: string | null,
): Buffer {
  const base = (baseUrl ?? '').replace(/\/+$/, '');
  const write = WRITERS[schemaVersion][mode === 'cloudevents' ? 'cloudEvent' : 'plain'];
  if (mode !== 'thin' && leastBytesOf(message.data) <= bodyBytesMax) {
    const body = Buffer.from(JSON.stringify(write(message, message.data, base, false)));
    if (body.length <= bodyBytesMax) return body;
  }
  const ids = thinData(message, base);
  return Buffer.from(JSON.stringify(write(message, ids, base, mode !== 'thin')));
}

/** Writes a body with the given data. Old versions of bodies stay here unchanged. */
type Writer = (message: Message, data: JsonObject, base: string, isTruncated: boolean) => JsonObject;

const WRITERS: Readonly<Record<SchemaVersion, Readonly<Record<'plain' | 'cloudEvent', Writer>>>> = {
  '2026-12-01': {
    plain: (message, data, _base, isTruncated) => ({
      type: message.type,
      id: message.id,
      timestamp: writeTime(message.timestamp),
      schema_version: '2026-12-01',
      project_id: message.projectId,
      subject: message.subject,
      sequence: sequenceOf(message),
      version: versionOf(message),
      cause: causeOf(message),
      ...(isTruncated && { truncated: true }),
      data,
    }),
    // attributes are never null, and of simple types (CloudEvents 1.0.2, "Type System")
    cloudEvent: (message, data, base, isTruncated) => ({
      specversion: '1.0',
      id: message.id,
      source: projectUrl(message, base),
      type: message.type,
      subject: message.subject,
      time: writeTime(message.timestamp),
      datacontenttype: 'application/json',
      dataschema: `${base}/v1/event-types/${message.type}?schema_version=2026-12-01`,
      ...(message.sequence && { sequence: sequenceOf(message) }),
      partitionkey: message.keys[0] ?? message.subject,
      ...(message.version !== null && { version: versionOf(message) }),
      ...Object.fromEntries(
        Object.entries(causeOf(message))
          .filter(([, value]) => value !== null)
          .map(([name, value]) => [`cause${name.replaceAll('_', '')}`, value]),
      ),
      ...(isTruncated && { truncated: true }),
      data,
    }),
  },
};

function sequenceOf({ sequence }: Message): string | null {
  return sequence && sequence.join('.');
}

function versionOf({ version }: Message): string | null {
  return version === null ? null : String(version);
}

/** What led to a message: how its event reached the journal, and its ids there. */
function causeOf({ stream, source, sequence, mergeId }: Message): JsonObject {
  return { source, event_id: stream === 'journal' && sequence ? sequence[2] : null, merge_id: mergeId };
}

/** Members of data that say nothing of a person: ids, and words of ours. */
const ID = /_ids?$/;
const WORDS: ReadonlySet<string> = new Set(['reason', 'system']);
/** Not what people write. */
const WORD = /^[\w.-]{1,64}$/;

function thinData(message: Message, base: string): JsonObject {
  const ids = Object.entries(message.data).filter(
    ([name, value]) =>
      (ID.test(name) && (!Array.isArray(value) || bytesOf(value) <= idListBytesMax)) ||
      (WORDS.has(name) && typeof value === 'string' && WORD.test(value)),
  );
  return { ...Object.fromEntries(ids), url: urlOf(message, base) };
}

/** Counts the characters of a value: each takes at least one byte. It stops counting beyond the limit of a body. */
function leastBytesOf(value: Json | undefined): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let bytes = 0;
  for (const each of Object.values(value)) {
    bytes += leastBytesOf(each);
    if (bytes > bodyBytesMax) break;
  }
  return bytes;
}

function bytesOf(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Where REST shows what a message is about. */
function urlOf(message: Message, base: string): string {
  const { type, subject } = message;
  const project = projectUrl(message, base);
  const id = encodeURIComponent(subject.toWellFormed());
  if (isOfContact(type)) return `${project}/contacts/${id}`;
  switch (type.slice(0, type.indexOf('.'))) {
    case 'reference':
      return `${project}/contacts/${id}/references`;
    case 'duplicate':
      return `${project}/duplicates/${id}`;
    case 'anomaly':
      return `${project}/anomalies`;
    case 'quarantine':
      return `${base}/v1/quarantine/${id}`;
    default:
      return `${project}/subscriptions/${id}`;
  }
}

function projectUrl({ projectId }: Message, base: string): string {
  return `${base}/v1/projects/${encodeURIComponent(projectId.toWellFormed())}`;
}

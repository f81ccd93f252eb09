/**
 * What goes over the bus:
 *
 *   event   = "1" JSON of a LiveEvent
 *   request = "1" JSON of { conversationId }
 *
 * The first character is the version of the encoding. What has another one is of another release, and is ignored, as are events of a type that
 * is not known and fields that are not: so a later release can add fields and types, and change the encoding, while both are running. JSON
 * because people can read it (`nats sub`), and costs about as little as anything else made in JavaScript.
 */
import type { LiveEvent } from '../../../ports/live-bus.ts';

const version = '1';
const versionCode = version.charCodeAt(0);
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What bytes say; `foreign`: of another release; `unreadable`: of none. */
export type Decoded<T> = T | 'foreign' | 'unreadable';

type Check = (value: unknown) => boolean;
type Form<T> = Readonly<Record<Exclude<keyof T, 'type'>, Check>>;

const isText: Check = (value) => typeof value === 'string';
const isTextOrAbsent: Check = (value) => value === undefined || isText(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime: Check = (value) => Number.isFinite(value);
const isOutcome: Check = (value) => value === 'completed' || value === 'stopped';
const isParts: Check = (value) => Array.isArray(value) && value.every(isPart);

const forms: { readonly [T in LiveEvent['type']]: Form<Extract<LiveEvent, { type: T }>> } = {
  started: { messageId: isText, replyMessageId: isText, attempt: isCount },
  piece: { messageId: isText, replyMessageId: isText, attempt: isCount, offsetBytes: isCount, text: isText },
  completed: {
    messageId: isText,
    replyMessageId: isText,
    attempt: isCount,
    sequence: isCount,
    timeMs: isTime,
    parts: isParts,
    model: isText,
    outcome: isOutcome,
    traceparent: isTextOrAbsent,
  },
  failed: {
    messageId: isText,
    clientMessageId: isText,
    reason: isText,
    detail: isText,
    traceparent: isTextOrAbsent,
  },
  deleted: {},
};
const checks: ReadonlyMap<unknown, readonly (readonly [string, Check])[]> = new Map(
  Object.entries(forms).map(([type, form]) => [type, Object.entries(form)]),
);

const mediaKinds: ReadonlySet<unknown> = new Set(['voice', 'video', 'image']);

function isPart(value: unknown): boolean {
  const { kind, text, mediaId, contentType, sizeBytes, sha256 } = fieldsOf(value);
  if (kind === 'text') return isText(text);
  return mediaKinds.has(kind) && isText(mediaId) && isText(contentType) && isCount(sizeBytes) && isText(sha256);
}

export function encodeEvent(event: LiveEvent): string {
  return version + JSON.stringify(event);
}

/** Never throws. */
export function decodeEvent(bytes: Uint8Array): Decoded<LiveEvent> {
  const value = decode(bytes);
  if (typeof value === 'string') return value;
  const form = checks.get(value['type']);
  if (form === undefined) return typeof value['type'] === 'string' ? 'foreign' : 'unreadable';
  for (const [field, check] of form) if (!check(value[field])) return 'unreadable';
  return value as unknown as LiveEvent;
}

export function encodeRequest(conversationId: string): string {
  return version + JSON.stringify({ conversationId });
}

/** The conversation whose drafts are asked for. Never throws. */
export function decodeRequest(bytes: Uint8Array): Decoded<{ readonly conversationId: string }> {
  const value = decode(bytes);
  if (typeof value === 'string') return value;
  const { conversationId } = value;
  return typeof conversationId === 'string' ? { conversationId } : 'unreadable';
}

function decode(bytes: Uint8Array): Decoded<Readonly<Record<string, unknown>>> {
  if (bytes[0] !== versionCode) return isVersion(bytes[0]) ? 'foreign' : 'unreadable';
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes.subarray(1)));
    return typeof value === 'object' && value !== null ? fieldsOf(value) : 'unreadable';
  } catch {
    // Whoever reads counts them: the bus may bring anything.
    return 'unreadable';
  }
}

/** Digits and small letters: enough for every version to come. */
function isVersion(code: number | undefined): boolean {
  return code !== undefined && /[0-9a-z]/.test(String.fromCharCode(code));
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

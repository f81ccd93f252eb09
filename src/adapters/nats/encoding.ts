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
import type { LiveDelay, LiveEvent, LivePiece } from '../../ports/live-bus.ts';

const version = '1';
const versionCode = version.charCodeAt(0);
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What bytes say; `foreign`: of another release; `unreadable`: of none. */
export type Decoded<T> = T | 'foreign' | 'unreadable';

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

const isOptionalText: Check = (value) => value === undefined || isText(value);

type Form<Event> = Readonly<Record<Exclude<keyof Event, 'type'>, Check>>;

const about = { messageId: isText, replyMessageId: isText, attempt: isCount } as const;
const forms: { readonly piece: Form<LivePiece>; readonly delay: Form<LiveDelay> } = {
  piece: { ...about, offsetBytes: isCount, text: isText },
  delay: { ...about, retryInMs: isCount, reason: isOptionalText },
};
const checks = new Map(Object.entries(forms).map(([type, form]) => [type, Object.entries<Check>(form)]));

export function encodeEvent(event: LiveEvent): string {
  return version + JSON.stringify(event);
}

/** Never throws. */
export function decodeEvent(bytes: Uint8Array): Decoded<LiveEvent> {
  const value = decode(bytes);
  if (typeof value === 'string') return value;
  const { type } = value;
  if (typeof type !== 'string') return 'unreadable';
  const known = checks.get(type);
  if (known === undefined) return 'foreign';
  for (const [field, check] of known) if (!check(value[field])) return 'unreadable';
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

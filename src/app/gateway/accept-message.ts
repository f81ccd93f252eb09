import { type MediaKind, type MessageReceived, type TextPart, textOf } from '../../domain/conversation/events.ts';
import { historyBytesOf } from '../../domain/conversation/history-bytes.ts';
import { utf8Length } from '../../domain/conversation/utf8.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxInstructionsBytes, maxParts } from '../../domain/limits.ts';
import { isFileName } from '../../domain/media/file-name.ts';
import { isAllowed, normalContentType, replyKindOf } from '../../domain/media/formats.ts';
import type { MediaFacts, MessageToAnswer } from '../../ports/provider.ts';
import type { TraceContext } from '../../ports/tracing.ts';
import { isChosenId } from './hello.ts';

/** A message as a client sends it. */
export interface OutgoingMessage {
  readonly clientMessageId: string;
  readonly parts: readonly OutgoingPart[];
  /** The person's own instructions to the model; absent: none. */
  readonly instructions?: string | undefined;
  /** The step in which it came; absent: it is not traced. */
  readonly trace?: TraceContext;
}

export type OutgoingPart = TextPart | OutgoingMedia | { readonly kind: 'none' };

/** Media as a client sends them: the bytes, or the name of an object that it uploaded. What it states besides must be so. */
export interface OutgoingMedia {
  readonly kind: 'media';
  /** undefined: not stated; null: no kind of media. */
  readonly mediaKind: MediaKind | null | undefined;
  /** '': not stated. */
  readonly contentType: string;
  /** Empty: none. */
  readonly inlineData: Uint8Array;
  /** '': none. */
  readonly mediaId: string;
  /** 0: not stated. */
  readonly sizeBytes: number;
  /** Empty: not stated. */
  readonly sha256: Uint8Array;
  /** '': none. */
  readonly fileName: string;
}

/** Bytes whose type and length may be taken; what they are is not known yet. */
export interface InlineMedia {
  readonly kind: 'inline';
  readonly mediaKind: MediaKind;
  /** Normal (domain/media/formats.ts). */
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly stated: OutgoingMedia;
}

/** An object said to be in the store. */
export interface NamedMedia {
  readonly kind: 'named';
  readonly mediaId: string;
  readonly stated: OutgoingMedia;
}

/** A part that is well formed and within the limits. */
export type CheckedPart = TextPart | InlineMedia | NamedMedia;

export interface MessageLimits {
  /** UTF-8 bytes of a message's text. */
  readonly maxTextBytes: number;
  /** Bytes of one inline media part. */
  readonly maxInlineBytes: number;
  /** Bytes of one upload. */
  readonly maxMediaBytes: number;
  /** Messages of one client that have no end yet. */
  readonly maxPendingPerClient: number;
  /** Bytes that history keeps of one client's conversations; undefined: as many as there are. */
  readonly maxHistoryBytesPerClient: number | undefined;
}

/** Who sends a message, where, and what the message is called there. */
export interface MessagePlace {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  /** As its token or account says; absent: none. */
  readonly group?: string | undefined;
  /** IANA zone of the client. */
  readonly timeZone: string;
}

/** What a session may do for its client: it holds its slot for certain; it may have been counted out; it is over. */
export type Serving = 'served' | 'suspended' | 'ended';

/** The state that the decision on a message depends on: of the folds, the session and the rate limit, now. */
export interface MessageFacts {
  readonly serving: Serving;
  /** The conversation was deleted, as far as the log was read. */
  readonly isDeleted: boolean;
  /** Whether the log has the message already, or it is on its way there; unknown: it may be older than what the fold knows. */
  readonly seen: 'before' | 'never' | 'unknown';
  /** Bytes that history keeps of the client's conversations; undefined: history is away, and nothing is refused for its sake. */
  readonly usedBytes: number | undefined | 'unknown';
  /** Messages of the client that have no end yet, those on their way into the log included. */
  readonly unanswered: number;
  /** So far the topic of budgets was read: the offset behind the last record. */
  readonly spendingOffset: number;
  /** A budget counts the message, and has not granted it as far as that was read. */
  readonly needsGrant: boolean;
  /** What its replies may use is reserved. */
  readonly hasReservation: boolean;
  /** How long until the rate limit lets the client send another message; 0: it does now. */
  readonly messageWaitMs: number;
}

/** The event is to be appended. Of a message with media, once these are accepted, with `parts` as they were stored. */
export interface Accept {
  readonly type: 'accept';
  readonly event: MessageReceived;
  readonly parts: readonly CheckedPart[];
}

/** What is to be done with a message. */
export type Decision =
  | Accept
  /** The first record of the message is to be found, and the client sent its place; if there is none, decide again. */
  | { readonly type: 'find-first' }
  /** The usage of history is to be read; then decide again. */
  | { readonly type: 'read-usage' }
  /** The message is to be counted by its client's budgets; if they grant it, decide again. */
  | { readonly type: 'ask-budgets'; readonly content: MessageToAnswer }
  | { readonly type: 'refuse'; readonly refused: Refused };

/** Decides on a message; pure. The first reason in the order of these lines refuses it. */
export function decideMessage(
  message: OutgoingMessage,
  place: MessagePlace,
  facts: MessageFacts,
  limits: MessageLimits,
): Decision {
  const { serving, isDeleted, seen, usedBytes, unanswered, messageWaitMs, needsGrant, spendingOffset, hasReservation } =
    facts;
  const { maxPendingPerClient: maxPending, maxHistoryBytesPerClient: maxBytes } = limits;
  const { clientMessageId, instructions = '' } = message;
  const { group, ...where } = place;
  const unserved = refusalUnlessServed(serving);
  if (unserved !== undefined) return refuse(unserved);
  const parts = checkMessage(message, limits);
  if (parts instanceof Refused) return refuse(parts);
  if (isDeleted) return refuse(new Refused('NOT_FOUND', 'the conversation was deleted'));
  if (seen !== 'never') return { type: 'find-first' };
  if (maxBytes !== undefined && usedBytes === 'unknown') return { type: 'read-usage' };
  if (maxBytes !== undefined && typeof usedBytes === 'number' && usedBytes + addedBytes(parts, instructions) > maxBytes)
    return refuse(new Refused('HISTORY_QUOTA_EXCEEDED', `${usedBytes} of ${maxBytes} bytes are used`));
  if (unanswered >= maxPending) return refuse(new Refused('TOO_MANY_PENDING', `${maxPending} messages are unanswered`));
  if (messageWaitMs > 0)
    return refuse(new Refused('TOO_MANY_MESSAGES', undefined, { retryDelayMs: Math.ceil(messageWaitMs) }));
  if (needsGrant) return { type: 'ask-budgets', content: contentOf(parts, instructions, limits.maxMediaBytes) };
  const event: MessageReceived = {
    type: 'MessageReceived',
    ...where,
    ...(group !== undefined && { group }),
    clientMessageId,
    parts: isTextOnly(parts) ? parts : [],
    ...(instructions !== '' && { instructions }),
    ...(spendingOffset > 0 && { spendingOffset }),
    ...(hasReservation && { hasReservation }),
  };
  return { type: 'accept', event, parts };
}

/** Why a session accepts nothing now; undefined: it does. */
export function refusalUnlessServed(serving: Serving): Refused | undefined {
  if (serving === 'served') return undefined;
  return serving === 'ended' ? new Refused('SESSION_NOT_FOUND') : new Refused('LOG_UNAVAILABLE', 'the log is away');
}

function refuse(refused: Refused): Decision {
  return { type: 'refuse', refused };
}

/** What its replies may use depends on this of it. */
function contentOf(parts: readonly CheckedPart[], instructions: string, maxMediaBytes: number): MessageToAnswer {
  const media = parts.filter((part) => part.kind !== 'text').map((part) => mediaFacts(part, maxMediaBytes));
  return {
    text: textOf(parts.filter((part) => part.kind === 'text')),
    media,
    instructions,
    replyKind: replyKindOf(media),
  };
}

/** Of an upload whose kind is not stated, the one whose reply uses most, and of an unknown length the longest. */
function mediaFacts(part: InlineMedia | NamedMedia, maxMediaBytes: number): MediaFacts {
  if (part.kind === 'inline') return { kind: part.mediaKind, sizeBytes: part.bytes.length };
  const { mediaKind, sizeBytes } = part.stated;
  return { kind: mediaKind ?? 'video', sizeBytes: sizeBytes > 0 ? sizeBytes : maxMediaBytes };
}

/** What history will count of it. */
function addedBytes(parts: readonly CheckedPart[], instructions: string): number {
  const counted = parts.map((part) => (part.kind === 'text' ? part : part.stated));
  return historyBytesOf(counted, instructions);
}

/** Counted for a frame besides its content: the objects that it is decoded to, and its turn. */
export const frameOverheadBytes = 500;

/** The same for a part of a message. */
const partOverheadBytes = 150;

/** What a message costs while it waits to be taken, in bytes. */
export function bytesOfMessage({ clientMessageId, parts, instructions = '' }: OutgoingMessage): number {
  let bytes = frameOverheadBytes + clientMessageId.length + instructions.length;
  for (const part of parts) {
    bytes += partOverheadBytes;
    if (part.kind === 'text') bytes += part.text.length;
    if (part.kind === 'media') bytes += contentBytes(part);
  }
  return bytes;
}

function contentBytes({ inlineData, mediaId, contentType, fileName }: OutgoingMedia): number {
  return inlineData.length + mediaId.length + contentType.length + fileName.length;
}

/** Whether a message is made of nothing but text: then nothing need be awaited for it. */
export function isTextOnly(parts: readonly OutgoingPart[] | readonly CheckedPart[]): parts is readonly TextPart[] {
  return parts.every((part) => part.kind === 'text');
}

/** The parts of a message that may be taken, as far as they alone can tell; or the refusal, the first by the order of its fields. */
export function checkMessage(
  { clientMessageId, parts, instructions = '' }: OutgoingMessage,
  limits: Pick<MessageLimits, 'maxTextBytes' | 'maxInlineBytes'>,
): readonly CheckedPart[] | Refused {
  if (!isChosenId(clientMessageId)) return new Refused('CLIENT_MESSAGE_ID_INVALID');
  if (parts.length === 0) return new Refused('EMPTY_MESSAGE');
  if (parts.length > maxParts) {
    return new Refused('FRAME_INVALID', `${parts.length} parts; a message may have ${maxParts}`, {
      violations: [{ field: 'message.parts', description: `1 to ${maxParts}` }],
    });
  }
  const { maxTextBytes, maxInlineBytes } = limits;
  const checked: CheckedPart[] = [];
  let bytes = 0;
  for (const part of parts) {
    const one = checkPart(part, maxInlineBytes);
    if (one instanceof Refused) return one;
    if (one.kind === 'text') bytes += utf8Length(one.text);
    checked.push(one);
  }
  if (bytes > maxTextBytes) return new Refused('TEXT_TOO_LONG', `${bytes} bytes of text; ${maxTextBytes} are allowed`);
  if (utf8Length(instructions) > maxInstructionsBytes) return new Refused('INSTRUCTIONS_TOO_LONG');
  return checked;
}

function checkPart(part: OutgoingPart, maxInlineBytes: number): CheckedPart | Refused {
  if (part.kind === 'media') return checkMedia(part, maxInlineBytes);
  if (part.kind === 'none' || part.text.trim() === '') return new Refused('EMPTY_MESSAGE');
  return part;
}

function checkMedia(media: OutgoingMedia, maxInlineBytes: number): InlineMedia | NamedMedia | Refused {
  const { inlineData: bytes, mediaId, fileName } = media;
  if (fileName !== '' && !isFileName(fileName)) return new Refused('FILE_NAME_INVALID');
  if (bytes.length > 0 && mediaId !== '') {
    return new Refused('FRAME_INVALID', 'inline_data and media_id exclude each other', {
      violations: [{ field: 'message.parts.media', description: 'exactly one of inline_data and media_id' }],
    });
  }
  if (mediaId !== '') return { kind: 'named', mediaId, stated: media };
  if (bytes.length === 0) return new Refused('EMPTY_MESSAGE', 'a media part has neither inline_data nor media_id');
  const described = checkType(media.mediaKind, media.contentType);
  if (described instanceof Refused) return described;
  if (bytes.length <= maxInlineBytes) return { kind: 'inline', ...described, bytes, stated: media };
  return new Refused('MEDIA_TOO_LARGE', `${bytes.length} bytes inline; ${maxInlineBytes} are allowed, more by upload`);
}

/** What may be stored: its kind, and its type under the normal name; or MEDIA_TYPE_UNSUPPORTED. */
export function checkType(
  mediaKind: MediaKind | null | undefined,
  contentType: string,
): { readonly mediaKind: MediaKind; readonly contentType: string } | Refused {
  const normal = normalContentType(contentType);
  if (mediaKind && isAllowed(mediaKind, normal)) return { mediaKind, contentType: normal };
  return new Refused('MEDIA_TYPE_UNSUPPORTED', undefined, { metadata: { kind: mediaKind ?? '' } });
}

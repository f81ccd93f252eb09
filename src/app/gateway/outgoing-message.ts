import type { MediaKind, TextPart } from '../../domain/conversation/events.ts';
import { utf8Length } from '../../domain/conversation/utf8.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxParts } from '../../domain/limits.ts';
import { isAllowed, normalContentType } from '../../domain/media/formats.ts';
import { isChosenId } from './hello.ts';

/** A message as a client sends it. */
export interface OutgoingMessage {
  readonly clientMessageId: string;
  readonly parts: readonly OutgoingPart[];
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
}

/** Whether a message is made of nothing but text: then nothing need be awaited for it. */
export function isTextOnly(parts: readonly OutgoingPart[] | readonly CheckedPart[]): parts is readonly TextPart[] {
  return parts.every((part) => part.kind === 'text');
}

/** The parts of a message that may be taken, as far as they alone can tell. Throws the refusal, the first by the order of its fields. */
export function checkMessage(message: OutgoingMessage, limits: MessageLimits): readonly CheckedPart[] {
  if (!isChosenId(message.clientMessageId)) throw new Refused('CLIENT_MESSAGE_ID_INVALID');
  if (message.parts.length === 0) throw new Refused('EMPTY_MESSAGE');
  if (message.parts.length > maxParts) {
    throw new Refused('FRAME_INVALID', `${message.parts.length} parts; a message may have ${maxParts}`, {
      violations: [{ field: 'message.parts', description: `1 to ${maxParts}` }],
    });
  }
  const parts = message.parts.map((part) => checkPart(part, limits));
  const { maxTextBytes } = limits;
  const bytes = utf8Length(parts.map((part) => (part.kind === 'text' ? part.text : '')).join(''));
  if (bytes > maxTextBytes) throw new Refused('TEXT_TOO_LONG', `${bytes} bytes of text; ${maxTextBytes} are allowed`);
  return parts;
}

function checkPart(part: OutgoingPart, limits: MessageLimits): CheckedPart {
  if (part.kind === 'media') return checkMedia(part, limits);
  if (part.kind === 'none' || part.text.trim() === '') throw new Refused('EMPTY_MESSAGE');
  return part;
}

function checkMedia(media: OutgoingMedia, { maxInlineBytes }: MessageLimits): InlineMedia | NamedMedia {
  const { inlineData: bytes, mediaId } = media;
  if (bytes.length > 0 && mediaId !== '') {
    throw new Refused('FRAME_INVALID', 'inline_data and media_id exclude each other', {
      violations: [{ field: 'message.parts.media', description: 'exactly one of inline_data and media_id' }],
    });
  }
  if (mediaId !== '') return { kind: 'named', mediaId, stated: media };
  if (bytes.length === 0) throw new Refused('EMPTY_MESSAGE', 'a media part has neither inline_data nor media_id');
  const described = checkType(media.mediaKind, media.contentType);
  if (bytes.length > maxInlineBytes) {
    throw new Refused('MEDIA_TOO_LARGE', `${bytes.length} bytes inline; ${maxInlineBytes} are allowed, more by upload`);
  }
  return { kind: 'inline', ...described, bytes, stated: media };
}

/** What may be stored: its kind, and its type under the normal name. Throws MEDIA_TYPE_UNSUPPORTED. */
export function checkType(
  mediaKind: MediaKind | null | undefined,
  contentType: string,
): { readonly mediaKind: MediaKind; readonly contentType: string } {
  const normal = normalContentType(contentType);
  if (mediaKind && isAllowed(mediaKind, normal)) return { mediaKind, contentType: normal };
  throw new Refused('MEDIA_TYPE_UNSUPPORTED', undefined, { metadata: { kind: mediaKind ?? '' } });
}

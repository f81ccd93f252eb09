import type { OutgoingMessage } from '../../gen/chat/v1/chat_service.ts';
import { Kind, type Media } from '../../gen/chat/v1/content.ts';
import { type Sample, wireKinds } from '../network/samples.ts';

/** Media of a message: the bytes, or the name of an object. */
export type SaidMedia = Sample | { readonly mediaId: string };

/** What a client says; said again, it is the same. */
export interface SaidMessage {
  readonly clientMessageId: string;
  readonly text: string;
  /** Beside the text; undefined: nothing. */
  readonly media: SaidMedia | undefined;
}

/** The frame of a message. */
export function messageOf({ clientMessageId, text, media }: SaidMessage): OutgoingMessage {
  const words = { value: { $case: 'text' as const, value: text } };
  const parts = media === undefined ? [] : [{ value: { $case: 'media' as const, value: partOf(media) } }];
  return { clientMessageId, parts: [words, ...parts], instructions: '' };
}

function partOf(media: SaidMedia): Media {
  const nothing = { contentType: '', inlineData: Buffer.alloc(0), mediaId: '', url: '', urlExpireTime: undefined };
  const unstated = { kind: Kind.UNSPECIFIED, sizeBytes: 0n, sha256: Buffer.alloc(0), fileName: '' };
  if ('mediaId' in media) return { ...nothing, ...unstated, mediaId: media.mediaId };
  const { kind, contentType, bytes } = media;
  const inlineData = Buffer.from(bytes);
  return { ...nothing, ...unstated, kind: wireKinds[kind], contentType, inlineData, sizeBytes: BigInt(bytes.length) };
}

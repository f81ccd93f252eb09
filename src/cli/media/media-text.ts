import type { Media, Message } from '../../client/gen/chat/v1/content_pb.js';
import { textOf } from '../../client/message-text.ts';
import { printable, printableLine } from '../text.ts';
import { endingFor, wordFor } from './formats.ts';

/** A media object in a few words: `[voice, MP3, 62.3 kB, note.mp3]`, with what is more to say of it. */
export function mediaText({ kind, contentType, sizeBytes, inlineData, fileName }: Media, more = ''): string {
  const ending = endingFor(contentType);
  const format = ending === 'bin' ? printableLine(contentType) : ending.toUpperCase();
  const bytes = sizeBytes === 0n ? inlineData.length : Number(sizeBytes);
  return `[${[wordFor(kind), format, bytesText(bytes), printableLine(fileName)].filter((part) => part !== '').join(', ')}${more}]`;
}

/** What a message says: its text, and its media in a few words each. Safe to show. */
export function messageText(message: Pick<Message, 'parts'>): string {
  const words = mediaOf(message).map((media) => mediaText(media));
  return [...words, printable(textOf(message))].filter((part) => part !== '').join(' ');
}

/** The media of a message, in order. */
export function mediaOf(message: Pick<Message, 'parts'>): Media[] {
  return message.parts.flatMap(({ value }) => (value.case === 'media' ? [value.value] : []));
}

/** A size for a person: 850 B, 62.3 kB, 1.2 MB. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

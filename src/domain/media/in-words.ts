import type { MediaKind, MediaPart } from '../conversation/events.ts';
import { extensionOf, isAllowed } from './formats.ts';

const nouns: Readonly<Record<MediaKind, string>> = { voice: 'voice message', video: 'video', image: 'picture' };

/** Formats that are not written in capitals, or not as their files end. */
const formatNames: Readonly<Record<string, string>> = { jpg: 'JPEG', webm: 'WebM', webp: 'WebP' };

const units = ['kB', 'MB', 'GB'] as const;

/** A length as people write it, in units of a thousand: `1 byte`, `980 bytes`, `62.3 kB`, `12 kB`, `104 MB`. */
export function sizeInWords(sizeBytes: number): string {
  if (sizeBytes < 1_000) return sizeBytes === 1 ? '1 byte' : `${sizeBytes} bytes`;
  let size = sizeBytes / 1_000;
  let unit = 0;
  // What rounds to 1000 of a unit is 1 of the next.
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${Number(size.toPrecision(3))} ${units[unit]}`;
}

/** What a thing is: `a voice message`, `a video`, `a picture`. */
export function kindInWords(kind: MediaKind): string {
  return `a ${nouns[kind]}`;
}

/** Kind, format and length: `a voice message, MP3, 62.3 kB`. */
export function mediaInWords({
  kind,
  contentType,
  sizeBytes,
}: Pick<MediaPart, 'kind' | 'contentType' | 'sizeBytes'>): string {
  const extension = extensionOf(contentType);
  const format = isAllowed(kind, contentType) ? (formatNames[extension] ?? extension.toUpperCase()) : contentType;
  return `${kindInWords(kind)}, ${format}, ${sizeInWords(sizeBytes)}`;
}

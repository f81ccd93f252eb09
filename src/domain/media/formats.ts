import type { MediaKind, Part } from '../conversation/events.ts';

/** The formats taken, by IANA media type, and how files of them are named: what proto/chat/v1/content.proto says of each kind. */
const formats: Readonly<Record<MediaKind, ReadonlyMap<string, string>>> = {
  voice: new Map([
    ['audio/mpeg', 'mp3'],
    ['audio/wav', 'wav'],
    ['audio/ogg', 'ogg'],
    ['audio/webm', 'webm'],
    ['audio/mp4', 'm4a'],
  ]),
  video: new Map([
    ['video/mp4', 'mp4'],
    ['video/webm', 'webm'],
  ]),
  image: new Map([
    ['image/jpeg', 'jpg'],
    ['image/png', 'png'],
    ['image/webp', 'webp'],
    ['image/gif', 'gif'],
  ]),
};

/** Other names that are in use for the same formats. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['audio/mp3', 'audio/mpeg'],
  ['audio/mpeg3', 'audio/mpeg'],
  ['audio/x-mp3', 'audio/mpeg'],
  ['audio/x-mpeg', 'audio/mpeg'],
  ['audio/wave', 'audio/wav'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/opus', 'audio/ogg'],
  ['audio/vorbis', 'audio/ogg'],
  ['application/ogg', 'audio/ogg'],
  ['audio/m4a', 'audio/mp4'],
  ['audio/x-m4a', 'audio/mp4'],
  ['video/x-m4v', 'video/mp4'],
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/x-png', 'image/png'],
]);

/** The media type without parameters, in lower case, under its usual name. */
export function normalContentType(contentType: string): string {
  const plain = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return aliases.get(plain) ?? plain;
}

/** Whether media of this kind and (normal) type are taken. */
export function isAllowed(kind: MediaKind, contentType: string): boolean {
  return formats[kind].has(contentType);
}

/** The normal types of a kind, in the order in which people are told them. */
export function allowedTypes(kind: MediaKind): readonly string[] {
  return [...formats[kind].keys()];
}

/** How names of files of this (normal) type end, without the dot; 'bin' for one that is not taken. */
export function extensionOf(contentType: string): string {
  for (const types of Object.values(formats)) {
    const extension = types.get(contentType);
    if (extension !== undefined) return extension;
  }
  return 'bin';
}

/** The sort of reply to a message: video is answered in full, voice by voice, all else (a picture too) by text. */
export function replyKindOf(parts: readonly Pick<Part, 'kind'>[]): 'text' | 'voice' | 'video' {
  let wanted: 'text' | 'voice' = 'text';
  for (const { kind } of parts) {
    if (kind === 'video') return 'video';
    if (kind === 'voice') wanted = 'voice';
  }
  return wanted;
}

import { Kind } from '../../client/gen/chat/v1/content_pb.js';

/** The sorts of media, by the word that a person types for them. */
export const MEDIA_KINDS = { voice: Kind.VOICE, video: Kind.VIDEO, image: Kind.IMAGE } as const;

/** One of them. */
export type MediaWord = keyof typeof MEDIA_KINDS;

/** What a file's ending says about its type, for each kind: what the contract takes. The first ending of a type is the usual one. */
const TYPES: Readonly<Record<MediaWord, Readonly<Record<string, string>>>> = {
  voice: {
    mp3: 'audio/mpeg',
    wav: 'audio/wav',
    ogg: 'audio/ogg',
    oga: 'audio/ogg',
    opus: 'audio/ogg',
    webm: 'audio/webm',
    m4a: 'audio/mp4',
  },
  video: { mp4: 'video/mp4', m4v: 'video/mp4', webm: 'video/webm' },
  image: { jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp', gif: 'image/gif' },
};

/** Endings of files of this kind, in lower case, without the dot. */
export function endingsOf(word: MediaWord): readonly string[] {
  return Object.keys(TYPES[word]);
}

/** The media type of a file with this ending; undefined when none of this kind has it. */
export function contentTypeOf(word: MediaWord, ending: string): string | undefined {
  const types = TYPES[word];
  return Object.hasOwn(types, ending) ? types[ending] : undefined;
}

/** The ending for a file of this type; `bin` for one that this release does not know. */
export function endingFor(contentType: string): string {
  for (const types of Object.values(TYPES)) {
    for (const [ending, type] of Object.entries(types)) if (type === contentType) return ending;
  }
  return 'bin';
}

/** What a person calls the kind. */
export function wordFor(kind: Kind): MediaWord | 'media' {
  if (kind === Kind.VOICE) return 'voice';
  if (kind === Kind.VIDEO) return 'video';
  return kind === Kind.IMAGE ? 'image' : 'media';
}

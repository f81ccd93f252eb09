import type { MediaKind } from '../../domain/conversation/events.ts';
import { Kind } from '../../gen/chat/v1/content.ts';

/** What an inspector looks at: the first bytes of a WAVE file, of a PNG and of an MP4. */
const waveHead = [...Buffer.from('RIFF'), 36, 0, 0, 0, ...Buffer.from('WAVEfmt '), 16, 0, 0, 0, 1, 0, 1, 0];
const pngHead = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, ...Buffer.from('IHDR'), 0, 0, 0, 1];
const mp4Head = [0, 0, 0, 24, ...Buffer.from('ftypisom'), 0, 0, 2, 0, ...Buffer.from('isommp42')];

/** A media object that looks like what it is. */
export interface Sample {
  readonly kind: MediaKind;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** With a name at its end, so that no two are the same. */
function bytesOf(head: readonly number[], name: number | string): Uint8Array {
  return Uint8Array.from([...head, ...Buffer.from(String(name).padStart(40, '0'))]);
}

/** One object for each name. */
export const sampleMedia = {
  voice: (name: number | string): Sample => ({
    kind: 'voice',
    contentType: 'audio/wav',
    bytes: bytesOf(waveHead, name),
  }),
  image: (name: number | string): Sample => ({
    kind: 'image',
    contentType: 'image/png',
    bytes: bytesOf(pngHead, name),
  }),
  video: (name: number | string): Sample => ({
    kind: 'video',
    contentType: 'video/mp4',
    bytes: bytesOf(mp4Head, name),
  }),
} as const;

/** As the protocol names them. */
export const wireKinds = { voice: Kind.VOICE, image: Kind.IMAGE, video: Kind.VIDEO } as const;

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Kind as WireKind } from '../../src/client/gen/chat/v1/content_pb.js';
import type { Kind } from './load.ts';

export type MediaKind = Exclude<Kind, 'text'>;

/** A media file of a certain length. */
export interface MediaFile {
  readonly wireKind: WireKind;
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** A box of ISO 14496-12 that players skip; with the length 0 it goes on to the end of the file. */
const freeBox = Buffer.from('\0\0\0\0free', 'latin1');

/** The project's samples. Behind an MP3 decoders look for the next frame and find none; behind a JPEG they do not look. */
const samples: Readonly<Record<MediaKind, MediaFile>> = {
  voice: { wireKind: WireKind.VOICE, contentType: 'audio/mpeg', bytes: sample('voice.mp3') },
  video: { wireKind: WireKind.VIDEO, contentType: 'video/mp4', bytes: Buffer.concat([sample('clip.mp4'), freeBox]) },
  image: { wireKind: WireKind.IMAGE, contentType: 'image/jpeg', bytes: sample('picture.jpg') },
};

function sample(file: string): Buffer {
  return readFileSync(new URL(`../../src/testing/samples/${file}`, import.meta.url));
}

/** Of the shortest file of this kind. */
export function shortestBytes(kind: MediaKind): number {
  return samples[kind].bytes.length;
}

/** Real media files of any length: a sample with zeros behind it. All that are said share the bytes of the longest. */
export class MediaFiles {
  readonly #longest = new Map<MediaKind, Buffer>();
  readonly #hashes = new Map<string, string>();

  /** A file of so many bytes, or the shortest one. */
  file(kind: MediaKind, length: number): MediaFile {
    const { wireKind, contentType, bytes: shortest } = samples[kind];
    let longest = this.#longest.get(kind) ?? shortest;
    if (longest.length < length) {
      longest = Buffer.concat([shortest, Buffer.alloc(length - shortest.length)]);
      this.#longest.set(kind, longest);
    }
    return { wireKind, contentType, bytes: longest.subarray(0, Math.max(length, shortest.length)) };
  }

  /** The SHA-256 of that file, in hexadecimal digits. */
  sha256(kind: MediaKind, length: number): string {
    const key = `${kind} ${length}`;
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    const sha256 = hash('sha256', this.file(kind, length).bytes, 'hex');
    this.#hashes.set(key, sha256);
    return sha256;
  }
}

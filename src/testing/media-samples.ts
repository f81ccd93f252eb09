import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A media file, and what it is. */
export interface Sample {
  readonly kind: 'KIND_VOICE' | 'KIND_VIDEO' | 'KIND_IMAGE';
  readonly contentType: string;
  readonly bytes: Buffer;
}

function sample(kind: Sample['kind'], contentType: string, file: string): Sample {
  return { kind, contentType, bytes: readFileSync(new URL(`samples/${file}`, import.meta.url)) };
}

export const voice = sample('KIND_VOICE', 'audio/mpeg', 'voice.mp3');
export const video = sample('KIND_VIDEO', 'video/mp4', 'clip.mp4');
export const picture = sample('KIND_IMAGE', 'image/png', 'picture.png');

/** What a page looks like that somebody names as a picture. */
export const page = Buffer.from('<!doctype html><script>alert(1)</script>');

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The sample, made longer by bytes that players skip. */
export function padded({ bytes }: Sample, length: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, length - bytes.length))]);
}

/** A media part that carries the bytes; what it states of them can be overridden. */
export function inlinePart({ kind, contentType, bytes }: Sample, over: object = {}): object {
  return { media: { kind, contentType, inlineData: bytes, ...over } };
}

import { readFile } from 'node:fs/promises';
import { type GeneratedMedia, ProviderError, type ReplyKind } from '../../ports/provider.ts';

/**
 * A sound or a picture that is bundled with the code. These, and those in src/testing/samples, are the project's own: a program synthesized a chime and a
 * landscape and encoded them with wasm-media-encoders, jpeg-js and h264-mp4-encoder (src/tooling/make-samples.ts of commit 04799cb, which gives the same
 * bytes again).
 */
export interface Sample extends Omit<GeneratedMedia, 'type' | 'bytes'> {
  readonly file: string;
}

const chime: Sample = { kind: 'voice', contentType: 'audio/mpeg', file: 'voice.mp3' };
const landscape: Sample = { kind: 'image', contentType: 'image/jpeg', file: 'picture.jpg' };

/** What belongs to each sort of reply behind its text. */
export const samplesOf: Readonly<Record<ReplyKind, readonly Sample[]>> = {
  text: [],
  voice: [chime],
  video: [chime, landscape],
};

/** Each is read once, when it is first wanted. */
const bytesOf = new Map<string, Uint8Array>();

async function bytesIn(file: string): Promise<Uint8Array> {
  const known = bytesOf.get(file);
  if (known !== undefined) return known;
  const bytes = await readFile(new URL(`samples/${file}`, import.meta.url));
  bytesOf.set(file, bytes);
  return bytes;
}

/** The sample as a piece of a reply. Rejects with ProviderError when its file cannot be read. */
export async function mediaOf({ file, ...sample }: Sample): Promise<GeneratedMedia> {
  try {
    return { type: 'media', ...sample, bytes: await bytesIn(file) };
  } catch (cause) {
    throw new ProviderError(`the sample ${file} cannot be read`, false, undefined, { cause });
  }
}

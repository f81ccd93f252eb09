import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Kind } from '../../client/gen/chat/v1/content_pb.js';
import { systemWords, Trouble } from '../trouble.ts';
import type { MediaWord } from './formats.ts';
import { contentTypeOf, endingsOf, MEDIA_KINDS } from './formats.ts';

/** A file that can be said. */
export interface MediaFile {
  readonly path: string;
  /** Without its folders. */
  readonly name: string;
  readonly kind: Kind;
  readonly contentType: string;
  readonly sizeBytes: number;
}

/** A path as a person types it: `~` is home. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** Looks at a file that is to be said as voice, video or image. @throws Trouble when it is not there, or is none */
export async function mediaFile(word: MediaWord, typedPath: string): Promise<MediaFile> {
  const path = expandHome(typedPath);
  const contentType = contentTypeOf(word, extname(path).slice(1).toLowerCase());
  if (contentType === undefined)
    throw new Trouble(`${path} does not end as a file of ${word} does: ${endingsOf(word).join(', ')}.`);
  const found = await stat(path).catch(cannotRead(path));
  if (!found.isFile()) throw new Trouble(`${path} is no file.`);
  if (found.size === 0) throw new Trouble(`${path} is empty.`);
  return { path, name: basename(path), kind: MEDIA_KINDS[word], contentType, sizeBytes: found.size };
}

/** All of it. @throws Trouble */
export function bytesOf({ path }: MediaFile): Promise<Buffer> {
  return readFile(path).catch(cannotRead(path));
}

/** Its SHA-256, 32 bytes, without holding it in memory. @throws Trouble */
export async function hashOf({ path, sizeBytes }: MediaFile, signal?: AbortSignal): Promise<Buffer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { end: sizeBytes - 1 }), hash, { signal }).catch((error: Error) => {
    if (signal?.aborted) throw error;
    cannotRead(path)(error);
  });
  return hash.digest();
}

function cannotRead(path: string): (error: unknown) => never {
  return (error) => {
    throw new Trouble(`${path} cannot be read: ${systemWords(error)}.`);
  };
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const chunkBytes = 64 * 1_024;

/** Chunks that differ, made as they are taken. */
function* patternChunks(sizeBytes: number): Generator<Buffer> {
  for (let at = 0; at < sizeBytes; at += chunkBytes) {
    const chunk = Buffer.alloc(Math.min(chunkBytes, sizeBytes - at), at % 251);
    chunk.writeUInt32LE(at / chunkBytes, 0);
    yield chunk;
  }
}

/** So many bytes, never all in memory. */
export function patternStream(sizeBytes: number): Readable {
  return Readable.from(patternChunks(sizeBytes), { objectMode: false });
}

export function patternSha256(sizeBytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of patternChunks(sizeBytes)) hash.update(chunk);
  return hash.digest('hex');
}

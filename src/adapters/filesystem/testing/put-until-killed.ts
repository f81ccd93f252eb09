/**
 * Puts objects into the store of the folder named, many at once, half of them by HTTP, and prints id and hash of each that was acknowledged,
 * until killed.
 */
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newMediaId } from '../../../domain/media/media-id.ts';
import type { MediaObject } from '../../../ports/media-store.ts';
import { systemClock } from '../../node/system-clock.ts';
import { openFolderMediaStore } from '../folder-media-store.ts';

const putters = 16;
const largestBytes = 300_000;
const hourMs = 3_600_000;

const [folder = ''] = process.argv.slice(2);
const server = createServer((request, response) => void store.handler(request, response));
const store = await openFolderMediaStore({
  folder,
  prefix: 'test',
  publicUrl: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  clock: systemClock,
  maxObjectBytes: largestBytes,
  onError: (error) => console.error(error),
  limits: { maxUploadsPerOwner: putters },
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

/** A line is short enough for a pipe to take whole, and the parent reads all the time. */
function print(text: string): void {
  for (let isOut = false; !isOut; ) {
    try {
      writeSync(1, text);
      isOut = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function upload(object: MediaObject, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const { url, headers } = await store.uploadUrl(object, systemClock.nowMs() + hourMs);
  const { status } = await fetch(url, { method: 'PUT', headers, body: bytes });
  if (status !== 201) throw new Error(`an upload was answered with ${status}`);
}

async function putForEver(putter: number): Promise<never> {
  for (let number = 0; ; number += 1) {
    const bytes = Uint8Array.from(randomBytes(1 + ((number * 7_919 + putter * 104_729) % largestBytes)));
    const object: MediaObject = {
      mediaId: newMediaId(randomUUID(), systemClock.nowMs()),
      ownerId: `putter ${putter}`,
      kind: 'voice',
      contentType: 'audio/mpeg',
      sizeBytes: bytes.length,
      sha256: hash('sha256', bytes, 'hex'),
    };
    if (putter % 2 === 0) await store.put(object, bytes);
    else await upload(object, bytes);
    print(`${object.mediaId} ${object.sha256}\n`);
  }
}

await Promise.all(Array.from({ length: putters }, (_, putter) => putForEver(putter)));

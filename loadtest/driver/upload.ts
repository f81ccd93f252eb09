import { hash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { MediaServiceService } from '../../src/gen/chat/v1/media_service.ts';
import type { Line } from './line.ts';
import type { MediaFile } from './media-files.ts';
import { Refusal } from './refusal.ts';

const putTimeoutMs = 30_000;

/** Stores a media file and answers with its id. Rejects with Refusal; a PUT that is not taken is one with the reason `PUT_` and the HTTP status. */
export async function upload(
  line: Line,
  clientId: string,
  { wireKind, contentType, bytes }: MediaFile,
): Promise<string> {
  const sha256 = hash('sha256', bytes, 'buffer');
  const { mediaId, uploadUrl, uploadHeaders } = await line.call(MediaServiceService.createUpload, {
    kind: wireKind,
    contentType,
    sizeBytes: BigInt(bytes.length),
    sha256,
    clientId,
  });
  const headers = Object.fromEntries(uploadHeaders);
  // fetch sets it from the body, and would refuse to be told.
  delete headers['content-length'];
  const signal = AbortSignal.timeout(putTimeoutMs);
  const body = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
  const answer = await fetch(uploadUrl, { method: 'PUT', headers, body, signal }).catch((error: Error) => {
    throw new Refusal(status.UNAVAILABLE, `PUT: ${error.message}`);
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Refusal(status.UNKNOWN, `PUT was answered with ${answer.status}`, `PUT_${answer.status}`);
  return mediaId;
}

import { withToken } from './black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp } from './contract.ts';
import { type Sample, sha256 } from './media-samples.ts';

/** Whose calls these are, and where they go. */
export interface Uploader {
  readonly address: string;
  readonly clientId: string;
  readonly accessToken?: string;
}

/** One call of MediaService. Rejects with CallRefused. */
export async function mediaCall(who: Uploader, method: string, request: object): Promise<Dynamic> {
  const client = clientOf('chat.v1.MediaService', who.address);
  try {
    return await call(client, method, request, undefined, withToken(who.accessToken));
  } finally {
    hangUp(client);
  }
}

/** Reserves room for the sample; what is said of it can be overridden. */
export function reserve(who: Uploader, { kind, contentType, bytes }: Sample, over: object = {}): Promise<Dynamic> {
  const described = { kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes) };
  return mediaCall(who, 'CreateUpload', { ...described, clientId: who.clientId, ...over });
}

/** PUTs bytes where CreateUpload said; answers with the status. */
export async function putTo(reserved: Dynamic, bytes: Uint8Array): Promise<number> {
  const headers: Record<string, string> = { ...reserved.uploadHeaders };
  // fetch sets it from the body, and would refuse to be told.
  delete headers['content-length'];
  const response = await fetch(reserved.uploadUrl, { method: 'PUT', headers, body: new Blob([new Uint8Array(bytes)]) });
  await response.arrayBuffer();
  return response.status;
}

/** Uploads the sample; answers with its media id. */
export async function upload(who: Uploader, sample: Sample): Promise<string> {
  const reserved = await reserve(who, sample);
  const status = await putTo(reserved, sample.bytes);
  if (status >= 300) throw new Error(`the upload was answered with ${status}`);
  return reserved.mediaId;
}

/** Fetches the bytes of a media part from its URL. */
export async function bytesOf(media: Dynamic): Promise<Buffer> {
  const response = await fetch(media.url);
  if (response.status !== 200) throw new Error(`${media.mediaId}: ${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

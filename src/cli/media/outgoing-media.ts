import type { SessionLimits } from '../../gen/chat/v1/chat_service.ts';
import type { Part } from '../../gen/chat/v1/content.ts';
import { Media } from '../../gen/chat/v1/content.ts';
import type { CreateUploadResponse } from '../../gen/chat/v1/media_service.ts';
import { CreateUploadRequest, MediaServiceService } from '../../gen/chat/v1/media_service.ts';
import { Connection } from '../connection.ts';
import type { Identity } from '../identity.ts';
import { MessageRefused } from '../outbox.ts';
import { Trouble } from '../trouble.ts';
import type { MediaFile } from './media-file.ts';
import { bytesOf, hashOf } from './media-file.ts';
import { bytesText } from './media-text.ts';
import { patiently } from './patience.ts';
import type { ShowProgress } from './progress.ts';
import { progressOf } from './progress.ts';
import { putFile, TransferFailed } from './transfer.ts';

/** What it takes to say a file. */
export interface Outgoing {
  readonly identity: Identity;
  /** From Welcome. */
  readonly limits: SessionLimits;
  readonly show: ShowProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A file as a part of a message: a small one holds its bytes, a large one is stored first. The part can be sent any
 * number of times.
 * @throws MessageRefused before anything is sent when it is too large, Refusal, TransferFailed, Trouble
 */
export async function outgoingPart(file: MediaFile, { identity, limits, show, signal }: Outgoing): Promise<Part> {
  const { kind, contentType, sizeBytes } = file;
  if (sizeBytes > Math.max(Number(limits.maxMediaBytes), limits.maxInlineBytes)) {
    throw new MessageRefused('', 'MEDIA_TOO_LARGE', tooLarge(file, Number(limits.maxMediaBytes)));
  }
  if (sizeBytes <= limits.maxInlineBytes)
    return mediaPart(Media.create({ kind, contentType, inlineData: await bytesOf(file) }));
  const mediaId = await upload(file, identity, show, signal);
  return mediaPart(Media.create({ kind, contentType, mediaId }));
}

/** To the byte where rounding would say the same of both. */
function tooLarge({ name, sizeBytes }: MediaFile, maxBytes: number): string {
  const [has, takes] = [bytesText(sizeBytes), bytesText(maxBytes)];
  return has === takes
    ? `${name} has ${sizeBytes} bytes; the server takes ${maxBytes} bytes.`
    : `${name} has ${has}; the server takes ${takes}.`;
}

function mediaPart(value: Media): Part {
  return { value: { $case: 'media', value } };
}

/** @returns the media id, once the server has all of it */
async function upload(
  file: MediaFile,
  identity: Identity,
  show: ShowProgress,
  signal: AbortSignal | undefined,
): Promise<string> {
  const sha256 = await hashOf(file, signal);
  const progress = progressOf(`sending ${file.name}`, file.sizeBytes, show);
  using connection = new Connection(identity.endpoint);
  let target: CreateUploadResponse | undefined;
  const attempt = async (): Promise<string> => {
    target ??= await reserve(connection, file, sha256, identity.clientId);
    const { mediaId, uploadUrl, uploadHeaders } = target;
    try {
      await putFile(uploadUrl, uploadHeaders, file, { tls: identity.endpoint.tls, signal, onProgress: progress.to });
      return mediaId;
    } catch (error) {
      // Its URL is no good any more; the next attempt asks for another.
      if (error instanceof TransferFailed && error.needsFreshUrl) target = undefined;
      throw error;
    }
  };
  try {
    return await patiently(attempt, signal);
  } catch (error) {
    if (!(error instanceof TransferFailed)) throw error;
    throw new Trouble(`${file.name} was not taken: ${error.message}`);
  } finally {
    progress.end();
  }
}

function reserve(
  connection: Connection,
  { kind, contentType, sizeBytes }: MediaFile,
  sha256: Buffer,
  clientId: string,
): Promise<CreateUploadResponse> {
  const request = CreateUploadRequest.create({ kind, contentType, sizeBytes: BigInt(sizeBytes), sha256, clientId });
  return connection.call(MediaServiceService.createUpload, request);
}

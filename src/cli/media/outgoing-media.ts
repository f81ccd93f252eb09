import type { SessionLimits } from '../../client/gen/chat/v1/chat_service_pb.js';
import type { OutgoingPart } from '../../client/outbox.ts';
import { MessageRefused } from '../../client/refusal.ts';
import { TransferFailed } from '../../client/transfer-failed.ts';
import type { MediaSource } from '../../client/uploads.ts';
import { connect, type Endpoint } from '../endpoint.ts';
import type { Identity } from '../identity.ts';
import { Trouble } from '../trouble.ts';
import type { MediaFile } from './media-file.ts';
import { bytesOf, hashOf } from './media-file.ts';
import { bytesText } from './media-text.ts';
import type { ShowProgress } from './progress.ts';
import { progressOf } from './progress.ts';
import { putFile } from './transfer.ts';

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
export async function outgoingPart(
  file: MediaFile,
  { identity, limits, show, signal }: Outgoing,
): Promise<OutgoingPart> {
  if (file.sizeBytes > Math.max(Number(limits.maxMediaBytes), limits.maxInlineBytes))
    throw new MessageRefused('', 'MEDIA_TOO_LARGE', tooLarge(file, Number(limits.maxMediaBytes)));
  const { endpoint, clientId } = identity;
  using parley = connect(endpoint, { clientId });
  const progress = progressOf(`sending ${file.name}`, file.sizeBytes, show);
  try {
    return await parley.mediaPart(sourceOf(file, endpoint), { limits, signal, onProgress: progress.to });
  } catch (error) {
    if (!(error instanceof TransferFailed)) throw error;
    throw new Trouble(`${file.name} was not taken: ${error.message}`);
  } finally {
    progress.end();
  }
}

function sourceOf(file: MediaFile, { tls }: Endpoint): MediaSource {
  return {
    ...file,
    fileName: file.name,
    bytes: () => bytesOf(file),
    sha256: (signal) => hashOf(file, signal),
    put: (url, options) => putFile(url, file, { tls, ...options }),
  };
}

/** To the byte where rounding would say the same of both. */
function tooLarge({ name, sizeBytes }: MediaFile, maxBytes: number): string {
  const [has, takes] = [bytesText(sizeBytes), bytesText(maxBytes)];
  return has === takes
    ? `${name} has ${sizeBytes} bytes; the server takes ${maxBytes} bytes.`
    : `${name} has ${has}; the server takes ${takes}.`;
}

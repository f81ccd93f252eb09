import type { Client } from '@connectrpc/connect';
import type { SessionLimits } from './gen/chat/v1/chat_service_pb.js';
import type { Kind } from './gen/chat/v1/content_pb.js';
import type { CreateUploadResponse, MediaService } from './gen/chat/v1/media_service_pb.js';
import type { OutgoingPart } from './outbox.ts';
import { MessageRefused } from './refusal.ts';
import { mayPass, retrying } from './retry.ts';
import { demandSuccess, type TransferAnswer, TransferFailed } from './transfer-failed.ts';

/** How a PUT is made. */
export interface PutOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Called from time to time with the bytes that were sent. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** Something that can be said: a file, or bytes in memory. */
export interface MediaSource {
  /** For messages to people. */
  readonly name: string;
  /** Sent with it, for whoever reads the message; of one that the server would refuse nothing is sent. Default: none. */
  readonly fileName?: string | undefined;
  readonly kind: Kind;
  /** IANA media type; the server compares it with the bytes. */
  readonly contentType: string;
  readonly sizeBytes: number;
  /** All of it. */
  bytes(): Promise<Uint8Array>;
  /** Its SHA-256, 32 bytes. */
  sha256(signal?: AbortSignal): Promise<Uint8Array>;
  /** PUTs all of it. @returns whatever the other side answered; throws TransferFailed or the reason of the signal */
  put(url: string, options: PutOptions): Promise<TransferAnswer>;
}

/** How a medium is stored. */
export interface StoreOptions extends Omit<PutOptions, 'headers'> {
  /** Between attempts while the server or the store is away. Default: some 15 s in all. */
  readonly waitsMs?: Iterable<number> | undefined;
}

/** How a medium is made ready to be sent. */
export interface UploadOptions extends StoreOptions {
  /** From Welcome: what is small goes in the message. Undefined: everything is stored first. */
  readonly limits?: SessionLimits | undefined;
}

/**
 * A medium as a part of a message: a small one holds its bytes, a large one is stored first. The part can be sent any number of times.
 * @param clientId empty: whom the access token says
 * @throws MessageRefused before anything is sent when it is too large, Refusal, TransferFailed, or the reason of the signal
 */
export async function mediaPart(
  media: Client<typeof MediaService>,
  clientId: string,
  source: MediaSource,
  { limits, ...options }: UploadOptions = {},
): Promise<OutgoingPart> {
  const { kind, contentType, sizeBytes } = source;
  const maxBytes = limits === undefined ? Infinity : Math.max(Number(limits.maxMediaBytes), limits.maxInlineBytes);
  if (sizeBytes > maxBytes) {
    const detail = `${source.name} has ${sizeBytes} bytes; the server takes ${limits?.maxMediaBytes} bytes.`;
    throw new MessageRefused('', 'MEDIA_TOO_LARGE', detail);
  }
  const isSmall = limits !== undefined && sizeBytes <= limits.maxInlineBytes;
  const content = isSmall
    ? { inlineData: await source.bytes() }
    : { mediaId: await storeMedia(media, clientId, source, options) };
  return {
    value: { case: 'media', value: { kind, contentType, fileName: fileNameToSend(source.fileName), ...content } },
  };
}

/** As the server has it: control characters, line separators, marks that turn the direction of writing. */
const refusedInNames = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
const maxFileNameBytes = 255;

/** The name of a file, if the server takes it; else ''. */
export function fileNameToSend(name = ''): string {
  return refusedInNames.test(name) || new TextEncoder().encode(name).length > maxFileNameBytes ? '' : name;
}

/**
 * Stores a medium at the server, to be named in a message.
 * @param clientId empty: whom the access token says
 * @returns the media id, once the server has all of it
 * @throws Refusal, TransferFailed, or the reason of the signal
 */
export async function storeMedia(
  media: Client<typeof MediaService>,
  clientId: string,
  source: MediaSource,
  { signal, onProgress, waitsMs }: StoreOptions = {},
): Promise<string> {
  const { kind, contentType } = source;
  const sha256 = await source.sha256(signal);
  const request = { kind, contentType, sizeBytes: BigInt(source.sizeBytes), sha256, clientId };
  let target: CreateUploadResponse | undefined;
  const attempt = async (): Promise<string> => {
    target ??= await media.createUpload(request, { signal });
    const { mediaId, uploadUrl, uploadHeaders } = target;
    try {
      demandSuccess(await source.put(uploadUrl, { headers: uploadHeaders, signal, onProgress }));
      return mediaId;
    } catch (error) {
      // Its URL is no good any more; the next attempt asks for another.
      if (needsFreshUrl(error)) target = undefined;
      throw error;
    }
  };
  return retrying(attempt, signal, waitsMs, (error) => mayPass(error) || needsFreshUrl(error));
}

function needsFreshUrl(error: unknown): boolean {
  return error instanceof TransferFailed && error.needsFreshUrl;
}

/** Headers that browsers set by themselves, and forbid others to. */
const OF_BROWSER: ReadonlySet<string> = new Set(['content-length', 'host']);

/** PUTs a blob. @throws TransferFailed, or the reason of the signal */
export type PutBlob = (url: string, blob: Blob, options: PutOptions) => Promise<TransferAnswer>;

/** Bytes in memory, or a file of a browser, as a medium. @param put default: by `fetch`, which tells no progress */
export function blobSource(
  blob: Blob,
  kind: Kind,
  contentType = blob.type,
  name = 'The medium',
  put: PutBlob = putByFetch,
): MediaSource {
  const bytes = async () => new Uint8Array(await blob.arrayBuffer());
  return {
    name,
    kind,
    contentType,
    sizeBytes: blob.size,
    bytes,
    sha256: async () => new Uint8Array(await crypto.subtle.digest('SHA-256', await bytes())),
    put: (url, { headers, ...options }) => {
      const own = Object.entries(headers).filter(([header]) => !OF_BROWSER.has(header.toLowerCase()));
      return put(url, blob, { headers: Object.fromEntries(own), ...options });
    },
  };
}

async function putByFetch(url: string, body: Blob, { headers, signal }: PutOptions): Promise<TransferAnswer> {
  try {
    const answer = await fetch(url, { method: 'PUT', headers, body, signal: signal ?? null });
    return { status: answer.status, statusText: answer.statusText, body: await answer.text() };
  } catch (error) {
    signal?.throwIfAborted();
    throw new TransferFailed(0, error instanceof Error ? error.message : String(error));
  }
}

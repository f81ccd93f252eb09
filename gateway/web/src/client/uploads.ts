import { reconnectDelayMs } from '../../../../src/client/reconnect.ts';
import type { Bell } from './bell.ts';
import { CallFailed, type Calls, failure } from './calls.ts';
import { bytesOf, type OutgoingFile } from './outbox.ts';
import type { Page, PutAnswer } from './page.ts';
import { refusal } from './refusals.ts';
import { wireKinds } from './shown-parts.ts';

/** Headers that browsers set by themselves, and forbid pages to. */
const ofBrowser: ReadonlySet<string> = new Set(['content-length', 'host']);

interface Target {
  readonly mediaId: string;
  readonly uploadUrl: string;
  readonly uploadHeaders: Readonly<Record<string, string>>;
}

/** Stores files at the server, straight in its media store, however often the network breaks. */
export class Uploads {
  readonly #calls: Calls;
  readonly #page: Page;
  readonly #bell: Bell;
  readonly #clientId: () => string;

  /** @param bell rung when trying again at once makes sense @param clientId '' where the token says who it is */
  constructor(calls: Calls, page: Page, bell: Bell, clientId: () => string) {
    this.#calls = calls;
    this.#page = page;
    this.#bell = bell;
    this.#clientId = clientId;
  }

  /** @returns the media id, once the server has all of it. Rejects with CallFailed when it will not take it, and with the signal's reason. */
  async store(
    file: OutgoingFile & { readonly bytes: Blob },
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const sha256 = new Uint8Array(await crypto.subtle.digest('SHA-256', await bytesOf(file.bytes)));
    let target: Target | undefined;
    for (let failures = 1; ; failures += 1) {
      try {
        target ??= await this.#reserve(file, sha256, signal);
        await this.#send(target, file.bytes, onProgress, signal);
        return target.mediaId;
      } catch (error) {
        signal.throwIfAborted();
        const why = failure(error);
        if (!why.refusal.retryable) throw why;
        // Its URL may be no good any more.
        if (why.reason === 'MEDIA_URL_INVALID') target = undefined;
        await this.#bell.wait(reconnectDelayMs(failures, why.retryDelayMs, this.#page.random()), signal);
      }
    }
  }

  #reserve({ kind, contentType, sizeBytes }: OutgoingFile, sha256: Uint8Array, signal: AbortSignal): Promise<Target> {
    const clientId = this.#clientId();
    const request = { kind: wireKinds[kind], contentType, sizeBytes: BigInt(sizeBytes), sha256, clientId };
    return this.#calls.media.createUpload(request, { signal });
  }

  async #send(
    { uploadUrl, uploadHeaders }: Target,
    body: Blob,
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const headers = Object.fromEntries(
      Object.entries(uploadHeaders).filter(([name]) => !ofBrowser.has(name.toLowerCase())),
    );
    const answer = await this.#page.put(uploadUrl, { headers, body, onProgress, signal });
    if (answer.status < 200 || answer.status >= 300) throw putFailure(answer);
  }
}

/** A server of ours says why as JSON; an object store as XML, which says no more than the status. */
function putFailure({ status, body }: PutAnswer): CallFailed {
  const told = reasonIn(body);
  const needsFreshUrl = status === 401 || status === 403 || status === 410;
  const isAway = status === 0 || status === 408 || status === 429 || status >= 500;
  if (needsFreshUrl) return new CallFailed(refusal('MEDIA_URL_INVALID', true));
  if (isAway) return new CallFailed(refusal(told ?? (status === 0 ? 'NETWORK' : 'MEDIA_UNAVAILABLE'), true));
  return new CallFailed(refusal(told ?? 'MEDIA_MISMATCH', false));
}

function reasonIn(body: string): string | undefined {
  try {
    const { reason } = Object(JSON.parse(body));
    return typeof reason === 'string' ? reason : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

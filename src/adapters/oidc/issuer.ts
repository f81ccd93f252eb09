import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import {
  fetchTimeoutMs,
  issuerRetryMs,
  keysMaxAgeMs,
  maxDocumentBytes,
  unknownKeyCalls,
  unknownKeyRefillMs,
} from './limits.ts';

/** What is known of an issuer. */
export interface Discovered {
  /** As its tokens name it. */
  readonly issuer: string;
  /** The key that a token names, fetched when it is not known. Rejects with AuthenticationUnavailable, or an error of jose's about the token. */
  readonly keys: JWTVerifyGetKey;
}

type IssuerClock = Pick<Clock, 'monotonicMs' | 'sleep'>;

/** Discovered when it is needed first, and again after that failed; then known until the process ends. */
export class Issuer {
  readonly #discover: () => Promise<Discovered>;
  #discovered: Discovered | undefined;

  /** The URL without a slash at its end. Throws OidcIssuerInsecure. */
  constructor(url: string, clock: IssuerClock) {
    checkSecure(new URL(url));
    this.#discover = retriedLater(clock, () => discover(url, clock));
  }

  /** Rejects with AuthenticationUnavailable. */
  async discovered(): Promise<Discovered> {
    this.#discovered ??= await this.#discover();
    return this.#discovered;
  }
}

/** Does the work once for all who wait for it. After a failure, whoever comes too soon gets the same error instead. */
function retriedLater<T>(clock: IssuerClock, work: () => Promise<T>): () => Promise<T> {
  let failure: { readonly error: unknown; readonly untilMs: number } | undefined;
  let running: Promise<T> | undefined;
  const run = async () => {
    try {
      return await work();
    } catch (error) {
      failure = { error, untilMs: clock.monotonicMs() + issuerRetryMs };
      throw error;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (failure !== undefined && clock.monotonicMs() < failure.untilMs) throw failure.error;
    running ??= run();
    return running;
  };
}

async function discover(url: string, clock: IssuerClock): Promise<Discovered> {
  const address = `${url}/.well-known/openid-configuration`;
  const document = await fetchDocument(address);
  const { issuer, jwks_uri: keysUrl } = document;
  // Some issuers' names end in a slash, and the one that was configured has lost it; tokens are held to the name as it is.
  if (typeof issuer !== 'string' || issuer.replace(/\/+$/, '') !== url)
    throw unavailable(address, `it names the issuer ${JSON.stringify(issuer)}, not ${url}`);
  if (typeof keysUrl !== 'string') throw unavailable(address, 'it names no jwks_uri');
  return { issuer, keys: keysAt(keysUrl, clock) };
}

/** Throws AuthenticationUnavailable for an address that keys must not be fetched from. */
function keysAt(url: string, clock: IssuerClock): JWTVerifyGetKey {
  let remote: ReturnType<typeof createRemoteJWKSet>;
  try {
    checkSecure(new URL(url));
    const fetched = retriedLater(clock, () => fetchKeys(url));
    remote = createRemoteJWKSet(new URL(url), {
      // Unknown keys are looked for below: jose would look for none in the first seconds after a fetch.
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: keysMaxAgeMs,
      [customFetch]: async () => Response.json(await fetched()),
    });
  } catch (error) {
    throw unavailable(`keys at ${url}`, error);
  }
  const refresh = refreshInTurn(clock, () => remote.reload());
  return async (header, token) => {
    try {
      return await remote(header, token).catch(async (error: unknown) => {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        await refresh();
        return remote(header, token);
      });
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof AuthenticationUnavailable) throw error;
      throw unavailable(`keys at ${url}`, error);
    }
  };
}

/**
 * One fetch for all who name unknown keys, as soon as the bucket has a token. Made-up keys cannot flood the issuer; a caller with a new key waits
 * behind them, because a refusal would sign them out.
 */
function refreshInTurn(clock: IssuerClock, reload: () => Promise<void>): () => Promise<void> {
  const intervalMs = unknownKeyRefillMs / unknownKeyCalls;
  /** When the bucket is full again. */
  let fullAtMs = Number.NEGATIVE_INFINITY;
  let turn: Promise<void> | undefined;
  const take = async () => {
    try {
      const waitMs = fullAtMs - clock.monotonicMs() - (unknownKeyCalls - 1) * intervalMs;
      if (waitMs > 0) await clock.sleep(waitMs);
      fullAtMs = Math.max(fullAtMs, clock.monotonicMs()) + intervalMs;
      await reload();
    } finally {
      turn = undefined;
    }
  };
  return () => {
    turn ??= take();
    return turn;
  };
}

/** A key set whose keys cannot be looked through is the issuer's fault and not the token's. */
async function fetchKeys(url: string) {
  const document = await fetchDocument(url);
  const { keys } = document;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
    throw unavailable(url, 'it is no key set');
  return document;
}

/** The issuer, or its keys, over plain HTTP: anybody on the path could forge the response. */
export class OidcIssuerInsecure extends Error {
  override readonly name = 'OidcIssuerInsecure';
}

/** Throws OidcIssuerInsecure for plain HTTP beyond this machine. */
function checkSecure(url: URL): void {
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)) return;
  throw new OidcIssuerInsecure(`${url.href} must be https: only an issuer on this machine may do without`);
}

/** The JSON object at this address. Rejects with AuthenticationUnavailable. */
async function fetchDocument(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // Another address than the one that was checked is not asked.
    const signal = AbortSignal.timeout(fetchTimeoutMs);
    const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    const body = await boundedText(response);
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    const document: unknown = JSON.parse(body);
    if (typeof document !== 'object' || document === null) throw new Error('not a JSON object');
    return document as Record<string, unknown>;
  } catch (error) {
    throw unavailable(url, error);
  }
}

/** What could not be had from the issuer, and why. */
export function unavailable(what: string, cause: unknown): AuthenticationUnavailable {
  return new AuthenticationUnavailable(`${what}: ${String(cause)}`, { cause });
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxDocumentBytes) throw new Error(`more than ${maxDocumentBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

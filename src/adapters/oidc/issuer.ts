import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import { discoveryRetryMs, fetchTimeoutMs, keysCooldownMs, keysMaxAgeMs, maxDocumentBytes } from './limits.ts';

/** What is known of an issuer. */
export interface Discovered {
  /** As its tokens name it. */
  readonly issuer: string;
  /** The key that a token names, fetched when it is not known. Rejects with AuthenticationUnavailable, or an error of jose's about the token. */
  readonly keys: JWTVerifyGetKey;
}

/** Discovered when it is needed first, and again after that failed; then known until the process ends. */
export class Issuer {
  readonly #url: string;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #discovered: Discovered | undefined;
  #discovering: Promise<Discovered> | undefined;
  #failure: { readonly error: unknown; readonly untilMs: number } | undefined;

  /** The URL without a slash at its end. Throws OidcIssuerInsecure. */
  constructor(url: string, clock: Pick<Clock, 'monotonicMs'>) {
    checkSecure(new URL(url));
    this.#url = url;
    this.#clock = clock;
  }

  /** Rejects with AuthenticationUnavailable. */
  async discovered(): Promise<Discovered> {
    if (this.#discovered !== undefined) return this.#discovered;
    if (this.#failure !== undefined && this.#clock.monotonicMs() < this.#failure.untilMs) throw this.#failure.error;
    this.#discovering ??= this.#discover();
    return this.#discovering;
  }

  async #discover(): Promise<Discovered> {
    try {
      this.#discovered = await discover(this.#url);
      return this.#discovered;
    } catch (error) {
      this.#failure = { error, untilMs: this.#clock.monotonicMs() + discoveryRetryMs };
      throw error;
    } finally {
      this.#discovering = undefined;
    }
  }
}

async function discover(url: string): Promise<Discovered> {
  const address = `${url}/.well-known/openid-configuration`;
  const document = await fetchDocument(address, AbortSignal.timeout(fetchTimeoutMs));
  const { issuer, jwks_uri: keysUrl } = document;
  // Some issuers' names end in a slash, and the one that was configured has lost it; tokens are held to the name as it is.
  if (typeof issuer !== 'string' || issuer.replace(/\/+$/, '') !== url)
    throw unavailable(address, `it names the issuer ${JSON.stringify(issuer)}, not ${url}`);
  if (typeof keysUrl !== 'string') throw unavailable(address, 'it names no jwks_uri');
  return { issuer, keys: keysAt(keysUrl) };
}

/** Throws AuthenticationUnavailable for an address that keys must not be fetched from. */
function keysAt(url: string): JWTVerifyGetKey {
  let remote: JWTVerifyGetKey;
  try {
    checkSecure(new URL(url));
    remote = createRemoteJWKSet(new URL(url), {
      cooldownDuration: keysCooldownMs,
      cacheMaxAge: keysMaxAgeMs,
      timeoutDuration: fetchTimeoutMs,
      [customFetch]: async (address, { signal }) => Response.json(await fetchKeys(address, signal)),
    });
  } catch (error) {
    throw unavailable(`keys at ${url}`, error);
  }
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof AuthenticationUnavailable) throw error;
      throw unavailable(`keys at ${url}`, error);
    }
  };
}

/** A key set whose keys cannot be looked through is the issuer's fault and not the token's. */
async function fetchKeys(url: string, signal: AbortSignal) {
  const document = await fetchDocument(url, signal);
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
async function fetchDocument(url: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  try {
    // Another address than the one that was checked is not asked.
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

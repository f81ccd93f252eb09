import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import { maxDocumentBytes } from './limits.ts';

/** An OpenID Connect issuer, or its keys, asked for over plain HTTP: whoever is on the way could answer. */
export class OidcIssuerInsecure extends Error {
  override readonly name = 'OidcIssuerInsecure';
}

/** Throws OidcIssuerInsecure for plain HTTP beyond this machine. */
export function checkSecure(url: URL): void {
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)) return;
  throw new OidcIssuerInsecure(`${url.href} must be https: only an issuer on this machine may do without`);
}

/** The JSON object at this address. Rejects with AuthenticationUnavailable. */
export async function fetchDocument(url: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
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

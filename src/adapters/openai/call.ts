import { ProviderError } from '../../ports/provider.ts';
import { httpFailure, overNetwork } from './failure.ts';
import { drainMs, errorBodyMs, maxErrorBodyBytes } from './limits.ts';
import type { OpenAiProviderSettings } from './settings.ts';

/** One request and its answer: what it needs, and the signal that ends it, whoever gives it up. */
export interface Call {
  readonly settings: OpenAiProviderSettings;
  readonly signal: AbortSignal;
}

export type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** The answer to a request, status 200. */
export interface Answer {
  /** IANA media type with its parameters, in lower case; '' when none was named. */
  readonly contentType: string;
  readonly reader: Reader;
}

export async function* chunksOf(reader: Reader): AsyncIterable<Uint8Array> {
  for (;;) {
    const { done, value } = await overNetwork(reader.read());
    if (done) return;
    yield value;
  }
}

async function textOf(reader: Reader, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of chunksOf(reader)) {
    text += decoder.decode(chunk.subarray(0, maxBytes - bytes), { stream: true });
    bytes += chunk.length;
    if (bytes >= maxBytes) break;
  }
  return text;
}

/** All bytes. Throws ProviderError, not retryable, as soon as there are more than so many. */
async function bytesOf(reader: Reader, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(reader)) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ProviderError(`an answer of over ${maxBytes} bytes`, false);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What the operation gives within the time, or else undefined. */
export async function within<T>(ms: number, { settings, signal }: Call, operation: Promise<T>): Promise<T | undefined> {
  return Promise.race([operation, settings.clock.sleep(ms, signal).then(() => undefined)]);
}

/**
 * Reads to the end after the reply, for a short time. A connection that breaks here takes nothing of the reply with it: it is only not used
 * again.
 */
export async function drain(reader: Reader, call: Call): Promise<void> {
  const readOn = async (): Promise<void> => {
    const done = (result: { readonly done: boolean }): boolean => result.done;
    while (!(await reader.read().then(done, () => true)));
  };
  await within(drainMs, call, readOn());
}

function endpointOf(baseUrl: string, path: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url;
}

async function failureOf(response: Response, reader: Reader, call: Call): Promise<ProviderError> {
  const { clock } = call.settings;
  // A truncated body is ignored: the status decides.
  const body = textOf(reader, maxErrorBodyBytes).catch(() => '');
  return httpFailure(response, (await within(errorBodyMs, call, body)) ?? '', clock.nowMs());
}

/**
 * Posts to the endpoint: an object as JSON, a form as such. Gives the answer once its head is there. Throws ProviderError when the network
 * fails, or the status is not 200.
 */
export async function post(call: Call, path: string, body: object | FormData, accept: string): Promise<Answer> {
  const { baseUrl, apiKey } = call.settings;
  const url = endpointOf(baseUrl, path);
  const response = await overNetwork(
    fetch(url, {
      method: 'POST',
      headers: {
        // That of a form names its boundary, which only fetch knows.
        ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        accept,
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: body instanceof FormData ? body : JSON.stringify(body),
      // A redirected POST arrives as a GET, and the messages would go where nobody configured.
      redirect: 'manual',
      signal: call.signal,
    }),
    url.host,
  );
  const reader = response.body?.getReader();
  if (reader === undefined) throw new ProviderError(`HTTP ${response.status} without a body`, true);
  if (response.status !== 200) throw await failureOf(response, reader, call);
  return { contentType: (response.headers.get('content-type') ?? '').toLowerCase(), reader };
}

/**
 * Posts, and reads the whole answer. The connection is closed unless the answer was read to its end. Throws ProviderError, also for an answer
 * of over `maxBytes`.
 */
export async function postForBytes(
  { settings, signal }: Call,
  path: string,
  body: object | FormData,
  accept: string,
  maxBytes: number,
): Promise<Buffer> {
  const ended = new AbortController();
  try {
    const call: Call = { settings, signal: AbortSignal.any([signal, ended.signal]) };
    const { reader } = await post(call, path, body, accept);
    return await bytesOf(reader, maxBytes);
  } finally {
    ended.abort();
  }
}

/** Like `postForBytes`, the answer being one JSON object. */
export async function postForObject(
  call: Call,
  path: string,
  body: object | FormData,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await postForBytes(call, path, body, 'application/json', maxBytes);
  try {
    const answer: unknown = JSON.parse(bytes.toString());
    if (typeof answer === 'object' && answer !== null) return answer as Readonly<Record<string, unknown>>;
  } catch {
    // The parser's own error quotes the text.
    throw new ProviderError(`the answer of ${path} is not JSON`, true);
  }
  throw new ProviderError(`the answer of ${path} is not an object`, true);
}

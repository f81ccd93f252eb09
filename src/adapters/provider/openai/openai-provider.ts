import type { Clock } from '../../../ports/clock.ts';
import { type Provider, ProviderError, type ProviderRequest } from '../../../ports/provider.ts';
import { piecesOf } from './chat-stream.ts';
import { contextOf } from './context.ts';
import { httpFailure, overNetwork } from './failure.ts';

export interface OpenAiProviderSettings {
  /** Where `/chat/completions` is, e.g. `https://api.openai.com/v1`. A query is kept. */
  readonly baseUrl: string;
  /** Sent as a bearer token; local servers need none. */
  readonly apiKey?: string;
  readonly model: string;
  /**
   * For system prompt, history and message together, by estimate; what the model's window has beyond is for the reply.
   */
  readonly maxContextTokens: number;
  readonly systemPrompt?: string;
  readonly clock: Clock;
}

const defaultSystemPrompt = "You are a polite assistant in a chat. Answer briefly and in the user's language.";

/** A refusal's body is read this far: its message stands at the beginning. */
const maxErrorBodyBytes = 16 * 1024;

/** A refusal whose body does not come is reported without it. */
const errorBodyMs = 1_000;

/** A connection whose response ends this soon after the reply is used again; waiting longer would hold up the reply. */
const drainMs = 50;

/** Only main tells keys apart from other settings, so no message here may show what was given. */
function check({ baseUrl, apiKey, model, maxContextTokens }: OpenAiProviderSettings): void {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new TypeError('baseUrl: an http or https URL expected');
  if (url.username !== '' || url.password !== '') throw new TypeError('baseUrl: credentials belong into apiKey');
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) throw new TypeError('apiKey: visible ASCII expected');
  if (model === '') throw new TypeError('model: a name expected');
  if (!Number.isInteger(maxContextTokens) || maxContextTokens < 1) {
    throw new RangeError(`maxContextTokens: 1 or more expected, not ${maxContextTokens}`);
  }
}

function endpointOf(baseUrl: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/chat/completions`;
  return url;
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function* chunksOf(reader: Reader): AsyncIterable<Uint8Array> {
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

/**
 * Reads to the end after the reply. A connection that breaks here takes nothing of the reply with it: it is only not
 * used again.
 */
async function drain(reader: Reader): Promise<void> {
  const done = (result: { readonly done: boolean }): boolean => result.done;
  while (!(await reader.read().then(done, () => true)));
}

/** One call: what it needs, and the signal that ends it, whoever gives it up. */
interface Call {
  readonly settings: OpenAiProviderSettings;
  readonly request: ProviderRequest;
  readonly signal: AbortSignal;
}

/** What the operation gives within the time, or else undefined. */
async function within<T>(ms: number, { settings, signal }: Call, operation: Promise<T>): Promise<T | undefined> {
  return Promise.race([operation, settings.clock.sleep(ms, signal).then(() => undefined)]);
}

function post({ settings, request, signal }: Call): Promise<Response> {
  const { baseUrl, apiKey, model, maxContextTokens, systemPrompt = defaultSystemPrompt } = settings;
  const messages = contextOf(request, systemPrompt, maxContextTokens);
  return overNetwork(
    fetch(endpointOf(baseUrl), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({ model, messages, stream: true }),
      // A redirected POST arrives as a GET, and the messages would go where nobody configured.
      redirect: 'manual',
      signal,
    }),
  );
}

async function failureOf(response: Response, reader: Reader, call: Call): Promise<ProviderError> {
  const { apiKey, clock } = call.settings;
  // A body that breaks off says no less than none: the status stands.
  const body = textOf(reader, maxErrorBodyBytes).catch(() => '');
  return httpFailure(response, (await within(errorBodyMs, call, body)) ?? '', apiKey, clock.nowMs());
}

/** The body of a stream. Throws ProviderError for any other answer. */
async function streamOf(response: Response, call: Call): Promise<Reader> {
  const reader = response.body?.getReader();
  if (reader === undefined) throw new ProviderError(`HTTP ${response.status} without a body`, true);
  if (response.status !== 200) throw await failureOf(response, reader, call);
  const type = response.headers.get('content-type') ?? '';
  if (!/^text\/event-stream\b/i.test(type)) throw new ProviderError('the answer is not an event stream', false);
  return reader;
}

async function* reply(
  settings: OpenAiProviderSettings,
  request: ProviderRequest,
  signal: AbortSignal,
): AsyncIterable<string> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const call: Call = { settings, request, signal: AbortSignal.any([signal, ended.signal]) };
  try {
    const reader = await streamOf(await post(call), call);
    for await (const piece of piecesOf(chunksOf(reader), settings.apiKey)) {
      signal.throwIfAborted();
      yield piece;
    }
    await within(drainMs, call, drain(reader));
  } catch (error) {
    // Once aborted, whatever fails does so because of it.
    signal.throwIfAborted();
    throw error;
  } finally {
    // Closes the connection unless the response was read to its end, also when the consumer stops reading.
    ended.abort();
  }
}

/**
 * Any server with OpenAI's chat-completions stream. The conversation goes along as far as `maxContextTokens` allows,
 * the client's local time with it. Time limits are the caller's. Throws TypeError or RangeError on settings that make
 * no sense; neither those messages nor any ProviderError's shows the key.
 */
export function openAiProvider(settings: OpenAiProviderSettings): Provider {
  check(settings);
  return {
    model: settings.model,
    usesHistory: true,
    reply: (request, signal) => reply(settings, request, signal),
  };
}

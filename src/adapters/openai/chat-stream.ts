/**
 * The stream of a chat completion: server-sent events, each a JSON object, the last one `[DONE]`.
 *
 *     data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}
 *     data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}
 *     data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
 *     data: {"choices":[],"usage":{…}}
 *     data: [DONE]
 *
 * Either finish_reason or [DONE] makes the reply whole: some servers leave out the one or the other. A fault after the
 * first byte comes as {"error":{…}}, for the status has been sent.
 */
import { TextDecoder } from 'node:util';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { type Generating, ProviderError, type Truncated, type Usage } from '../../ports/provider.ts';
import { streamFailure } from './failure.ts';
import { Reasoning } from './reasoning.ts';

/** One event holds a few words; a server that sends more without end must not fill the memory. In UTF-16 units. */
const maxEventChars = 1024 * 1024;

/** What one event says. */
interface Delta {
  readonly text: string;
  readonly usage: Usage | undefined;
  /** `done` for [DONE]. */
  readonly finish: string | undefined;
}

function malformed(what: string, cause?: unknown): ProviderError {
  return new ProviderError(`malformed stream: ${what}`, true, undefined, { cause });
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw malformed('not UTF-8', cause);
  }
}

async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EventSourceMessage, void> {
  const arrived: EventSourceMessage[] = [];
  let overflow = false;
  const parser = createParser({
    maxBufferSize: maxEventChars,
    onEvent: (event) => arrived.push(event),
    onError: (error) => {
      // Unknown fields are to be ignored (HTML standard §9.2.6).
      overflow ||= error.type === 'max-buffer-size-exceeded';
    },
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of chunks) {
    parser.feed(decode(decoder, chunk));
    yield* arrived.splice(0);
    if (overflow) throw malformed('an event is too long');
  }
}

interface Chunk {
  readonly error?: unknown;
  readonly choices?: readonly Choice[] | null;
  readonly usage?: unknown;
}

interface Choice {
  readonly delta?: { readonly content?: string | null } | null;
  readonly finish_reason?: string | null;
}

function chunkOf(data: string): Chunk {
  try {
    const chunk: unknown = JSON.parse(data);
    if (typeof chunk === 'object' && chunk !== null) return chunk;
  } catch {
    // The parser's own error quotes the event.
    throw malformed('an event is not JSON');
  }
  throw malformed('an event is not an object');
}

function deltaOf({ event, data }: EventSourceMessage): Delta {
  if (data.trim() === '[DONE]') return { text: '', finish: 'done', usage: undefined };
  const { error, choices, usage } = chunkOf(data);
  if (error !== undefined && error !== null) throw streamFailure(error);
  if (event === 'error') throw streamFailure(undefined);
  if (choices !== undefined && choices !== null && !Array.isArray(choices)) throw malformed('choices is not a list');
  const choice = choices?.[0];
  const text = choice?.delta?.content ?? '';
  if (typeof text !== 'string') throw malformed('content is not text');
  return { text, finish: choice?.finish_reason ?? undefined, usage: usageOf(usage) };
}

/** Some servers say it with each chunk, most as `null` until the last. undefined: not said, or not as numbers. */
function usageOf(usage: unknown): Usage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details } = usage as Readonly<
    Record<string, unknown>
  >;
  if (!isCount(prompt_tokens) || !isCount(completion_tokens)) return undefined;
  const { cached_tokens: cached } = Object(prompt_tokens_details);
  const { reasoning_tokens: reasoning } = Object(completion_tokens_details);
  return {
    type: 'usage',
    inputTokens: prompt_tokens,
    cachedInputTokens: isCount(cached) ? Math.min(cached, prompt_tokens) : 0,
    outputTokens: completion_tokens,
    reasoningTokens: isCount(reasoning) ? Math.min(reasoning, completion_tokens) : 0,
  };
}

/** As many as the log can hold. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

function checkFinish(finish: string, empty: boolean, isBegun: boolean): void {
  if (finish === 'error') throw new ProviderError('the provider broke off', true);
  if (!empty) return;
  if (finish === 'content_filter') throw new ProviderError('the provider refused to answer (content_filter)', false);
  if (!isBegun) throw new ProviderError(`the provider answered nothing${finish === 'length' ? ' (length)' : ''}`, true);
}

/** Some servers split a character of two UTF-16 units between events; such a half waits for the other. */
function endsWithinCharacter(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** Reasons of an end at which the answer is not whole. */
const endsEarly: ReadonlySet<string> = new Set(['length', 'content_filter']);

/** Waits for what comes behind the reply; undefined: no longer. */
export type RestWait = <T>(next: Promise<T>) => Promise<T | undefined>;

/** The usage stands behind the reply, in an event of its own. The reply is whole: whatever is wrong with the rest takes nothing of it. */
async function* usageBehind(events: AsyncGenerator<EventSourceMessage, void>, wait: RestWait): AsyncGenerator<Usage> {
  try {
    for (;;) {
      const next = await wait(events.next());
      if (next === undefined || next.done === true) return;
      const { usage, finish } = deltaOf(next.value);
      if (usage !== undefined) yield usage;
      if (usage !== undefined || finish === 'done') return;
    }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
}

/**
 * The reply's pieces out of the bytes of the stream, none empty, each well-formed, without what the model thinks before it answers (`Generating`
 * stands for that), and what they used, where the server says so. Ends at finish_reason or [DONE], whatever comes after but the usage, for which `wait` waits. Throws ProviderError on a malformed, erroneous or empty reply, and
 * when the bytes end before the reply does. `isBegun`: they follow a beginning, which may have been all of it.
 */
export async function* piecesOf(
  chunks: AsyncIterable<Uint8Array>,
  isBegun: boolean,
  wait: RestWait = (next) => next,
): AsyncIterable<string | Generating | Truncated | Usage> {
  const events = eventsOf(chunks);
  let empty = true;
  let held = '';
  const reasoning = isBegun ? undefined : new Reasoning();
  for (;;) {
    const { done, value: event } = await events.next();
    if (done) break;
    const { text, finish, usage } = deltaOf(event);
    if (usage !== undefined) yield usage;
    const answer = reasoning?.answerIn(text) ?? text;
    const said = held + answer + (finish === undefined ? '' : (reasoning?.end() ?? ''));
    held = finish === undefined && endsWithinCharacter(said) ? said.slice(-1) : '';
    const piece = said.slice(0, said.length - held.length).toWellFormed();
    if (piece !== '') yield piece;
    else if (reasoning?.isThinking) yield { type: 'generating' };
    empty &&= piece === '';
    if (finish === undefined) continue;
    checkFinish(finish, empty, isBegun);
    if (endsEarly.has(finish)) yield { type: 'truncated' };
    if (usage === undefined && finish !== 'done') yield* usageBehind(events, wait);
    return;
  }
  throw new ProviderError('the stream ended before the reply did', true);
}

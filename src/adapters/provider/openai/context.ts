import { ProviderError, type ProviderRequest } from '../../../ports/provider.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/**
 * Tokenizers differ by model, so tokens are estimated: one per 3 bytes of UTF-8. English has about 4 bytes per token,
 * Chinese and Japanese about 3 (one character), so the estimate errs to the safe side. Emoji and rare scripts can need
 * more.
 */
const bytesPerToken = 3;

/** Role and separators of each message, in the chat formats that are published. */
const tokensPerMessage = 4;

/** How many tokens the message will take, about. */
export function estimatedTokens(message: ChatMessage): number {
  return Math.ceil(Buffer.byteLength(message.content) / bytesPerToken) + tokensPerMessage;
}

/** A formatter for each call: 130 µs do not matter beside a model's answer. */
function localTime(timeMs: number, timeZone: string): string {
  try {
    const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone });
    return format.format(timeMs);
  } catch (cause) {
    throw new ProviderError(`no such time zone: ${timeZone}`, false, undefined, { cause });
  }
}

/** The newest part of the history that fits; it begins with what a user said, which many models' templates demand. */
function newestWithin(history: readonly ChatMessage[], maxTokens: number): readonly ChatMessage[] {
  let start = history.length;
  let tokens = 0;
  for (const [index, message] of [...history.entries()].reverse()) {
    tokens += estimatedTokens(message);
    if (tokens > maxTokens) break;
    start = index;
  }
  while (history[start]?.role === 'assistant') start++;
  return history.slice(start);
}

/**
 * What the model is shown: the system prompt with the user's local time, as much of the newest history as the budget
 * allows, and the message itself. Prompt and message are always there whole: whether they are too long is for the
 * server to say. Throws ProviderError (not retryable) when there is no such time zone.
 */
export function contextOf(
  request: ProviderRequest,
  systemPrompt: string,
  maxContextTokens: number,
): readonly ChatMessage[] {
  const { text, timeMs, timeZone } = request;
  const clock = `The user's local time is ${localTime(timeMs, timeZone)}, time zone ${timeZone}.`;
  const prompt: ChatMessage = { role: 'system', content: `${systemPrompt}\n\n${clock}` };
  const message: ChatMessage = { role: 'user', content: text };
  const history = request.history
    .filter((utterance) => utterance.text !== '')
    .map(({ role, text: content }): ChatMessage => ({ role, content }));
  const maxHistoryTokens = maxContextTokens - estimatedTokens(prompt) - estimatedTokens(message);
  return [prompt, ...newestWithin(history, maxHistoryTokens), message];
}

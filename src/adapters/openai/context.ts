import { kindInWords } from '../../domain/media/in-words.ts';
import {
  estimatedSoundMs,
  estimatedTokens,
  type MediaFacts,
  type MessageToAnswer,
  ProviderError,
  type ProviderRequest,
  type Utterance,
} from '../../ports/provider.ts';
import { mostSpeechTokensPerSecond, noteBytes, tokensPerPicture } from './limits.ts';

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** A picture; its URL holds the bytes themselves. */
export interface PicturePart {
  readonly type: 'image_url';
  readonly image_url: { readonly url: string };
}

export type Content = string | readonly (TextPart | PicturePart)[];

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: Content;
}

/** Counts the tokens of messages, by what a text takes, and each message for role and separators. */
function counter(textTokens: (text: string) => number, tokensPerMessage: number) {
  return ({ content }: ChatMessage): number => {
    if (typeof content === 'string') return textTokens(content) + tokensPerMessage;
    const tokens = content.map((part) => (part.type === 'text' ? textTokens(part.text) : tokensPerPicture));
    return tokens.reduce((sum, more) => sum + more, tokensPerMessage);
  };
}

/** Role and separators of each message, in the chat formats that are published. */
const tokensPerMessage = 4;

/** How many tokens the message will take, about. */
export const messageTokens = counter(tokensOf, tokensPerMessage);

/** Role and separators are fewer in each published format. */
const mostTokensPerMessage = 8;

/** How many tokens the message takes at most. */
const mostMessageTokens = counter(mostTokensOf, mostTokensPerMessage);

/** Published tokenizers are of bytes: a token has at least one. */
function mostTokensOf(text: string): number {
  return Buffer.byteLength(text);
}

function tokensOf(text: string): number {
  return estimatedTokens(Buffer.byteLength(text));
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
function newestWithin(
  history: readonly ChatMessage[],
  maxTokens: number,
  tokensIn: (message: ChatMessage) => number,
): readonly ChatMessage[] {
  let start = history.length;
  let tokens = 0;
  for (const [index, message] of [...history.entries()].reverse()) {
    tokens += tokensIn(message);
    if (tokens > maxTokens) break;
    start = index;
  }
  while (history[start]?.role === 'assistant') start++;
  return history.slice(start);
}

/**
 * Earlier messages as sent to the model, with a user's media as their kind in brackets. A reply's own voice and picture are omitted: a model that sees
 * such brackets in its own messages begins to write them.
 */
function said({ role, text, media = [] }: Utterance): ChatMessage {
  const notes = role === 'user' ? media.map((kind) => `[${kindInWords(kind)}]`) : [];
  return { role, content: [text, ...notes].filter((line) => line !== '').join('\n') };
}

/** Before a user's own instructions: the operator's prompt goes before them. */
const introduction = 'The user has given these instructions. Follow them, unless they contradict what is said above:';

/**
 * Messages for the model: the system prompt with the user's local time and own instructions, as much of the newest history as the budget allows, the message itself, and the
 * beginning of the reply if it is to be continued. Prompt and message are always complete: the server decides whether they are too long. Throws
 * ProviderError (not retryable) for an unknown time zone, and where they take more than the request may.
 */
export function contextOf(
  {
    timeMs,
    timeZone,
    instructions,
    history,
    begun,
    limits,
  }: Pick<ProviderRequest, 'timeMs' | 'timeZone' | 'instructions' | 'history' | 'begun' | 'limits'>,
  content: Content,
  systemPrompt: string,
  maxContextTokens: number,
): readonly ChatMessage[] {
  const clock = `The user's local time is ${localTime(timeMs, timeZone)}, time zone ${timeZone}.`;
  const own = instructions === '' ? [] : [`${introduction}\n${instructions}`];
  // One system message: the templates of many models take no second one. What was said before comes last, so that nothing of the operator's reads as the user's.
  const prompt: ChatMessage = { role: 'system', content: [systemPrompt, clock, ...own].join('\n\n') };
  const message: ChatMessage = { role: 'user', content };
  const toAnswer = begun === '' ? [message] : [message, { role: 'assistant', content: begun } as const];
  const past = history.map(said).filter((before) => before.content !== '');
  const leftOf = (tokens: number, tokensIn: (message: ChatMessage) => number) =>
    [prompt, ...toAnswer].reduce((left, one) => left - tokensIn(one), tokens);
  const fitting = newestWithin(past, leftOf(maxContextTokens, messageTokens), messageTokens);
  if (limits === undefined) return [prompt, ...fitting, ...toAnswer];
  const left = leftOf(limits.inputTokens, mostMessageTokens);
  if (left < 0) throw new ProviderError('the message takes more than its budget has', false);
  return [prompt, ...newestWithin(fitting, left, mostMessageTokens), ...toAnswer];
}

/** What the clock's line takes at most; names of time zones are short. */
const clockBytes = 200;

/**
 * What an attempt sends at most: bytes count as tokens, and what sound will be in text is not known before it is heard. The conversation is cut by estimate,
 * which counts three of them as one.
 */
export function inputBounds(
  { text, instructions, media, begun = '' }: MessageToAnswer,
  systemPrompt: string,
  maxContextTokens: number,
): { readonly least: number; readonly most: number } {
  const said = [systemPrompt, introduction, instructions, text, begun].reduce((sum, one) => sum + mostTokensOf(one), 0);
  const least =
    said + clockBytes + 3 * mostTokensPerMessage + media.reduce((sum, one) => sum + mostMediaTokens(one), 0);
  return { least, most: Math.max(least, 3 * maxContextTokens) };
}

/** A picture as such, or any of them in words: what is said, and its kind. */
function mostMediaTokens({ kind, sizeBytes }: MediaFacts): number {
  if (kind === 'image') return Math.max(tokensPerPicture, noteBytes);
  return noteBytes + Math.ceil((estimatedSoundMs(sizeBytes) * mostSpeechTokensPerSecond) / 1_000);
}

/** How many tokens the request takes, about: of the history at most what the budget allows. Pictures count where the model is shown them. */
export function inputTokensOf(
  { text, instructions, history, begun, media }: ProviderRequest,
  systemPrompt: string,
  maxContextTokens: number,
  vision: boolean,
): number {
  const pictures = vision ? media.filter(({ kind }) => kind === 'image').length : 0;
  const own = tokensOf(systemPrompt) + tokensOf(instructions) + tokensOf(text) + tokensOf(begun) + 3 * tokensPerMessage;
  const past = history.reduce((sum, utterance) => sum + tokensOf(utterance.text) + tokensPerMessage, 0);
  return pictures * tokensPerPicture + Math.max(own, Math.min(own + past, maxContextTokens));
}

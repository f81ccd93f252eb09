import type { Clock } from '../../ports/clock.ts';
import { leastOutputTokens } from './limits.ts';

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
  /** Of a reply, where a budget limits it: the server is told so. */
  readonly maxOutputTokens: number;
  readonly systemPrompt?: string;
  /** The server can continue an assistant message that is last in the request. */
  readonly continues?: boolean;
  /** The model takes pictures. */
  readonly vision?: boolean;
  /** Model of `/audio/transcriptions`; absent or '': audio is not transcribed. */
  readonly transcriptionModel?: string;
  /** Of `/audio/speech`; absent or '': replies have no voice. */
  readonly speechModel?: string;
  /** Needed with `speechModel`. */
  readonly speechVoice?: string;
  /** Of `/images/generations`; absent or '': replies have no picture. */
  readonly imageModel?: string;
  readonly clock: Clock;
}

/** Only main knows which settings are secret, so messages here must not show values. */
export function checkSettings(settings: OpenAiProviderSettings): void {
  const { baseUrl, apiKey, model, maxContextTokens, maxOutputTokens, speechModel = '', speechVoice = '' } = settings;
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new TypeError('baseUrl: an http or https URL expected');
  if (url.username !== '' || url.password !== '') throw new TypeError('baseUrl: credentials belong into apiKey');
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) throw new TypeError('apiKey: visible ASCII expected');
  if (model === '') throw new TypeError('model: a name expected');
  if (speechModel !== '' && speechVoice === '') throw new TypeError('speechVoice: a name expected with speechModel');
  if (!Number.isInteger(maxContextTokens) || maxContextTokens < 1) {
    throw new RangeError(`maxContextTokens: 1 or more expected, not ${maxContextTokens}`);
  }
  if (!Number.isInteger(maxOutputTokens) || maxOutputTokens < leastOutputTokens)
    throw new RangeError(`maxOutputTokens: ${leastOutputTokens} or more expected, not ${maxOutputTokens}`);
}

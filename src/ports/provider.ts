import type { AttemptUsage, MediaKind } from '../domain/conversation/events.ts';

/**
 * A model that answers: a conversation in, a stream of pieces out. It keeps no state between calls, obeys the abort signal within
 * 100 ms, and reports every fault as ProviderError.
 */
export interface Provider {
  /**
   * The reply in order: its text in pieces, none empty, then the media it was asked for, each announced by a `Generating` before what may
   * take longer than a piece of text. Ends when the reply is whole. Throws ProviderError, or the signal's reason once aborted.
   */
  reply(request: ProviderRequest, signal: AbortSignal): AsyncIterable<ReplyPiece>;
  /** About how many tokens the request takes, before anything comes back. Never throws. */
  estimatedInputTokens(request: ProviderRequest): number;
  /** What an attempt at the message may use, whatever was said before in its conversation. Never throws. */
  bounds(message: MessageToAnswer): UsageBounds;
  /** Whose model it is, as the log names it: `openai`, `simulated`. */
  readonly name: string;
  /** The model's name, as history shows it. */
  readonly model: string;
  /** Whether `history` of the request is read: when not, nobody needs to load it. */
  readonly usesHistory: boolean;
  /** Whether it goes on from `begun` of the request: when not, every attempt begins anew. */
  readonly continues: boolean;
}

/** Nothing is used. */
export const noUnits: UsedUnits = {
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  soundInMs: 0,
  soundOutMs: 0,
  picturesIn: 0,
  picturesOut: 0,
};

/** Bounds of what an attempt uses, by `limits` of the request. */
export interface UsageBounds {
  /** With nothing of the conversation, and for a short reply: with less no reply can begin. */
  readonly least: UsedUnits;
  /** As much as is ever sent, and the longest reply. */
  readonly most: UsedUnits;
}

/** What a request may use at most. */
export interface TokenLimits {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a reply is made of: a string is the next piece of its text. */
export type ReplyPiece = string | Generating | GeneratedMedia | Truncated | Usage;

/** What the call has used so far, as the provider says: at any time, the last word of each figure counts. What no word was said of is estimated. */
export interface Usage extends Partial<UsedUnits> {
  readonly type: 'usage';
}

/** What a call can use. */
export type UsedUnits = Pick<
  AttemptUsage,
  | 'inputTokens'
  | 'cachedInputTokens'
  | 'outputTokens'
  | 'reasoningTokens'
  | 'soundInMs'
  | 'soundOutMs'
  | 'picturesIn'
  | 'picturesOut'
>;

/**
 * Tokenizers differ by model, so tokens are estimated: one per 3 bytes of UTF-8. English has about 4 bytes per token, Chinese and Japanese about 3 (one
 * character), so the estimate errs to the safe side. Emoji and rare scripts can need more.
 */
const bytesPerToken = 3;

/** Compressed sound has 64 to 128 kbit/s: where nobody says how long it is, it is taken for that of the lower rate, and so rather for too long. */
const soundBytesPerMs = 8;

/** How long so many bytes of sound are, about, in milliseconds. */
export function estimatedSoundMs(bytes: number): number {
  return Math.ceil(bytes / soundBytesPerMs);
}

/** Sound that was made for speech has no fewer bytes: the lowest rate of Opus is 6 kbit/s. */
const leastSoundBytesPerMs = 0.75;

/** How long so many bytes of sound are at most, in milliseconds. */
export function mostSoundMs(bytes: number): number {
  return Math.ceil(bytes / leastSoundBytesPerMs);
}

/** How many tokens so many bytes of text are, about. */
export function estimatedTokens(textBytes: number): number {
  return Math.ceil(textBytes / bytesPerToken);
}

/** The text is whole; voice or picture is being made (or what was sent is being listened to, or thought about, before the first piece of text). */
export interface Generating {
  readonly type: 'generating';
}

/** The text ends here for its length, or because the rest of it was refused: it is not whole, and another attempt would come no further. */
export interface Truncated {
  readonly type: 'truncated';
}

/** Voice or picture of a reply. */
export interface GeneratedMedia {
  readonly type: 'media';
  readonly kind: 'voice' | 'image';
  /** IANA media type. */
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The sort of reply that is wanted: text, text and voice, or text, voice and a picture. */
export type ReplyKind = 'text' | 'voice' | 'video';

/** What of a message says how much a reply may use. */
export interface MessageToAnswer {
  /** The text to answer; '' when only media were sent. */
  readonly text: string;
  /** The media to answer, in their order. */
  readonly media: readonly MediaFacts[];
  readonly replyKind: ReplyKind;
  /** The person's own instructions, to be followed beside the operator's; '': none. */
  readonly instructions: string;
  /** As in the request; absent: nothing was said before. */
  readonly begun?: string;
}

export interface ProviderRequest extends MessageToAnswer {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly media: readonly RequestMedia[];
  /** IANA zone of the client. */
  readonly timeZone: string;
  /** When the log took the message, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly attempt: number;
  /** The beginning of the reply, which was said before: it gives only what follows, media included. '' unless it `continues`. */
  readonly begun: string;
  /** What was said before in the conversation, oldest first, without the message itself. */
  readonly history: readonly Utterance[];
  /** What may be used: of the conversation as much is sent as there is room for, and a longer reply ends there (`Truncated`). Absent: no such limit. */
  readonly limits?: TokenLimits;
}

/** Media of a message. */
export interface MediaFacts {
  readonly kind: MediaKind;
  readonly sizeBytes: number;
}

/** Media of the message to answer. */
export interface RequestMedia extends MediaFacts {
  readonly contentType: string;
  /** Reads them. Rejects with MediaUnavailable or MediaMissing: whoever asked knows of it, and does not blame the provider. */
  bytes(): Promise<Uint8Array>;
}

export interface Utterance {
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** What else was sent with it, by kind: the bytes are not loaded. */
  readonly media?: readonly MediaKind[];
}

/** What is wrong, where that is known. All but `rate limited` last until an operator does something. */
export type ProviderFault =
  | 'access denied'
  | 'model not found'
  | 'not a model server'
  | 'quota exceeded'
  | 'rate limited';

/** The provider could not answer. The message holds nothing that a user said, and no key: operators read it. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  /** Another attempt may work. */
  readonly retryable: boolean;
  /** Not before this long, when the provider said so. */
  readonly retryAfterMs: number | undefined;
  readonly fault: ProviderFault | undefined;

  constructor(
    message: string,
    retryable: boolean,
    retryAfterMs?: number,
    options?: ErrorOptions & { readonly fault?: ProviderFault | undefined },
  ) {
    super(message, options);
    this.fault = options?.fault;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * A model that answers: a conversation in, a stream of pieces out. It keeps no state between calls, obeys the abort signal within
 * 100 ms, and reports every fault as ProviderError.
 */
export interface Provider {
  /** Pieces of the reply's text, in order, none empty. Ends when the reply is whole. Throws ProviderError, or the signal's reason once aborted. */
  reply(request: ProviderRequest, signal: AbortSignal): AsyncIterable<string>;
  /** The model's name, as history shows it. */
  readonly model: string;
  /** Whether `history` of the request is read: when not, nobody needs to load it. */
  readonly usesHistory: boolean;
}

export interface ProviderRequest {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  /** The text to answer. */
  readonly text: string;
  /** IANA zone of the client. */
  readonly timeZone: string;
  /** When the log took the message, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly attempt: number;
  /** What was said before in the conversation, oldest first, without the message itself. */
  readonly history: readonly Utterance[];
}

export interface Utterance {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

/** The provider could not answer. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  /** Another attempt may work. */
  readonly retryable: boolean;
  /** Not before this long, when the provider said so. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryable: boolean, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

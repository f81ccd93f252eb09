import {
  estimatedTokens,
  type MessageToAnswer,
  noUnits,
  type Provider,
  type ProviderRequest,
  type ReplyPiece,
  type UsageBounds,
} from '../ports/provider.ts';

/** One call to the provider, led by the test. */
export class ScriptedCall {
  readonly request: ProviderRequest;
  readonly signal: AbortSignal;
  readonly #pieces: ReplyPiece[] = [];
  #end: { readonly error: unknown } | 'whole' | undefined;
  #wake: () => void = () => {};

  constructor(request: ProviderRequest, signal: AbortSignal) {
    this.request = request;
    this.signal = signal;
    signal.addEventListener('abort', () => this.#wake());
  }

  say(...pieces: readonly ReplyPiece[]): this {
    this.#pieces.push(...pieces);
    this.#wake();
    return this;
  }

  end(): void {
    this.#end ??= 'whole';
    this.#wake();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *pieces(): AsyncGenerator<ReplyPiece> {
    for (;;) {
      this.signal.throwIfAborted();
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.#end === 'whole') return;
      else if (this.#end !== undefined) throw this.#end.error;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A provider whose calls do what the test says: with `answer` at once, otherwise when told. */
export class ScriptedProvider implements Provider {
  readonly name = 'scripted';
  readonly model = 'scripted';
  readonly calls: ScriptedCall[] = [];
  usesHistory = false;
  continues = false;
  /** Leads each call as it begins. */
  answer: ((call: ScriptedCall) => void) | undefined;

  estimatedInputTokens({ text }: ProviderRequest): number {
    return estimatedTokens(text.length);
  }

  /** Input as it is estimated, and 10 to 100 tokens of output. */
  bounds({ text, begun = '' }: MessageToAnswer): UsageBounds {
    const inputTokens = estimatedTokens(text.length + begun.length);
    const least = { ...noUnits, inputTokens, outputTokens: 10 };
    return { least, most: { ...least, outputTokens: 100 } };
  }

  reply(request: ProviderRequest, signal: AbortSignal): AsyncIterable<ReplyPiece> {
    const call = new ScriptedCall(request, signal);
    this.calls.push(call);
    this.answer?.(call);
    return call.pieces();
  }

  /** The newest call for the message. Throws when there is none. */
  callFor(messageId: string): ScriptedCall {
    const call = this.calls.findLast(({ request }) => request.messageId === messageId);
    if (call === undefined) throw new Error(`no call for ${messageId}`);
    return call;
  }

  /** Which messages were asked about, in order. */
  get asked(): readonly string[] {
    return this.calls.map(({ request }) => request.messageId);
  }
}

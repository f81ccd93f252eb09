import { maxReplyBytes } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { ProviderError, type ReplyPiece } from '../ports/provider.ts';
import type { WorkerSettings } from './deps.ts';
import { ReplyText } from './reply-text.ts';
import type { Watchdog, Watched } from './watchdog.ts';

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly type: 'whole' }
  | { readonly type: 'stopped' }
  | { readonly type: 'abandoned' }
  | { readonly type: 'timed-out'; readonly awaited: 'first piece' | 'next piece' | 'whole reply' }
  | { readonly type: 'failed'; readonly error: unknown };

export interface AttemptDeps {
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly settings: WorkerSettings;
}

/** The reply's pieces, as the provider or whatever stands before it gives them. */
export type Call = (signal: AbortSignal) => AsyncIterable<ReplyPiece>;

/** One call to the provider: what it has said so far, its time limits, and its end, which is whatever happens first. */
export class Attempt implements Watched {
  /** 1, 2, … over all workers. */
  readonly number: number;
  readonly reply = new ReplyText();
  deadlineMs: number;
  readonly #deps: AttemptDeps;
  readonly #totalDeadlineMs: number;
  readonly #onText: (text: string, offsetBytes: number) => void;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<AttemptEnd>();
  #isOver = false;

  constructor(number: number, deps: AttemptDeps, onText: (text: string, offsetBytes: number) => void) {
    this.number = number;
    this.#deps = deps;
    this.#onText = onText;
    const nowMs = deps.clock.monotonicMs();
    this.#totalDeadlineMs = nowMs + deps.settings.totalTimeoutMs;
    this.deadlineMs = Math.min(nowMs + deps.settings.firstPieceTimeoutMs, this.#totalDeadlineMs);
  }

  /** Calls, and resolves with the end; never rejects. */
  run(call: Call): Promise<AttemptEnd> {
    this.#deps.watchdog.watch(this);
    void this.#consume(call);
    return this.#ended.promise;
  }

  /** Ends it now, whatever the provider does about its signal. No effect when it is over. */
  cancel(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#end(end);
    this.#abort.abort(new Error(end.type));
  }

  expire(): void {
    if (this.deadlineMs >= this.#totalDeadlineMs) return this.cancel({ type: 'timed-out', awaited: 'whole reply' });
    this.cancel({ type: 'timed-out', awaited: this.reply.bytes === 0 ? 'first piece' : 'next piece' });
  }

  async #consume(call: Call): Promise<void> {
    try {
      for await (const piece of call(this.#abort.signal)) {
        if (this.#isOver) return;
        if (typeof piece === 'string') this.#take(piece);
      }
      if (!this.#isOver) this.#endWhole();
    } catch (error) {
      this.#end({ type: 'failed', error });
    }
  }

  #take(piece: string): void {
    const { clock, settings } = this.#deps;
    this.deadlineMs = Math.min(clock.monotonicMs() + settings.pieceTimeoutMs, this.#totalDeadlineMs);
    this.#show(this.reply.bytes, this.reply.add(piece));
    if (this.reply.bytes > maxReplyBytes) {
      this.cancel({ type: 'failed', error: new ProviderError(`a reply of over ${maxReplyBytes} bytes`, false) });
    }
  }

  #endWhole(): void {
    this.#show(this.reply.bytes, this.reply.end());
    if (this.reply.bytes > 0) this.#end({ type: 'whole' });
    else this.#end({ type: 'failed', error: new ProviderError('a reply without a word', true) });
  }

  #show(offsetBytes: number, text: string): void {
    if (text !== '') this.#onText(text, offsetBytes);
  }

  #end(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.watchdog.unwatch(this);
    this.#ended.resolve(end);
  }
}

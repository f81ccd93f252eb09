import { backOffMs } from '../app/back-off.ts';
import type { Watchdog, Watched } from '../app/watchdog.ts';
import type { Draft } from '../domain/conversation/pending-messages.ts';
import { type Stretch, stretches } from '../domain/conversation/utf8.ts';
import { maxPieceBytes } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import {
  draftBatchMs,
  draftIntervalMs,
  draftStretchBytes,
  logRetryInitialDelayMs,
  logRetryMaxDelayMs,
} from './limits.ts';
import type { ReplyText } from './reply-text.ts';

export interface DraftWriterDeps {
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  /** Appends stretches of the reply to the log. Rejects with LogUnavailable. */
  readonly append: (stretches: readonly Stretch[]) => Promise<unknown>;
  /** The log did not take them; they are appended again. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Appends the text of an attempt to the log, so that a worker that takes over can continue it: text waits at most `draftIntervalMs`, or until there are
 * `draftStretchBytes` of it, unless an append is in flight. Nothing waits for the append.
 */
export class DraftWriter implements Watched {
  deadlineMs = 0;
  readonly #reply: ReplyText;
  readonly #deps: DraftWriterDeps;
  /** What the log has: in UTF-16 units, and in UTF-8 bytes. */
  #units: number;
  #bytes: number;
  #isWaiting = false;
  #isWriting = false;
  #failures = 0;
  #isClosed = false;

  /** `beginning`: what the log has of the reply already. */
  constructor(reply: ReplyText, beginning: Draft, deps: DraftWriterDeps) {
    this.#reply = reply;
    this.#deps = deps;
    this.#units = beginning.text.length;
    this.#bytes = beginning.bytes;
  }

  /** What the log is known to have. */
  get written(): Draft {
    return { text: this.#reply.text.slice(0, this.#units), bytes: this.#bytes };
  }

  /** The reply has grown. */
  grown(): void {
    const freshBytes = this.#reply.bytes - this.#bytes;
    if (this.#isClosed || this.#isWriting || freshBytes === 0) return;
    if (freshBytes >= draftStretchBytes && this.#failures === 0) void this.#write();
    else if (!this.#isWaiting) this.#wait();
  }

  expire(): void {
    void this.#write();
  }

  /** Nothing more is written. */
  close(): void {
    this.#isClosed = true;
    this.#deps.watchdog.unwatch(this);
  }

  #wait(): void {
    const { clock, watchdog, random } = this.#deps;
    const nowMs = clock.monotonicMs();
    this.deadlineMs =
      this.#failures === 0
        ? Math.floor((nowMs + draftIntervalMs) / draftBatchMs) * draftBatchMs
        : nowMs + backOffMs(this.#failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random);
    this.#isWaiting = true;
    watchdog.watch(this);
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    this.#deps.watchdog.unwatch(this);
    this.#isWaiting = false;
    this.#isWriting = true;
    const { text, bytes } = this.#reply;
    try {
      await this.#deps.append([...stretches(text.slice(this.#units), this.#bytes, maxPieceBytes)]);
      this.#units = text.length;
      this.#bytes = bytes;
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#deps.onFailure(error);
    }
    this.#isWriting = false;
    this.grown();
  }
}

import { backOffMs, pause } from '../app/back-off.ts';
import type { ReplyProgress, ReplyStarted } from '../domain/conversation/events.ts';
import { type Draft, noDraft } from '../domain/conversation/pending-messages.ts';
import { stretches } from '../domain/conversation/utf8.ts';
import { maxPieceBytes } from '../domain/limits.ts';
import type { LiveDelay, LiveEvent, LivePiece } from '../ports/live-bus.ts';
import type { AttemptFailure } from './answer-state.ts';
import { Attempt, type AttemptDeps, type AttemptOutput } from './attempt.ts';
import { DraftWriter } from './draft-writer.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs } from './limits.ts';

/** What the events of an attempt, and its pieces, name. */
export interface AttemptFacts {
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  readonly claimId: string;
}

export interface LoggedAttemptDeps extends AttemptDeps {
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  readonly store: AttemptOutput['store'];
  readonly publish: (event: LiveEvent) => void;
  /** Rejects with LogUnavailable. */
  readonly append: (events: readonly (ReplyStarted | ReplyProgress)[]) => Promise<unknown>;
  /** The log has accepted the start. */
  readonly onStartWritten: () => void;
  readonly onFailure: (error: unknown, what: string) => void;
}

/** One for all: an error that Node makes for each abort cost 5 % of the CPU of a server under load. */
const closed = new Error('the attempt is closed');

/**
 * An attempt and its log records: its start, appended beside the call until the log accepts it, and its text, as drafts. The text is sent to clients
 * once its start was read back.
 */
export class LoggedAttempt {
  readonly attempt: Attempt;
  readonly #facts: AttemptFacts;
  readonly #deps: LoggedAttemptDeps;
  /**
   * Its start was read back under this worker's claim. Only then is its number this worker's own: if the start was never written, or follows another
   * worker's claim, the next worker reuses the number, for another text.
   */
  #isShown = false;
  #isClosed = false;
  /** Ends the wait before its start is appended again. Made only when there is one. */
  #waiting: AbortController | undefined;
  #draft: DraftWriter | undefined;
  #unwritten: ReplyStarted | undefined;
  /** Monotonic time of the next attempt, and why there is one, once this one has failed. */
  #retry: { readonly atMs: number; readonly reason: AttemptFailure } | undefined;

  /** `start`: what its start says beside. */
  constructor(
    facts: AttemptFacts,
    beginning: Draft,
    start: Pick<ReplyStarted, 'call' | 'ended'>,
    deps: LoggedAttemptDeps,
  ) {
    this.#facts = facts;
    this.#deps = deps;
    this.attempt = new Attempt(facts.attempt, beginning, deps, {
      say: (text, offsetBytes) => {
        if (this.#isShown) for (const piece of this.#pieces(text, offsetBytes)) deps.publish(piece);
        this.#draft?.grown();
      },
      store: deps.store,
    });
    void this.#logStart({ type: 'ReplyStarted', ...facts, continuedBytes: beginning.bytes, ...start });
  }

  /** What the log has not taken of its start, as far as is known: it goes with the final event. */
  get unwritten(): readonly ReplyStarted[] {
    return this.#unwritten === undefined ? [] : [this.#unwritten];
  }

  /** What the log is known to have of its text, for another attempt to go on from. */
  get written(): Draft {
    if (this.attempt.broughtNothing) return noDraft;
    return this.#draft?.written ?? this.attempt.beginning;
  }

  /** Its start was read back under this worker's claim: from now on watchers may see it. What it has said by then goes as one piece, where it fits. */
  show(): void {
    if (this.#isShown) return;
    this.#isShown = true;
    for (const event of this.#since(this.attempt.beginning)) this.#deps.publish(event);
    if (this.#isClosed) return;
    const { clock, random, watchdog, append, onFailure } = this.#deps;
    this.#draft = new DraftWriter(this.attempt.reply, this.attempt.beginning, {
      clock,
      random,
      watchdog,
      append: (said) => append(said.map((stretch) => ({ type: 'ReplyProgress', ...this.#facts, ...stretch }))),
      onFailure: (error) => onFailure(error, 'a draft was not written'),
    });
    this.#draft.grown();
  }

  /** It has failed for this reason, and another one is made after so long. */
  delayNext(delayMs: number, reason: AttemptFailure): void {
    this.#retry = { atMs: this.#deps.clock.monotonicMs() + delayMs, reason };
    if (this.#isShown) for (const delay of this.#delays()) this.#deps.publish(delay);
  }

  /** What a watcher who comes now has missed: its text from the beginning, once it is shown, and that another attempt is waited for. */
  shown(): readonly LiveEvent[] {
    return this.#isShown ? this.#since(noDraft) : [];
  }

  /** Neither its start nor its drafts are appended any more; what it says is still shown. */
  close(): void {
    this.#isClosed = true;
    this.#waiting?.abort(closed);
    this.#draft?.close();
  }

  #since({ text, bytes }: Draft): readonly LiveEvent[] {
    return [...this.#pieces(this.attempt.reply.text.slice(text.length), bytes), ...this.#delays()];
  }

  #delays(): readonly LiveDelay[] {
    if (this.#retry === undefined || this.#isClosed) return [];
    const { messageId, replyMessageId, attempt } = this.#facts;
    const { atMs, reason } = this.#retry;
    const retryInMs = Math.max(0, Math.ceil(atMs - this.#deps.clock.monotonicMs()));
    return [{ type: 'delay', messageId, replyMessageId, attempt, retryInMs, reason }];
  }

  #pieces(text: string, offsetBytes: number): readonly LivePiece[] {
    const { messageId, replyMessageId, attempt } = this.#facts;
    const pieces = [...stretches(text, offsetBytes, maxPieceBytes)];
    return pieces.map((piece) => ({ type: 'piece', messageId, replyMessageId, attempt, ...piece }));
  }

  /** Never rejects. Not awaited: the call goes on beside it, and the log keeps the order of appends. */
  async #logStart(event: ReplyStarted): Promise<void> {
    const { clock, random, append, onStartWritten, onFailure } = this.#deps;
    for (let failures = 1; !this.#isClosed; failures += 1) {
      try {
        await append([event]);
        this.#unwritten = undefined;
        onStartWritten();
        return;
      } catch (error) {
        this.#unwritten = event;
        onFailure(error, 'the start of an attempt was not written');
        // It may have been closed meanwhile.
        if (this.#isClosed) return;
        this.#waiting ??= new AbortController();
        const waitMs = backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random);
        await pause(clock, waitMs, this.#waiting.signal);
      }
    }
  }
}

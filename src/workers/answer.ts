import { backOffMs, pause, unlessAborted } from '../app/back-off.ts';
import type { PartitionFollower } from '../app/following/partition-follower.ts';
import type {
  MediaPart,
  ReplyCompleted,
  ReplyFailed,
  ReplyProgress,
  ReplyStarted,
} from '../domain/conversation/events.ts';
import { type Draft, noDraft, type PendingMessage } from '../domain/conversation/pending-messages.ts';
import { stretches } from '../domain/conversation/utf8.ts';
import { catalogue } from '../domain/errors/catalogue.ts';
import { maxPieceBytes, retryInitialDelayMs, retryMaxDelayMs } from '../domain/limits.ts';
import type { LivePiece } from '../ports/live-bus.ts';
import { isNoRoom } from '../ports/media-store.ts';
import { type GeneratedMedia, ProviderError, type Utterance } from '../ports/provider.ts';
import type { TraceContext } from '../ports/tracing.ts';
import { AnswerTrace } from './answer-trace.ts';
import { Attempt, type AttemptDeps, type AttemptEnd } from './attempt.ts';
import type { MessagePast, WorkerDeps } from './deps.ts';
import { DraftWriter } from './draft-writer.ts';
import { HeldOutput } from './held-output.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs } from './limits.ts';
import { MediaReads } from './media-reads.ts';
import { renewReplyMedia, storeReplyMedia } from './reply-media.ts';
import { replyRequest } from './reply-request.ts';

/** Where the message stands: its partition, the claim to act under, and the fold. */
export interface AnswerContext {
  readonly deps: WorkerDeps;
  readonly attempts: AttemptDeps;
  readonly partition: number;
  readonly claimId: string;
  readonly fold: Pick<PartitionFollower, 'next' | 'saidAfter'>;
}

/** Before the first offset. */
const beforeAll = -1;

type Final = ReplyCompleted | ReplyFailed;

/** What an attempt's end leads to. */
type Verdict =
  | { readonly type: 'final'; readonly event: Final }
  | { readonly type: 'retry'; readonly delayMs: number }
  /** The store could not be read: to be waited for, and no attempt that failed. */
  | { readonly type: 'unreadable' }
  | { readonly type: 'nothing' };

/**
 * One message being answered, up to its final event in the log. While it waits for another attempt it keeps its place among those in processing:
 * simple, and a provider in trouble is not asked for more at once. What is in the log is known only from the fold, which says `settled`;
 * until then the final event is held and appended again.
 */
export class Answer {
  readonly message: PendingMessage;
  readonly #context: AnswerContext;
  readonly #replyMessageId: string;
  readonly #trace: AnswerTrace | undefined;
  readonly #reads: MediaReads;
  #attempt: Attempt | undefined;
  /** Of the attempt, once its start was read back. */
  #draft: DraftWriter | undefined;
  /** Of the attempt. */
  #output: HeldOutput | undefined;
  /** The log did not take the attempt's event. */
  #unwritten: ReplyStarted | undefined;
  /** Monotonic time since which the media of the held final event may have been stored, once they were stored anew. */
  #mediaSinceMs: number | undefined;
  #stopped = false;
  #concluding = false;
  /** Its conversation was deleted: nothing that was said is to be logged any more. */
  #discarded = false;
  #over = false;
  /** Waits to learn what an attempt needs, and has made none yet: nothing of it is in the log under this claim. */
  #lookingUp = false;
  /** Ends a wait for history or media, or before another attempt: by a stop. */
  #waiting: AbortController | undefined;
  /** Ends every wait. Made only when there is one: most answers never wait. */
  #ending: AbortController | undefined;

  /** `trace`: the step in which the message was taken, if it is traced. */
  constructor(message: PendingMessage, context: AnswerContext, trace?: TraceContext) {
    this.message = message;
    this.#context = context;
    this.#reads = new MediaReads(context.deps.media);
    this.#replyMessageId = context.deps.ids.replyMessageId(message.messageId);
    this.#trace = AnswerTrace.begin(context.deps, context.partition, message, trace);
  }

  /** What is known of it from before the offset. Asks until there is an answer; `none` when it is over before. */
  async past(beforeOffset: number): Promise<MessagePast> {
    const { deps, partition } = this.#context;
    this.#lookingUp = true;
    for (let failures = 1; !this.#over; failures += 1) {
      try {
        const past = await deps.lookups.past(partition, this.message, beforeOffset);
        if (past === 'repeat') this.#trace?.concludes('REPEAT');
        this.#lookingUp = false;
        return past;
      } catch (error) {
        await this.#pauseAfter(error, failures, 'history cannot say whether a message is a repeat');
      }
    }
    return 'none';
  }

  /**
   * Calls the provider until a reply is whole or no attempt is left, beginning with this attempt's number, and writes the end. What it needs of
   * history is loaded before: attempts are calls, and a read model or a media store that is away is not the provider's failure.
   */
  async reply(firstAttempt: number): Promise<void> {
    // Where nothing is to be loaded the call begins before this returns.
    const history = this.#context.deps.provider.usesHistory ? await this.#history() : [];
    for (let number = firstAttempt, tries = 1; !this.#over; number += 1) {
      if (this.#stopped) return this.#conclude(this.#stoppedEvent());
      if (this.#reads.problem === 'missing') return this.#conclude(this.#mediaMissing());
      const attempt = this.#begin(number, this.#beginning());
      const verdict = this.#judge(await this.#ask(attempt, history), attempt, tries);
      if (verdict.type === 'final') return this.#conclude(verdict.event);
      if (verdict.type === 'unreadable') await this.#loadMedia();
      else tries += 1;
      if (verdict.type === 'retry') await this.#pauseBeforeAttempt(verdict.delayMs);
    }
  }

  /** Gives the message up without a call. */
  async giveUp(reason: string, detail: string): Promise<void> {
    if (!this.#over) await this.#conclude(this.#failed(reason, detail));
  }

  /** Ends it without a call, with what the log has of its draft. */
  async end(detail: string): Promise<void> {
    if (!this.#over) await this.#conclude(this.#stoppedEvent(detail));
  }

  /** The client wants no more. */
  stop(): void {
    this.#stopped = true;
    this.#attempt?.cancel({ type: 'stopped' });
    this.#waiting?.abort();
  }

  /** Its conversation was deleted: it ends like one that was stopped, but without a word. */
  discard(): void {
    this.#discarded = true;
    this.stop();
  }

  /** Its final event was read back, or it is left to another worker: nothing more is written, and nothing said. */
  settled(): void {
    if (!this.#over) this.#trace?.end();
    this.#over = true;
    this.#draft?.close();
    this.#attempt?.cancel({ type: 'abandoned' });
    this.#waiting?.abort();
    this.#ending?.abort();
  }

  /** The start of the attempt was read back under this worker's claim: from now on watchers may see it. */
  startedBy(attempt: number): void {
    const current = this.#attempt;
    if (attempt !== current?.number || this.#discarded || this.#output?.isOpen !== false) return;
    this.#output.open();
    if (this.#concluding) return;
    this.#draft = this.#newDraft(current);
    this.#draft.grown();
  }

  /** It waits for a look into history, and no attempt was begun: what a drain need not wait for. */
  get isLookingUp(): boolean {
    return this.#lookingUp;
  }

  /** What a watcher who comes now has missed: the attempt's text from the beginning. */
  draft(): readonly LivePiece[] {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#output?.isOpen !== true || this.#discarded) return [];
    const ids = this.#idsOf(attempt.number);
    const pieces = [...stretches(attempt.reply.text, 0, maxPieceBytes)];
    return pieces.map((piece) => ({ type: 'piece', ...ids, ...piece }));
  }

  /** What the next attempt goes on from: what the log has of the one before. */
  #beginning(): Draft {
    if (!this.#context.deps.provider.continues) return noDraft;
    if (this.#attempt === undefined) return this.message.draft;
    if (this.#attempt.broughtNothing) return noDraft;
    return this.#draft?.written ?? this.#attempt.beginning;
  }

  #begin(number: number, beginning: Draft): Attempt {
    const { deps, attempts } = this.#context;
    const { conversationId } = this.message;
    const output = new HeldOutput((event) => deps.bus.publish(conversationId, event));
    const attempt = new Attempt(number, beginning, attempts, {
      say: (text, offsetBytes) => {
        for (const piece of stretches(text, offsetBytes, maxPieceBytes))
          output.send({ type: 'piece', ...this.#idsOf(number), ...piece });
        this.#draft?.grown();
      },
      store: (media, signal) => this.#storeMedia(media, signal),
    });
    this.#draft?.close();
    this.#draft = undefined;
    this.#attempt = attempt;
    this.#output = output;
    void this.#logStart({ type: 'ReplyStarted', ...this.#factsOf(number), continuedBytes: beginning.bytes });
    return attempt;
  }

  /** Without room for it, the reply comes without its voice or picture: another attempt would find no more. */
  async #storeMedia(media: GeneratedMedia, signal: AbortSignal): Promise<MediaPart | undefined> {
    try {
      return await storeReplyMedia(this.#context.deps, this.message.clientId, media, signal);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#warn(error, 'there is no room for the media of a reply');
      return undefined;
    }
  }

  #newDraft({ number, reply, beginning }: Attempt): DraftWriter {
    const { clock, random } = this.#context.deps;
    return new DraftWriter(reply, beginning, {
      clock,
      random,
      watchdog: this.#context.attempts.watchdog,
      append: (said) =>
        this.#append(said.map((stretch) => ({ type: 'ReplyProgress', ...this.#factsOf(number), ...stretch }))),
      onFailure: (error) => this.#warn(error, 'a draft was not written'),
    });
  }

  async #ask(attempt: Attempt, history: readonly Utterance[]): Promise<AttemptEnd> {
    const { provider } = this.#context.deps;
    const ended = this.#trace?.ask(attempt);
    const request = replyRequest(this.message, attempt, history, this.#reads);
    const end = await attempt.run((signal) => provider.reply(request, signal));
    ended?.(end);
    this.#context.deps.metrics.called(attempt.elapsedMs, attempt.firstPieceMs);
    return end;
  }

  /**
   * Appends the attempt's start until the log has it; never rejects. Not awaited: the call goes on beside it, and the log keeps the order of
   * appends. What has failed when the reply ends goes with its final event.
   */
  async #logStart(event: ReplyStarted): Promise<void> {
    this.#unwritten = undefined;
    const isWanted = () => !this.#over && !this.#concluding && event.attempt === this.#attempt?.number;
    for (let failures = 1; isWanted(); failures += 1) {
      try {
        await this.#append([event]);
        if (this.#unwritten === event) this.#unwritten = undefined;
        return;
      } catch (error) {
        if (event.attempt === this.#attempt?.number) this.#unwritten = event;
        await this.#pauseAfter(error, failures, 'the start of an attempt was not written');
      }
    }
  }

  /**
   * What was said before, as far as the fold is now: a goal that moved on with it would never be reached by history that is a little behind.
   * Nothing when a stop, or the end, came first.
   */
  async #history(): Promise<readonly Utterance[]> {
    const { deps, partition, fold } = this.#context;
    const foldedTo = fold.next;
    const remembered = fold.saidAfter(this.message.conversationId, beforeAll);
    this.#lookingUp = true;
    const said = await this.#awaited('history cannot be loaded', () =>
      deps.lookups.loadHistory(partition, this.message, foldedTo, remembered),
    );
    this.#lookingUp = false;
    return said ?? [];
  }

  /** Tries until it works; undefined when a stop, or the end, came first. */
  async #awaited<T>(what: string, look: () => Promise<T>): Promise<T | undefined> {
    const { clock, random } = this.#context.deps;
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    for (let failures = 1; !this.#stopped && !this.#over; failures += 1) {
      try {
        return await unlessAborted(look(), signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#warn(error, what);
        await pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), signal);
      }
    }
    return undefined;
  }

  /** What the store could not give is not the provider's failure. What it does not have will not come; a store that is away will. */
  async #loadMedia(): Promise<void> {
    await this.#awaited('what was sent cannot be read from the media store', async () => {
      await this.#reads.load().catch((error: unknown) => {
        if (this.#reads.problem !== 'missing') throw error;
      });
    });
  }

  #mediaMissing(): ReplyFailed {
    return this.#failed('MEDIA_NOT_FOUND', 'What was sent with the message is not in the store any more.');
  }

  #judge(end: AttemptEnd, attempt: Attempt, tries: number): Verdict {
    switch (end.type) {
      case 'whole':
        return { type: 'final', event: this.#completed(attempt, 'completed') };
      case 'stopped':
        return { type: 'final', event: this.#stoppedEvent() };
      case 'abandoned':
        return { type: 'nothing' };
      case 'timed-out':
        if (this.#reads.problem !== 'none') return { type: 'unreadable' };
        this.#attemptFailed('timeout', { awaited: end.awaited });
        return this.#retryOr('PROVIDER_TIMEOUT', attempt, tries, 0);
      case 'failed':
        if (this.#reads.problem !== 'none') return { type: 'unreadable' };
        this.#attemptFailed('error', { err: end.error });
        return this.#retryOr('PROVIDER_FAILED', attempt, tries, notBeforeMs(end.error, attempt));
      default:
        return end satisfies never;
    }
  }

  #retryOr(
    reason: 'PROVIDER_FAILED' | 'PROVIDER_TIMEOUT',
    attempt: Attempt,
    tries: number,
    notBeforeMs: number,
  ): Verdict {
    const { settings, random } = this.#context.deps;
    if (tries < settings.maxAttempts && notBeforeMs <= retryMaxDelayMs) {
      const delayMs = Math.max(backOffMs(tries, retryInitialDelayMs, retryMaxDelayMs, random), notBeforeMs);
      return { type: 'retry', delayMs };
    }
    // A client that can read the answer is better off than one that is told there is none.
    if (attempt.isTextWhole) return { type: 'final', event: this.#completed(attempt, 'completed') };
    return { type: 'final', event: this.#failed(reason, catalogue[reason].meaning) };
  }

  /** Appends the final event until the fold has met it; once the conversation is deleted, one without words instead. */
  async #conclude(event: Final): Promise<void> {
    this.#concluding = true;
    this.#draft?.close();
    let held = event;
    for (let failures = 1; !this.#over; failures += 1) {
      try {
        held = await this.#withLastingMedia(held);
        if (this.#over) return;
        const final = this.#discarded ? this.#stoppedEvent() : held;
        this.#trace?.concludes(final.type === 'ReplyFailed' ? final.reason : undefined);
        const started = this.#unwritten === undefined ? [] : [this.#unwritten];
        await this.#append([...started, final], this.#trace?.context);
        return;
      } catch (error) {
        await this.#pauseAfter(error, failures, 'the end of a reply was not written');
      }
    }
  }

  /**
   * While the log takes nothing, the sweep finds media that no message names. Half their lifetime is left for the append, and for history to know of it;
   * looked at just before each append, since storing may take long, too.
   */
  async #withLastingMedia(event: Final): Promise<Final> {
    const { deps } = this.#context;
    let lasting = event;
    while (!this.#over && !this.#discarded && hasMedia(lasting)) {
      const nowMs = deps.clock.monotonicMs();
      const ageMs = this.#mediaSinceMs === undefined ? (this.#attempt?.elapsedMs ?? 0) : nowMs - this.#mediaSinceMs;
      if (ageMs <= deps.settings.unnamedMediaLifetimeMs / 2) return lasting;
      lasting = { ...lasting, parts: await renewReplyMedia(deps, this.message.clientId, lasting.parts) };
      this.#mediaSinceMs = nowMs;
    }
    return lasting;
  }

  #append(events: readonly (ReplyStarted | ReplyProgress | Final)[], trace?: TraceContext): Promise<unknown> {
    const { deps, partition } = this.#context;
    return deps.journal.appendConversation(partition, this.message.conversationId, events, trace);
  }

  async #pauseAfter(error: unknown, failures: number, what: string): Promise<void> {
    const { clock, random } = this.#context.deps;
    this.#warn(error, what);
    this.#ending ??= new AbortController();
    await pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), this.#ending.signal);
  }

  async #pauseBeforeAttempt(delayMs: number): Promise<void> {
    this.#waiting = new AbortController();
    // A stop that came with the attempt's last breath is not waited out.
    if (!this.#stopped) await pause(this.#context.deps.clock, delayMs, this.#waiting.signal);
  }

  #completed(attempt: Pick<Attempt, 'number' | 'parts'>, outcome: 'completed' | 'stopped'): ReplyCompleted {
    return {
      type: 'ReplyCompleted',
      ...this.#factsOf(attempt.number),
      parts: attempt.parts,
      model: this.#context.deps.provider.model,
      outcome,
    };
  }

  /** What was said until now, if anything was and may be kept. */
  #stoppedEvent(detail: string = catalogue.STOPPED.meaning): Final {
    const { draft, attempt: number } = this.message;
    const attempt = this.#attempt;
    const bytes = attempt?.reply.bytes ?? draft.bytes;
    if (bytes === 0 || this.#discarded) return this.#failed('STOPPED', detail);
    // A number of its own: whoever watched the attempt before may have seen more of it than the log has.
    return this.#completed(attempt ?? { number: number + 1, parts: [{ kind: 'text', text: draft.text }] }, 'stopped');
  }

  #failed(reason: string, detail: string): ReplyFailed {
    const { messageId, conversationId } = this.message;
    const attempt = this.#attempt?.number ?? this.message.attempt;
    return { type: 'ReplyFailed', conversationId, messageId, attempt, claimId: this.#context.claimId, reason, detail };
  }

  #factsOf(attempt: number) {
    return {
      conversationId: this.message.conversationId,
      ...this.#idsOf(attempt),
      claimId: this.#context.claimId,
    };
  }

  #idsOf(attempt: number) {
    return { messageId: this.message.messageId, replyMessageId: this.#replyMessageId, attempt };
  }

  #attemptFailed(why: 'timeout' | 'error', fields: object): void {
    const { metrics, logger } = this.#context.deps;
    metrics.attemptFailed(why);
    const { messageId, conversationId } = this.message;
    logger.warn(
      { messageId, conversationId, attempt: this.#attempt?.number, ...fields },
      'an attempt to answer failed',
    );
  }

  #warn(error: unknown, what: string): void {
    const { messageId, conversationId } = this.message;
    this.#context.deps.logger.warn({ messageId, conversationId, err: error }, what);
  }
}

function hasMedia(event: Final): event is ReplyCompleted {
  return event.type === 'ReplyCompleted' && event.parts.some(({ kind }) => kind !== 'text');
}

/** A provider may refuse to go on from a beginning for good, and answer without one. */
function notBeforeMs(error: unknown, { beginning, broughtNothing }: Attempt): number {
  const isRefusal = error instanceof ProviderError && !error.retryable;
  return isRefusal && beginning.bytes > 0 && broughtNothing ? 0 : retryAfterMs(error);
}

/** Not before so long is another attempt of use; infinite when none is. */
function retryAfterMs(error: unknown): number {
  if (error instanceof ProviderError) return error.retryable ? (error.retryAfterMs ?? 0) : Number.POSITIVE_INFINITY;
  // The log's and the read models' errors say so too; anything else is a defect, and would fail again.
  const retryable = error instanceof Error && 'retryable' in error && error.retryable === true;
  return retryable ? 0 : Number.POSITIVE_INFINITY;
}

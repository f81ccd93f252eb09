import { backOffMs, pause, unlessAborted } from '../app/back-off.ts';
import type { PartitionFollower } from '../app/following/partition-follower.ts';
import type { AttemptUsage, MediaPart, ModelCall, ReplyCompleted, ReplyFailed } from '../domain/conversation/events.ts';
import { type Draft, noDraft, type PendingMessage } from '../domain/conversation/pending-messages.ts';
import { maxReplyBytes } from '../domain/limits.ts';
import type { Spend } from '../domain/spending/events.ts';
import { minusSpend, noSpend, plusSpend, spendOf } from '../domain/spending/prices.ts';
import type { LiveEvent } from '../ports/live-bus.ts';
import { isNoRoom } from '../ports/media-store.ts';
import type { GeneratedMedia, TokenLimits, Utterance } from '../ports/provider.ts';
import type { TraceContext } from '../ports/tracing.ts';
import {
  type AnswerEvent,
  type AnswerRules,
  type AnswerState,
  type AttemptOutcome,
  type Effect,
  type End,
  endOf,
  isUnderWay,
  type Task,
  taken,
  transition,
} from './answer-state.ts';
import { AnswerTrace } from './answer-trace.ts';
import type { Attempt, AttemptDeps, AttemptEnd } from './attempt.ts';
import { causeOf, type FailedEnd, loggedCauseOf, notBeforeMs, reasonOf } from './attempt-failure.ts';
import { lostUsageOf, usageOf } from './attempt-usage.ts';
import type { WorkerDeps } from './deps.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs } from './limits.ts';
import { LoggedAttempt } from './logged-attempt.ts';
import { MediaReads } from './media-reads.ts';
import { renewReplyMedia, storeReplyMedia } from './reply-media.ts';
import { contentOf, replyRequest } from './reply-request.ts';
import { limitsWithin } from './token-limits.ts';

/** Where the message stands: its partition, the claim to act under, and the fold. */
export interface AnswerContext {
  readonly deps: WorkerDeps;
  readonly attempts: AttemptDeps;
  readonly partition: number;
  readonly claimId: string;
  readonly fold: Pick<PartitionFollower, 'next' | 'saidAfter' | 'knownFrom' | 'beganSinceKnown' | 'state'>;
  /** The message was received before: the fold is to forget it. */
  readonly forget: (answer: Answer) => void;
  /** The answer has come to a wait. */
  readonly waits: (answer: Answer) => void;
}

/** Before the first offset. */
const beforeAll = -1;

/** One for all: Node would make an error for each abort. */
const waitOver = new Error('nothing is waited for any more');

const waits: ReadonlySet<AnswerState['name']> = new Set(['looking-up', 'loading-history', 'loading-media', 'waiting']);

type Final = ReplyCompleted | ReplyFailed;

/**
 * One message being answered, up to its final event in the log, as its state requires (answer-state.ts). While it waits for a further attempt it counts
 * as in processing: a provider in trouble gets no additional calls. The log's state is known only from the fold, which calls `settled`; until then the
 * final event is kept and appended again.
 */
export class Answer {
  readonly message: PendingMessage;
  readonly #context: AnswerContext;
  readonly #replyMessageId: string;
  readonly #trace: AnswerTrace | undefined;
  readonly #reads: MediaReads;
  readonly #rules: AnswerRules;
  #state: AnswerState;
  #current: LoggedAttempt | undefined;
  /** The last attempt before the current one that said anything. */
  #before: Attempt | undefined;
  /** The conversation so far, once it is loaded. */
  #history: readonly Utterance[] = [];
  /** What attempts used of which the log is not known to say so; the first one may be a lost worker's. */
  #untold: readonly AttemptUsage[];
  /** What all attempts used, these included. */
  #spent: Spend;
  /** Monotonic time since which the media of the held final event may have been stored, once they were stored anew. */
  #mediaSinceMs: number | undefined;
  /** Ends the wait or the read that is under way. Made only when there is one: most answers never wait. */
  #waiting: AbortController | undefined;

  /** `trace`: the step in which the message was taken, if it is traced. */
  constructor(message: PendingMessage, task: Task, context: AnswerContext, trace?: TraceContext) {
    this.message = message;
    this.#context = context;
    this.#state = taken(task);
    this.#reads = new MediaReads(context.deps.media);
    const { maxAttempts, retryMs } = context.deps.settings;
    this.#rules = { maxAttempts, retryMs, usesHistory: context.deps.provider.usesHistory };
    const lost = lostUsageOf(message);
    this.#untold = lost === undefined ? [] : [lost];
    this.#spent = plusSpend(message.spent, spendOf(this.#untold));
    this.#replyMessageId = context.deps.ids.replyMessageId(message.messageId);
    this.#trace = AnswerTrace.begin(context.deps, context.partition, message, trace);
  }

  /**
   * Answers, until the log has the final event or the message is settled. Where nothing is to be looked up or loaded, the call begins before this
   * returns. Rejects only with a defect.
   */
  async run(): Promise<void> {
    // In a conversation that began since the fold knows every message, none is older.
    if (this.#context.fold.beganSinceKnown(this.message.conversationId)) this.#apply(this.#pastKnown('none'));
    for (let next = this.#act(); next !== undefined; next = this.#act()) this.#apply(await next);
  }

  /** The client wants no more. */
  stop(): void {
    this.#apply({ type: 'stop' });
  }

  /** Its conversation was deleted: it ends like one that was stopped, but without a word. */
  discard(): void {
    this.#apply({ type: 'discard' });
  }

  /** Its final event was read back, or it is left to another worker: nothing more is written, and nothing said. */
  settled(): void {
    this.#apply({ type: 'settled' });
  }

  /** The start of the attempt was read back under this worker's claim: from now on watchers may see it. */
  startedBy(attempt: number): void {
    if (attempt === this.#current?.attempt.number && !this.#isDiscarded) this.#current.show();
  }

  /** Nothing is under way: history, the media store or the time of the next attempt is waited for. What a drain need not wait for. */
  get onlyWaits(): boolean {
    return waits.has(this.#state.name);
  }

  /** An attempt was begun. */
  get hasBegun(): boolean {
    return this.#current !== undefined;
  }

  /** What a watcher who comes now has missed: the attempt's text from the beginning. */
  draft(): readonly LiveEvent[] {
    return this.#isDiscarded ? [] : (this.#current?.shown() ?? []);
  }

  get #isDiscarded(): boolean {
    return this.#state.name !== 'over' && this.#state.wish === 'nothing';
  }

  get #isOver(): boolean {
    return this.#state.name === 'over';
  }

  #apply(event: AnswerEvent): void {
    const { state, effects } = transition(this.#state, event, this.#rules);
    const wasOver = this.#isOver;
    this.#state = state;
    if (!isUnderWay(state)) this.#current?.close();
    if (this.#isOver && !wasOver) this.#trace?.end();
    for (const effect of effects) this.#carryOut(effect);
    if (this.onlyWaits) this.#context.waits(this);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'cancel-attempt':
        this.#current?.attempt.cancel({ type: effect.why });
        this.#waiting?.abort(waitOver);
        return;
      case 'end-wait':
        this.#waiting?.abort(waitOver);
        return;
      case 'forget-repeat':
        this.#context.forget(this);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Does what the state is named after; gives how it came out, or undefined where there is nothing more to do. */
  #act(): Promise<AnswerEvent> | undefined {
    const state = this.#state;
    switch (state.name) {
      case 'looking-up':
        return this.#lookUp();
      case 'loading-history':
        return this.#loadHistory();
      case 'calling':
        return this.#call(state.attempt);
      case 'loading-media':
        return this.#loadMedia();
      case 'waiting':
        return this.#wait(state);
      case 'concluding':
        return this.#conclude();
      case 'written':
      case 'over':
        return undefined;
      default:
        return state satisfies never;
    }
  }

  async #lookUp(): Promise<AnswerEvent> {
    const { deps, partition, fold } = this.#context;
    const before = fold.knownFrom;
    const past = await this.#awaited('history cannot say whether a message is a repeat', () =>
      deps.lookups.past(partition, this.message, before),
    );
    if (past === 'repeat') this.#trace?.concludes('REPEAT');
    return this.#pastKnown(past ?? 'none');
  }

  #pastKnown(past: 'none' | 'repeat' | 'deleted'): AnswerEvent {
    const { conversationId, parts } = this.message;
    // Its words were taken out before it was read here: its conversation is deleted, which is still to be read.
    const isDeleted = parts.length === 0 || this.#context.fold.state.deleted.has(conversationId);
    return { type: 'past-known', past: past === 'none' && isDeleted ? 'deleted' : past };
  }

  /**
   * The conversation so far, up to the fold's current offset: a moving target would never be reached by a history that is a little behind. Loaded before
   * the attempts: an unavailable read model is not a failure of the provider.
   */
  async #loadHistory(): Promise<AnswerEvent> {
    const { deps, partition, fold } = this.#context;
    const foldedTo = fold.next;
    const remembered = fold.saidAfter(this.message.conversationId, beforeAll);
    const said = await this.#awaited('history cannot be loaded', () =>
      deps.lookups.loadHistory(partition, this.message, foldedTo, remembered),
    );
    this.#history = said ?? [];
    return { type: 'history-loaded' };
  }

  async #call(number: number): Promise<AnswerEvent> {
    const { provider, spending, metrics } = this.#context.deps;
    const beginning = this.#beginning();
    const { hasReservation } = this.message;
    const isFunded = !hasReservation || (await this.#fund(beginning));
    // That may have been a wait: it was stopped, or left to another worker.
    if (hasReservation && !this.#isWanted) return { type: 'attempt-ended', outcome: { type: 'stopped' } };
    // By the prices that the call will have.
    const limits = hasReservation && isFunded ? this.#limits(beginning) : undefined;
    if (hasReservation && limits === undefined)
      return { type: 'attempt-ended', outcome: { type: 'unfunded', text: this.#textSoFar } };
    const request = {
      ...replyRequest(this.message, { number, beginning }, this.#history, this.#reads),
      ...(limits && { limits }),
    };
    const callPrices = spending.pricesOf(provider.name, provider.model);
    const call = {
      provider: provider.name,
      model: provider.model,
      inputTokens: Math.min(provider.estimatedInputTokens(request), limits?.inputTokens ?? Infinity),
      ...(callPrices && { prices: callPrices }),
      ...(limits && { maxOutputTokens: limits.outputTokens }),
    };
    const { attempt } = this.#begin(number, beginning, call);
    const ended = this.#trace?.ask(attempt);
    const end = await attempt.run((signal) => provider.reply(request, signal));
    ended?.(end);
    metrics.called(attempt.elapsedMs, attempt.firstPieceMs);
    const usage = usageOf(attempt, call, end);
    if (usage !== undefined) {
      metrics.used(usage);
      this.#untold = [...this.#untold, usage];
      this.#spent = plusSpend(this.#spent, spendOf([usage]));
    }
    return { type: 'attempt-ended', outcome: this.#outcomeOf(end, attempt) };
  }

  get #isWanted(): boolean {
    return this.#state.name === 'calling' && this.#state.wish === 'reply';
  }

  /** Whether enough is reserved for the next attempt, or was when it was asked for. */
  async #fund({ text: begun }: Draft): Promise<boolean> {
    const { spending } = this.#context.deps;
    const { messageId, clientId, group, sequence, receivedAtMs } = this.message;
    const content = { ...contentOf(this.message), begun };
    if (spending.covers(messageId, receivedAtMs, content, this.#spent)) return true;
    const at = { partition: this.#context.partition, fromOffset: sequence };
    const wish = { messageId, clientId, group, content, ...at };
    const ask = () => spending.renew(wish, receivedAtMs, this.#spent);
    return (await this.#awaited('what a reply may use cannot be reserved', ask)) ?? false;
  }

  /** What the next attempt may use of what is reserved; undefined: that is too little. */
  #limits({ text: begun }: Draft): TokenLimits | undefined {
    const { provider, spending } = this.#context.deps;
    const { granted = noSpend } = spending.reservationOf(this.message.messageId) ?? {};
    const bounds = provider.bounds({ ...contentOf(this.message), begun });
    return limitsWithin(minusSpend(granted, this.#spent), bounds, (units) => spending.spendOf(units));
  }

  #begin(number: number, beginning: Draft, call: ModelCall): LoggedAttempt {
    const { deps, attempts } = this.#context;
    const { conversationId } = this.message;
    const ended = [...this.#untold];
    const start = { call, ...(ended.length > 0 && { ended }) };
    const begun = new LoggedAttempt(this.#factsOf(number), beginning, start, {
      ...attempts,
      random: deps.random,
      publish: (event) => deps.bus.publish(conversationId, event),
      append: (events) => deps.journal.appendConversation(this.#context.partition, conversationId, events),
      store: (media, signal) => this.#storeMedia(media, signal),
      onStartWritten: () => {
        this.#untold = this.#untold.filter((usage) => !ended.includes(usage));
      },
      onFailure: (error, what) => this.#warn(error, what),
    });
    if (this.#current !== undefined && this.#current.attempt.reply.bytes > 0) this.#before = this.#current.attempt;
    this.#current?.close();
    this.#current = begun;
    return begun;
  }

  /** What the next attempt goes on from: what the log has of the one before. */
  #beginning(): Draft {
    if (!this.#context.deps.provider.continues) return noDraft;
    return this.#current?.written ?? this.message.draft;
  }

  #outcomeOf(end: AttemptEnd, attempt: Attempt): AttemptOutcome {
    if (end.type === 'whole') return { type: attempt.isTruncated ? 'truncated' : 'whole' };
    if (end.type !== 'failed' && end.type !== 'timed-out') return { type: end.type };
    const lacksMedia = this.#reads.problem !== 'none';
    if (!lacksMedia) this.#noteFailure(end, attempt);
    return {
      type: 'failed',
      reason: reasonOf(end),
      cause: causeOf(end),
      atMs: this.#context.deps.clock.monotonicMs(),
      notBeforeMs: end.type === 'failed' ? notBeforeMs(end.error, attempt) : 0,
      isBroken: !attempt.broughtNothing,
      text: this.#textOf(attempt),
      lacksMedia,
      chance: this.#context.deps.random(),
    };
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

  /** A failure of the media store is not the provider's. Missing media are final; an unavailable store is retried. */
  async #loadMedia(): Promise<AnswerEvent> {
    await this.#awaited('what was sent cannot be read from the media store', async () => {
      await this.#reads.load().catch((error: unknown) => {
        if (this.#reads.problem !== 'missing') throw error;
      });
    });
    return { type: 'media-loaded', isMissing: this.#reads.problem === 'missing' };
  }

  async #wait({ delayMs, reason }: Extract<AnswerState, { name: 'waiting' }>): Promise<AnswerEvent> {
    this.#current?.delayNext(delayMs, reason);
    await pause(this.#context.deps.clock, delayMs, this.#newWait());
    return { type: 'waited' };
  }

  /** Appends the final event until the fold has met it. */
  async #conclude(): Promise<AnswerEvent> {
    let held: Final | undefined;
    for (let failures = 1; this.#state.name === 'concluding'; failures += 1) {
      try {
        held = await this.#withLastingMedia(held ?? this.#finalOf(endOf(this.#state)));
        if (this.#state.name !== 'concluding') break;
        const final = this.#isDiscarded ? this.#finalOf(endOf(this.#state)) : held;
        this.#trace?.concludes(final.type === 'ReplyFailed' ? final.reason : undefined);
        const { deps, partition } = this.#context;
        const events = [...(this.#current?.unwritten ?? []), final];
        await deps.journal.appendConversation(partition, this.message.conversationId, events, this.#trace?.context);
        break;
      } catch (error) {
        this.#warn(error, 'the end of a reply was not written');
        await this.#pauseAfter(failures, this.#newWait());
      }
    }
    return { type: 'concluded' };
  }

  /**
   * While the log is unavailable, the sweep finds media that no message names. Half their lifetime is left for the append, and for history to follow;
   * checked just before each append, since storing may take long, too.
   */
  async #withLastingMedia(event: Final): Promise<Final> {
    const { deps } = this.#context;
    let lasting = event;
    while (!this.#isOver && !this.#isDiscarded && hasMedia(lasting)) {
      const nowMs = deps.clock.monotonicMs();
      const elapsedMs = this.#current?.attempt.elapsedMs ?? 0;
      const ageMs = this.#mediaSinceMs === undefined ? elapsedMs : nowMs - this.#mediaSinceMs;
      if (ageMs <= deps.settings.unnamedMediaLifetimeMs / 2) return lasting;
      lasting = { ...lasting, parts: await renewReplyMedia(deps, this.message.clientId, lasting.parts) };
      this.#mediaSinceMs = nowMs;
    }
    return lasting;
  }

  /** Tries until it works; undefined when the wait was ended first. */
  async #awaited<T>(what: string, look: () => Promise<T>): Promise<T | undefined> {
    const signal = this.#newWait();
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        return await unlessAborted(look(), signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#warn(error, what);
        await this.#pauseAfter(failures, signal);
      }
    }
    return undefined;
  }

  #pauseAfter(failures: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context.deps;
    return pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), signal);
  }

  #newWait(): AbortSignal {
    this.#waiting = new AbortController();
    if (this.#isOver) this.#waiting.abort(waitOver);
    return this.#waiting.signal;
  }

  #finalOf({ keep, ...failure }: End): Final {
    const said = keep === 'incomplete' ? this.#saidLast() : this.#said();
    if (keep === 'nothing' || said === undefined) return this.#failed(failure);
    const { model } = this.#context.deps.provider;
    const how = keep === 'incomplete' ? ({ outcome: 'completed', incomplete: true } as const) : { outcome: keep };
    return { type: 'ReplyCompleted', ...this.#factsOf(said.number), parts: said.parts, model, ...how, ...this.#ended };
  }

  #textOf(attempt: Attempt): 'none' | 'part' | 'whole' {
    if (attempt.isTextWhole && !attempt.isTruncated) return 'whole';
    const isKept = this.#saidLast() !== undefined && attempt.reply.bytes <= maxReplyBytes;
    return isKept ? 'part' : 'none';
  }

  get #textSoFar(): 'none' | 'part' | 'whole' {
    if (this.#current !== undefined) return this.#textOf(this.#current.attempt);
    return this.#said() === undefined ? 'none' : 'part';
  }

  /** The text so far; if the current attempt has none, that of the previous one, as its own. */
  #saidLast(): Pick<Attempt, 'number' | 'parts'> | undefined {
    const said = this.#said();
    if (said !== undefined || this.#before === undefined || this.#current === undefined) return said;
    return { number: this.#current.attempt.number, parts: this.#before.parts };
  }

  /** The text so far, if any. */
  #said(): Pick<Attempt, 'number' | 'parts'> | undefined {
    const { draft, attempt } = this.message;
    if (this.#current !== undefined) return this.#current.attempt.reply.bytes > 0 ? this.#current.attempt : undefined;
    if (draft.bytes === 0) return undefined;
    // A new attempt number: watchers of the previous attempt may have received more of it than the log has.
    return { number: attempt + 1, parts: [{ kind: 'text', text: draft.text }] };
  }

  #failed(failure: Omit<End, 'keep'>): ReplyFailed {
    const { messageId, conversationId } = this.message;
    const attempt = this.#current?.attempt.number ?? this.message.attempt;
    const { claimId } = this.#context;
    return { type: 'ReplyFailed', conversationId, messageId, attempt, claimId, ...failure, ...this.#ended };
  }

  /** What the final event says of attempts. */
  get #ended(): Pick<Final, 'ended'> {
    return this.#untold.length > 0 ? { ended: this.#untold } : {};
  }

  #factsOf(attempt: number) {
    const { conversationId, messageId } = this.message;
    const { claimId } = this.#context;
    return { conversationId, messageId, replyMessageId: this.#replyMessageId, attempt, claimId };
  }

  #noteFailure(end: FailedEnd, { number: attempt }: Attempt): void {
    const { metrics, logger } = this.#context.deps;
    metrics.attemptFailed(end.type === 'failed' ? 'error' : 'timeout');
    const { messageId, conversationId } = this.message;
    logger.warn({ messageId, conversationId, attempt, ...loggedCauseOf(end) }, 'an attempt to answer failed');
  }

  #warn(error: unknown, what: string): void {
    const { messageId, conversationId } = this.message;
    this.#context.deps.logger.warn({ messageId, conversationId, err: error }, what);
  }
}

function hasMedia(event: Final): event is ReplyCompleted {
  return event.type === 'ReplyCompleted' && event.parts.some(({ kind }) => kind !== 'text');
}

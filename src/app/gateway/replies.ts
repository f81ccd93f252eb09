import type { Refused } from '../../domain/errors/catalogue.ts';
import { historyPollMs, maxUnsentBytes } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { History, HistoryMessage } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { LiveBus, LiveCompleted, LiveEvent, LiveFailed } from '../../ports/live-bus.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { Span, Tracer } from '../../ports/tracing.ts';
import { ConversationView } from './conversation-view.ts';
import type { Conversations, Unanswered } from './conversations.ts';
import { HeldLiveEvents } from './held-events.ts';
import { Pending, type PendingMessage } from './pending.ts';
import { refusalOf } from './refusal.ts';
import type { Accepted, SessionOutput } from './session-event.ts';

export interface RepliesDeps {
  readonly conversations: Pick<Conversations, 'partition' | 'caughtUp' | 'isGone' | 'pendingOf'>;
  readonly history: Pick<History, 'getMessage' | 'replay'>;
  readonly bus: LiveBus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  readonly output: SessionOutput;
  /** A message may have got its final state. */
  readonly onChange: () => void;
  /** What the session is in cannot be shown. */
  readonly onFault: (refused: Refused) => void;
}

/**
 * What one session hears of replies: all of the conversation it is in, and the end of what its client said elsewhere. From the bus first;
 * from history what the bus may have lost.
 */
export class Replies {
  readonly pending = new Pending();
  readonly #deps: RepliesDeps;
  readonly #subscriptions = new Map<string, () => void>();
  readonly #deleted = new Set<string>();
  /** Of conversations of which history is being read: what the bus has told since. */
  readonly #held = new Map<string, HeldLiveEvents>();
  #view: ConversationView;
  #showing: Promise<void> = Promise.resolve();
  /** An end of the conversation's partition up to which history is known to be, while the bus was listened to already. */
  #caughtUpTo: number | undefined;
  #isAsking = false;
  #isClosed = false;

  constructor(deps: RepliesDeps, conversationId: string) {
    this.#deps = deps;
    this.#view = this.#newView(conversationId);
  }

  /** The conversation that the session is in. */
  get conversationId(): string {
    return this.#view.conversationId;
  }

  /** Settles when what the client had missed of it has been sent. */
  get showing(): Promise<void> {
    return this.#showing;
  }

  /** The bus has told that the conversation was deleted. */
  isDeleted(conversationId: string): boolean {
    return this.#deleted.has(conversationId);
  }

  /**
   * Reads which messages of the client are unanswered: those of its earlier sessions count too, and are still told about. While the read
   * models are away nobody can say; chat goes on without. Rejects with HISTORY_BEHIND or LogUnavailable.
   *
   * The bus is listened to before, so that `show` need not wait for history once more.
   */
  loadPending(clientId: string, limit: number): Promise<void> {
    const { clock, conversations } = this.#deps;
    const { conversationId } = this.#view;
    this.#subscribe(conversationId);
    return this.#beforeBus(conversationId, async () => {
      const unanswered = await this.#pendingOf(clientId, limit);
      for (const message of unanswered?.messages ?? []) {
        this.pending.add(message.messageId, message.conversationId, message.clientMessageId, clock.monotonicMs());
        this.pending.acknowledge(message.messageId, message.sequence);
        this.#subscribe(message.conversationId);
      }
      this.#caughtUpTo = unanswered?.ends[conversations.partition(conversationId)];
    });
  }

  async #pendingOf(clientId: string, limit: number): Promise<Unanswered | undefined> {
    try {
      return await this.#deps.conversations.pendingOf(clientId, limit);
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
      this.#deps.logger.warn({ err: error, clientId }, 'cannot read what is unanswered; the session begins without');
      return undefined;
    }
  }

  /** Leaves the conversation for another; `show` tells what is in it. */
  turnTo(conversationId: string): void {
    this.#view.close();
    const left = this.#view.conversationId;
    this.#view = this.#newView(conversationId);
    this.#caughtUpTo = undefined;
    this.#unsubscribeIfIdle(left);
  }

  /** Replays what came after the sequence and goes live, beside whatever comes in meanwhile. */
  show(afterSequence: number): void {
    const view = this.#view;
    this.#subscribe(view.conversationId);
    this.#showing = this.#catchUp(view, afterSequence).catch((error: unknown) => {
      if (view === this.#view) this.#deps.onFault(refusalOf(error, this.#deps.logger));
    });
  }

  /** Goes live in a conversation that the session has just begun: nothing happened in it before. */
  showNew(): void {
    this.#subscribe(this.#view.conversationId);
    this.#view.goLive();
  }

  /** Tells the client that its message is in the log, and then what already came of it. */
  acknowledge(event: Accepted): void {
    this.#deps.output.emit(event);
    const early = this.pending.acknowledge(event.messageId, event.sequence);
    for (const one of early) this.#onLive(event.conversationId, one);
  }

  /** Asks history for the messages that should long have their end, and not again before it has answered. Called a few times a second. */
  sweep(): void {
    const { clock, logger } = this.#deps;
    // A store that is slow would be slower yet for questions that pile up. And of very many sessions most have said nothing lately.
    if (this.#isAsking || this.pending.size === 0) return;
    const overdue = this.pending.takeOverdue(clock.monotonicMs(), historyPollMs);
    if (overdue.length === 0) return;
    this.#isAsking = true;
    this.#askHistory(overdue)
      .catch((error: unknown) => logger.warn({ err: error }, 'could not ask history for unanswered messages'))
      .finally(() => {
        this.#isAsking = false;
      });
  }

  close(): void {
    this.#isClosed = true;
    this.#view.close();
    for (const stop of this.#subscriptions.values()) stop();
    this.#subscriptions.clear();
  }

  async #catchUp(view: ConversationView, afterSequence: number): Promise<void> {
    const { conversations } = this.#deps;
    const { conversationId } = view;
    const end = this.#caughtUpTo ?? (await conversations.caughtUp(conversations.partition(conversationId)));
    // While the client stood in line nobody listened to the bus.
    if (await conversations.isGone(conversationId)) this.#deleted.add(conversationId);
    await view.catchUp(afterSequence, end);
  }

  #onLive(conversationId: string, event: LiveEvent): void {
    if (event.type === 'deleted') {
      this.#deleted.add(conversationId);
      return;
    }
    const pending = this.pending.get(event.messageId);
    if (pending?.sequence === undefined && pending !== undefined) {
      pending.early.push(event);
      return;
    }
    // What is behind older things and no longer fits there stays unanswered: history is asked for it later.
    if (conversationId === this.#view.conversationId && !this.#view.admits(event)) return;
    let delivery: Span | undefined;
    if (event.type === 'completed' || event.type === 'failed') {
      // What is not pending has been told already: by the bus, by history, or by an earlier session's replay. Or nobody said it here.
      if (pending === undefined) return this.#endBegun(conversationId, event);
      delivery = this.#startDelivery(event, pending);
      this.pending.remove(event.messageId);
      this.#deps.metrics.replied(this.#deps.clock.monotonicMs() - pending.sinceMs);
    }
    if (conversationId === this.#view.conversationId) this.#view.take(event);
    else this.#unsubscribeIfIdle(conversationId);
    delivery?.end();
    this.#deps.onChange();
  }

  /** It came after the unanswered messages were read, and before anybody listened to the bus: history would be asked for it again. */
  #endReplayed(messageId: string): void {
    const pending = this.pending.get(messageId);
    // Before the client knows that it is in the log, what comes of it is kept for after.
    if (pending?.sequence === undefined) return;
    this.pending.remove(messageId);
    this.#deps.metrics.replied(this.#deps.clock.monotonicMs() - pending.sinceMs);
    this.#deps.onChange();
  }

  /** Whoever was shown the beginning of an answer to what was not said here, but replayed by an operator, is shown its end. */
  #endBegun(conversationId: string, event: LiveCompleted | LiveFailed): void {
    if (conversationId !== this.#view.conversationId || this.pending.isInDoubt(event.messageId)) return;
    if (this.#view.hasDraft(this.#deps.ids.replyMessageId(event.messageId))) this.#view.take(event);
  }

  /** A step of what the worker did or, where the bus did not tell of it, of what the client said. */
  #startDelivery(event: LiveCompleted | LiveFailed, { conversationId, trace }: PendingMessage): Span | undefined {
    const { messageId, traceparent } = event;
    const parent = traceparent === undefined ? trace : { traceparent };
    return this.#deps.tracer?.start({ type: 'deliver', messageId, conversationId }, parent);
  }

  async #askHistory(messageIds: readonly string[]): Promise<void> {
    const found = new Map<string, LiveCompleted[]>();
    for (const messageId of messageIds) {
      const message = await this.#read(messageId);
      if (message === null) await this.#dropIfDeleted(messageId);
      const end = message === null ? undefined : await this.#endOf(message);
      if (message === null || end === undefined) continue;
      const { conversationId } = message;
      if (end.type === 'failed') this.#onLive(conversationId, end);
      else found.set(conversationId, [...(found.get(conversationId) ?? []), end]);
    }
    for (const [conversationId, ends] of found) await this.#tellEnds(conversationId, ends);
  }

  /**
   * Tells the replies that history has, in their order: a client that comes back names the last that it has seen, and would never see one before it.
   * History has those that were found, so asked again it has all before the last of them; but not all before one that it has only now. What the bus
   * tells meanwhile comes after.
   */
  async #tellEnds(conversationId: string, found: readonly LiveCompleted[]): Promise<void> {
    const through = Math.max(...found.map(({ sequence }) => sequence));
    const isFound = new Set(found.map(({ messageId }) => messageId));
    const ends = [...found];
    await this.#beforeBus(conversationId, async () => {
      for (const messageId of this.pending.acknowledgedIn(conversationId)) {
        const message = isFound.has(messageId) ? null : await this.#read(messageId);
        const end = message === null ? undefined : await this.#endOf(message);
        if (end?.type === 'completed' && end.sequence <= through) ends.push(end);
      }
      for (const end of ends.sort((one, other) => one.sequence - other.sequence)) this.#onLive(conversationId, end);
    });
  }

  /** Does work with what history knows of a conversation; what the bus tells meanwhile comes after. */
  async #beforeBus(conversationId: string, work: () => Promise<void>): Promise<void> {
    const held = new HeldLiveEvents(maxUnsentBytes);
    this.#held.set(conversationId, held);
    try {
      await work();
    } finally {
      this.#held.delete(conversationId);
      for (const event of held.events) this.#onLive(conversationId, event);
    }
  }

  /** How the message ended, as the bus would have told it; undefined: it has not. */
  async #endOf(message: HistoryMessage): Promise<LiveCompleted | LiveFailed | undefined> {
    const { messageId, attempt } = message;
    if (message.completeTimeMs === null) return undefined;
    const reply = message.replyMessageId === '' ? null : await this.#read(this.#deps.ids.replyMessageId(messageId));
    if (reply !== null) {
      const { messageId: replyMessageId, sequence, parts, model, createTimeMs: timeMs } = reply;
      const outcome = reply.status === 'stopped' ? 'stopped' : 'completed';
      return { type: 'completed', messageId, replyMessageId, attempt, sequence, timeMs, parts, model, outcome };
    }
    if (message.failureReason === '') return undefined;
    const { clientMessageId, failureReason: reason, failureDetail: detail } = message;
    return { type: 'failed', messageId, clientMessageId, reason, detail };
  }

  #read(messageId: string): Promise<HistoryMessage | null> {
    this.#deps.metrics.historyRead();
    return this.#deps.history.getMessage(messageId);
  }

  /** A message that the log has and history no longer knows went with its conversation: nothing will come of it. */
  async #dropIfDeleted(messageId: string): Promise<void> {
    const pending = this.pending.get(messageId);
    if (pending?.sequence === undefined) return;
    const { conversationId, clientMessageId } = pending;
    if (!(await this.#deps.conversations.isGone(conversationId))) return;
    this.#deleted.add(conversationId);
    const detail = 'the conversation was deleted';
    this.#onLive(conversationId, { type: 'failed', messageId, clientMessageId, reason: 'NOT_FOUND', detail });
  }

  /** Also for the session's own conversation the bus is heard before anything is read, so that nothing falls between. */
  #subscribe(conversationId: string): void {
    if (this.#isClosed || this.#subscriptions.has(conversationId)) return;
    const stop = this.#deps.bus.subscribe(conversationId, (event) => {
      const held = this.#held.get(conversationId);
      if (held === undefined) this.#onLive(conversationId, event);
      else held.push(event);
    });
    this.#subscriptions.set(conversationId, stop);
  }

  #unsubscribeIfIdle(conversationId: string): void {
    if (conversationId === this.#view.conversationId || this.pending.anyIn(conversationId)) return;
    this.#subscriptions.get(conversationId)?.();
    this.#subscriptions.delete(conversationId);
  }

  #newView(conversationId: string): ConversationView {
    const { history, bus, metrics, output } = this.#deps;
    const onReplayedEnd = (messageId: string) => this.#endReplayed(messageId);
    return new ConversationView(conversationId, { history, bus, metrics, output, onReplayedEnd });
  }
}

import { type Reason, Refused } from '../../domain/errors/catalogue.ts';
import { historyPollMs } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { History } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { LiveBus, LiveEvent } from '../../ports/live-bus.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { Acceptance } from './acceptance.ts';
import type { Admission, AdmissionListener } from './admission.ts';
import { ConversationView } from './conversation-view.ts';
import type { Conversations } from './conversations.ts';
import { checkAfterSequence, checkConversationId, type Hello } from './hello.ts';
import { checkMessage, type OutgoingMessage } from './outgoing-message.ts';
import { Pending } from './pending.ts';
import type { Accepted, SessionEvent, SessionOutput } from './session-event.ts';

/** The settings that a session keeps its client to. */
export interface SessionSettings {
  readonly maxPendingPerClient: number;
  readonly maxTextBytes: number;
  readonly maxWaitForSlotMs: number;
  readonly firstMessageDeadlineMs: number;
  readonly staleAfterMs: number;
}

export interface SessionDeps {
  readonly conversations: Conversations;
  readonly history: Pick<History, 'getMessage' | 'replay'>;
  readonly bus: LiveBus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly admission: Admission;
  readonly acceptance: Acceptance;
  readonly settings: SessionSettings;
  /** The session goes by another id from now on, or (undefined) is over. */
  readonly onIdChanged: (session: Session, from: string, to: string | undefined) => void;
}

/** Events kept while the gateway is suspended; a reply under way makes some hundreds. */
const maxHeldEvents = 5_000;

/** Messages of a conversation remembered to know a new one without asking history. */
const maxRememberedMessages = 2_000;

type Phase = 'applying' | 'open' | 'ended';

/**
 * One client's session: from its request for a slot to the last word, whatever transport carries it. Everything that comes in is
 * handled in the order of arrival; everything that goes out passes `#emit`.
 */
export class Session implements AdmissionListener {
  readonly clientId: string;
  readonly #deps: SessionDeps;
  readonly #hello: Hello;
  readonly #output: SessionOutput;
  readonly #pending = new Pending();
  readonly #subscriptions = new Map<string, () => void>();
  readonly #welcomed = Promise.withResolvers<void>();
  #sessionId: string;
  #resumeToken: string;
  #phase: Phase = 'applying';
  #view: ConversationView;
  #turn: Promise<unknown>;
  #held: SessionEvent[] = [];
  #heardMs: number;
  /** Monotonic time by which the client must have spoken. */
  #speakByMs = 0;
  #spoken = false;
  #isNew: boolean;
  /** The conversation that this session began last: only here was anything said in it, so what is not in the set is new. */
  #begun: { readonly conversationId: string; readonly said: Set<string> } | undefined;
  #requested = false;
  #leaving = false;
  #showing: Promise<void> = Promise.resolve();
  #lastSequence: number;

  constructor(deps: SessionDeps, hello: Hello, output: SessionOutput) {
    this.#deps = deps;
    this.#hello = hello;
    this.#output = output;
    this.clientId = hello.clientId;
    this.#sessionId = deps.ids.unique();
    this.#resumeToken = deps.ids.token();
    this.#isNew = hello.conversationId === '';
    this.#view = this.#newView(this.#isNew ? deps.ids.unique() : hello.conversationId);
    this.#lastSequence = hello.afterSequence;
    this.#heardMs = deps.clock.monotonicMs();
    this.#turn = this.#welcomed.promise;
    // Nobody may be waiting for the welcome when it fails: the output is told why.
    this.#welcomed.promise.catch(() => undefined);
  }

  get sessionId(): string {
    return this.#sessionId;
  }

  get conversationId(): string {
    return this.#view.conversationId;
  }

  /** Applies for a slot. What comes of it, the output is told; rejects with what is wrong with the conversation, or LogUnavailable. */
  async apply(): Promise<void> {
    if (!this.#isNew) await this.#deps.conversations.checkOwned(this.conversationId, this.clientId);
    await this.#request(this.#hello.resumeToken, this.#hello.waitMs);
  }

  opened(): void {
    this.#becomeOpen().catch((error: unknown) => this.end(refusalOf(error, this.#deps.logger)));
  }

  queued(place: number): void {
    this.#output.emit({ type: 'waiting', place });
  }

  refused(reason: 'ALREADY_CONNECTED' | 'TOO_MANY_CLIENTS'): void {
    this.#finish(new Refused(reason));
  }

  closed(reason: string, detail: string): void {
    if (reason === 'GATEWAY_LOST' || reason === 'GATEWAY_RESTARTED') return this.#applyAgain();
    this.#finish(
      isEndReason(reason)
        ? new Refused(reason, detail === '' ? undefined : detail)
        : new Refused('DISCONNECTED', detail),
    );
  }

  /** Takes a message. Resolves when it is in the log; rejects with Refused, and then nothing was taken. */
  async send(message: OutgoingMessage): Promise<Accepted> {
    const arrivedMs = this.#hear();
    const { accepted, at } = await this.#inTurn(async () => this.#begin(message, arrivedMs));
    try {
      const stands = await accepted;
      const event: Accepted = {
        type: 'accepted',
        clientMessageId: message.clientMessageId,
        conversationId: at,
        ...stands,
      };
      this.#acknowledge(event);
      this.#deps.metrics.accepted(this.#deps.clock.monotonicMs() - arrivedMs);
      return event;
    } catch (error) {
      const messageId = this.#deps.ids.messageId(at, message.clientMessageId);
      if (this.#pending.get(messageId)?.acknowledged === false) this.#pending.remove(messageId);
      this.#leaveIfAnswered();
      throw refusalOf(error, this.#deps.logger);
    }
  }

  /** Records that the client wants no more of the reply to this message. Rejects with Refused. */
  async stopReply(messageId: string): Promise<void> {
    this.#hear();
    await this.#inTurn(async () => this.#checkActive());
    const { conversations, logger } = this.#deps;
    const conversationId =
      this.#pending.get(messageId)?.conversationId ?? (await conversations.ofPendingMessage(messageId, this.clientId));
    if (conversationId === undefined) return;
    try {
      await conversations.requestStop(conversationId, messageId);
    } catch (error) {
      throw refusalOf(error, logger);
    }
  }

  /** Turns to another conversation, '' for a new one; answers with its id once the session has turned. Rejects with Refused. */
  async join(conversationId: string, afterSequence: number): Promise<string> {
    this.#hear();
    if (conversationId !== '') checkConversationId(conversationId);
    checkAfterSequence(afterSequence);
    return this.#inTurn(async () => {
      this.#checkActive();
      const joined = conversationId === '' ? this.#deps.ids.unique() : conversationId;
      try {
        if (conversationId === '') await this.#startConversation(joined);
        else await this.#deps.conversations.checkOwned(joined, this.clientId);
      } catch (error) {
        throw refusalOf(error, this.#deps.logger);
      }
      this.#view.close();
      const left = this.#view.conversationId;
      this.#view = this.#newView(joined);
      this.#unsubscribeIfIdle(left);
      this.#emit({ type: 'joined', conversationId: joined });
      this.#lastSequence = afterSequence;
      this.#showView();
      return joined;
    });
  }

  /** A sign of life; answers with the server's clock, milliseconds since the epoch. */
  ping(): number {
    this.#hear();
    return this.#deps.clock.nowMs();
  }

  /** A sign of life that is answered on the stream. */
  pong(): void {
    const timeMs = this.ping();
    this.#output.emit({ type: 'pong', timeMs });
  }

  /** The client said goodbye. */
  goodbye(): void {
    this.#release('GOODBYE', '');
    this.#finish(undefined);
  }

  /** The client will say no more, and reads on: the session ends once everything said is answered. */
  leaveWhenAnswered(): void {
    this.#inTurn(() => this.#showing).then(
      () => {
        this.#leaving = true;
        this.#leaveIfAnswered();
      },
      // The session has ended already, and its output knows why.
      () => undefined,
    );
  }

  /** The stream is gone. Frees the slot; replies go on. */
  lost(): void {
    this.#release('LOST', '');
    this.#finish(undefined);
  }

  /** The server ends the session. */
  end(refused: Refused): void {
    this.#release(refused.reason, refused.message);
    this.#finish(refused);
  }

  /** The server is leaving at `deadlineMs` (epoch) at the latest. */
  drain(deadlineMs: number): void {
    this.#output.emit({ type: 'drain', deadlineMs });
  }

  /** Looks for what time alone brings about. Called a few times a second. */
  sweep(): void {
    const { clock, settings, admission } = this.#deps;
    if (this.#phase !== 'open' || admission.suspended) return;
    this.#flushHeld();
    const nowMs = clock.monotonicMs();
    // Who has closed its half of the stream cannot ping.
    if (!this.#leaving && nowMs - this.#heardMs > settings.staleAfterMs) return this.end(new Refused('STALE'));
    if (!this.#spoken && nowMs > this.#speakByMs) return this.end(new Refused('FIRST_MESSAGE_TIMEOUT'));
    const overdue = this.#pending.olderThan(nowMs - historyPollMs);
    if (overdue.length > 0) {
      this.#askHistory(overdue).catch((error: unknown) =>
        this.#deps.logger.warn(
          { err: error, sessionId: this.#sessionId },
          'could not ask history for unanswered messages',
        ),
      );
    }
  }

  async #request(resumeToken: string, waitMs: number): Promise<void> {
    const { ids, admission, settings } = this.#deps;
    if (this.#phase === 'ended') return;
    this.#requested = true;
    await admission.request(
      {
        sessionId: this.#sessionId,
        clientId: this.clientId,
        timeZone: this.#hello.timeZone,
        conversationId: this.conversationId,
        tokenHash: ids.hash(this.#resumeToken),
        resumeTokenHash: resumeToken === '' ? '' : ids.hash(resumeToken),
        waitMs: Math.min(waitMs, settings.maxWaitForSlotMs),
      },
      this,
    );
  }

  /** The fold has given the slot: prepares everything that the client may rely on, then welcomes it. */
  async #becomeOpen(): Promise<void> {
    const { clock, admission, settings } = this.#deps;
    if (this.#isNew) {
      await this.#startConversation(this.conversationId);
      this.#isNew = false;
    }
    // Who applies again after an outage of the log has seen everything up to it; what came since was kept.
    const isFirst = this.#speakByMs === 0;
    if (isFirst) await this.#loadPending();
    if (this.#phase === 'ended') return;
    this.#phase = 'open';
    this.#heardMs = clock.monotonicMs();
    const open = admission.state.open.get(this.#sessionId);
    this.#spoken = open?.hasSpoken ?? false;
    // A session that was taken over keeps the deadline of the one before.
    const remainingMs =
      open === undefined ? settings.firstMessageDeadlineMs : open.deadlineClockMs - admission.state.clockMs;
    this.#speakByMs = this.#heardMs + remainingMs;
    this.#output.emit({
      type: 'welcome',
      sessionId: this.#sessionId,
      resumeToken: this.#resumeToken,
      conversationId: this.conversationId,
      timeMs: clock.nowMs(),
    });
    this.#flushHeld();
    if (isFirst) this.#showView();
    this.#welcomed.resolve();
  }

  /** Reads which messages of the client are unanswered: those of its earlier sessions count too, and are still told about. */
  async #loadPending(): Promise<void> {
    const { conversations, clock, settings } = this.#deps;
    for (const message of await conversations.pendingOf(this.clientId, settings.maxPendingPerClient)) {
      const { messageId, conversationId, clientMessageId } = message;
      this.#pending.add(messageId, conversationId, clientMessageId, clock.monotonicMs(), true);
      this.#subscribe(conversationId);
    }
  }

  /** The lease ran out while the log was away, or another gateway took this one's name: the client keeps its stream and stands in line again. */
  #applyAgain(): void {
    if (this.#phase === 'ended') return;
    const { ids, settings } = this.#deps;
    const former = this.#sessionId;
    this.#phase = 'applying';
    this.#sessionId = ids.unique();
    this.#resumeToken = ids.token();
    this.#deps.onIdChanged(this, former, this.#sessionId);
    this.#request('', settings.maxWaitForSlotMs).catch((error: unknown) =>
      this.end(refusalOf(error, this.#deps.logger)),
    );
  }

  async #startConversation(conversationId: string): Promise<void> {
    await this.#deps.conversations.start(conversationId, this.clientId);
    this.#begun = { conversationId, said: new Set() };
  }

  /** Replays what was missed and goes live, beside whatever comes in meanwhile. */
  #showView(): void {
    const view = this.#view;
    this.#subscribe(view.conversationId);
    this.#showing = this.#catchUp(view).catch((error: unknown) => {
      if (view === this.#view) this.end(refusalOf(error, this.#deps.logger));
    });
  }

  async #catchUp(view: ConversationView): Promise<void> {
    const { conversations } = this.#deps;
    const end = await conversations.caughtUp(conversations.partition(view.conversationId));
    await view.catchUp(this.#lastSequence, end);
  }

  async #begin(message: OutgoingMessage, sinceMs: number) {
    this.#checkActive();
    const { acceptance, settings } = this.#deps;
    const parts = checkMessage(message, settings.maxTextBytes);
    const { conversationId } = this;
    const speaker = {
      clientId: this.clientId,
      conversationId,
      partition: this.#deps.conversations.partition(conversationId),
      timeZone: this.#hello.timeZone,
    };
    const reserve = (messageId: string) => {
      if (this.#pending.size >= settings.maxPendingPerClient) {
        throw new Refused('TOO_MANY_PENDING', `${settings.maxPendingPerClient} messages are unanswered`);
      }
      this.#pending.add(messageId, conversationId, message.clientMessageId, sinceMs, false);
      this.#saidIn(conversationId)?.add(messageId);
    };
    const isCertainlyNew = (messageId: string) => this.#saidIn(conversationId)?.has(messageId) === false;
    const { accepted } = await acceptance.begin(speaker, message.clientMessageId, parts, isCertainlyNew, reserve);
    this.#speak();
    return { accepted, at: conversationId };
  }

  /** Every message of a conversation that this session began, as long as that is few; undefined for any other conversation. */
  #saidIn(conversationId: string): Set<string> | undefined {
    if (this.#begun?.conversationId !== conversationId) return undefined;
    if (this.#begun.said.size >= maxRememberedMessages) this.#begun = undefined;
    return this.#begun?.said;
  }

  #speak(): void {
    if (this.#spoken) return;
    this.#spoken = true;
    this.#deps.admission.spoke(this.#sessionId);
  }

  /** Tells the client that its message is in the log, and then what already came of it. */
  #acknowledge(event: Accepted): void {
    this.#emit(event);
    const pending = this.#pending.get(event.messageId);
    if (pending === undefined || pending.acknowledged) return;
    pending.acknowledged = true;
    for (const early of pending.early) this.#onLive(pending.conversationId, early);
  }

  #onLive(conversationId: string, event: LiveEvent): void {
    if (event.type === 'deleted') return;
    const pending = this.#pending.get(event.messageId);
    if (pending?.acknowledged === false) {
      pending.early.push(event);
      return;
    }
    if (event.type === 'completed' || event.type === 'failed') {
      // What is not pending has been told already: by the bus, by history, or by an earlier session's replay.
      if (pending === undefined) return;
      this.#pending.remove(event.messageId);
      this.#deps.metrics.replied(this.#deps.clock.monotonicMs() - pending.sinceMs);
    }
    if (conversationId === this.#view.conversationId) this.#view.take(event);
    else this.#unsubscribeIfIdle(conversationId);
    this.#leaveIfAnswered();
  }

  #leaveIfAnswered(): void {
    if (this.#leaving && this.#pending.size === 0) this.goodbye();
  }

  /** The bus may have lost the end of a reply: history is asked for what should long be there. */
  async #askHistory(messageIds: readonly string[]): Promise<void> {
    const { history, ids } = this.#deps;
    for (const messageId of messageIds) {
      const message = await history.getMessage(messageId);
      if (message === null || message.completeTimeMs === null) continue;
      const reply = message.replyMessageId === '' ? null : await history.getMessage(ids.replyMessageId(messageId));
      if (reply !== null) {
        const { sequence, parts, model, createTimeMs } = reply;
        const outcome = reply.status === 'stopped' ? 'stopped' : 'completed';
        const common = { messageId, replyMessageId: reply.messageId, attempt: message.attempt };
        this.#onLive(message.conversationId, {
          type: 'completed',
          ...common,
          sequence,
          timeMs: createTimeMs,
          parts,
          model,
          outcome,
        });
      } else if (message.failureReason !== '') {
        const { clientMessageId, failureReason: reason, failureDetail: detail } = message;
        this.#onLive(message.conversationId, { type: 'failed', messageId, clientMessageId, reason, detail });
      }
    }
  }

  #subscribe(conversationId: string): void {
    if (this.#subscriptions.has(conversationId)) return;
    const stop = this.#deps.bus.subscribe(conversationId, (event) => this.#onLive(conversationId, event));
    this.#subscriptions.set(conversationId, stop);
  }

  #unsubscribeIfIdle(conversationId: string): void {
    if (conversationId === this.#view.conversationId || this.#pending.anyIn(conversationId)) return;
    this.#subscriptions.get(conversationId)?.();
    this.#subscriptions.delete(conversationId);
  }

  #newView(conversationId: string): ConversationView {
    const { history, bus } = this.#deps;
    const output: SessionOutput = {
      emit: (event) => this.#emit(event),
      writable: () => this.#output.writable(),
      end: (refused) => this.#output.end(refused),
    };
    return new ConversationView(conversationId, { history, bus, output });
  }

  /** Tells the client, or keeps it while the gateway is suspended: others may have counted this session out. */
  #emit(event: SessionEvent): void {
    if (this.#phase === 'open' && this.#held.length === 0 && !this.#deps.admission.suspended) {
      this.#output.emit(event);
      return;
    }
    this.#held.push(event);
    if (this.#held.length > maxHeldEvents) this.end(new Refused('LOG_UNAVAILABLE', 'the log was away for too long'));
  }

  #flushHeld(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.#output.emit(event);
  }

  /** Runs a step after all that came before it has begun. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  #checkActive(): void {
    if (this.#phase === 'ended') throw new Refused('SESSION_NOT_FOUND');
    if (this.#phase !== 'open' || this.#deps.admission.suspended)
      throw new Refused('LOG_UNAVAILABLE', 'the log is away');
  }

  #hear(): number {
    this.#heardMs = this.#deps.clock.monotonicMs();
    if (this.#phase === 'open') this.#deps.admission.touch(this.#sessionId, this.conversationId);
    return this.#heardMs;
  }

  #release(reason: string, detail: string): void {
    if (this.#phase !== 'ended' && this.#requested) this.#deps.admission.release(this.#sessionId, reason, detail);
  }

  #finish(refused: Refused | undefined): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#view.close();
    for (const stop of this.#subscriptions.values()) stop();
    this.#subscriptions.clear();
    this.#welcomed.reject(refused ?? new Refused('SESSION_NOT_FOUND'));
    this.#deps.metrics.sessionEnded(refused?.reason ?? 'GOODBYE');
    this.#deps.onIdChanged(this, this.#sessionId, undefined);
    this.#output.end(refused);
  }
}

/** Reasons of the log's ConnectionClosed that are told to the client as they are. */
const endReasons: ReadonlySet<string> = new Set<Reason>([
  'SESSION_TAKEN_OVER',
  'FIRST_MESSAGE_TIMEOUT',
  'STALE',
  'DISCONNECTED',
  'DRAINING',
]);

function isEndReason(reason: string): reason is Reason {
  return endReasons.has(reason);
}

/** What a client is told of an error: its own refusal, the log's absence, or nothing of what is inside. */
export function refusalOf(error: unknown, logger: Logger): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof LogUnavailable) return new Refused('LOG_UNAVAILABLE');
  logger.error({ err: error }, 'unexpected error in a session');
  return new Refused('INTERNAL');
}

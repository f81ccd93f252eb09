import type { MessageReceived } from '../../domain/conversation/events.ts';
import type { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import type { LiveBus } from '../../ports/live-bus.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { TraceContext, Tracer } from '../../ports/tracing.ts';
import type { ClientListener, Following } from '../following/following.ts';
import {
  conversationOf,
  type FollowedRecord,
  isAboutMessage,
  isUnderWay,
  type MessageRecord,
} from '../following/recent-records.ts';
import { ConversationView } from './conversation-view.ts';
import { refusalOf } from './refusal.ts';
import type { SaidAt, SessionConversations } from './session-conversations.ts';
import type { Accepted, SessionOutput } from './session-event.ts';

export interface DeliveryDeps {
  readonly clientId: string;
  readonly following: Following;
  readonly conversations: Pick<SessionConversations, 'missed' | 'said'>;
  readonly bus: LiveBus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  readonly output: SessionOutput;
  /** A message may have got its end. */
  readonly onChange: () => void;
  /** What the session is in cannot be shown. */
  readonly onFault: (refused: Refused) => void;
}

/** A message that the client sent here, until its sequence is known. */
interface Awaited {
  readonly clientMessageId: string;
  readonly conversationId: string;
  /** A repeat, acknowledged when the message is shown. */
  readonly isRepeat: boolean;
  readonly accepted: PromiseWithResolvers<Accepted>;
}

/** A message that the client said here and that has no end yet: for how long it took, and as a step of what. */
interface Taken {
  readonly sinceMs: number;
  readonly trace: TraceContext | undefined;
}

/**
 * Events of one session: the sequences of its client's messages, and everything of its conversation, each when the fold of the log reads it. So events
 * have one order, the log's.
 */
export class Delivery implements ClientListener {
  readonly #deps: DeliveryDeps;
  readonly #awaited = new Map<string, Awaited>();
  readonly #taken = new Map<string, Taken>();
  readonly #unlisten: () => void;
  #view: ConversationView;
  #showing: Promise<void> = Promise.resolve();
  #conversationId: string;
  #isClosed = false;

  constructor(deps: DeliveryDeps, conversationId: string) {
    this.#deps = deps;
    this.#conversationId = conversationId;
    this.#view = this.#newView(Number.MAX_SAFE_INTEGER);
    this.#unlisten = deps.following.listen(deps.clientId, this);
  }

  /** The conversation that the session is in. */
  get conversationId(): string {
    return this.#conversationId;
  }

  /** Settles when what the client had missed of it has been told. */
  get showing(): Promise<void> {
    return this.#showing;
  }

  /** How many messages of the client, over all its conversations, have no end yet, those on their way into the log included. */
  get unanswered(): number {
    const { following, clientId } = this.#deps;
    let onTheirWay = 0;
    for (const [messageId, { conversationId }] of this.#awaited)
      if (!following.of(conversationId).state.known.has(messageId)) onTheirWay += 1;
    return following.pendingCount(clientId) + onTheirWay;
  }

  /** What will be told of a message that is on its way into the log; undefined: it is not. */
  awaited(messageId: string): Promise<Accepted> | undefined {
    return this.#awaited.get(messageId)?.accepted.promise;
  }

  /** Resolves when the client was told of each message that is on its way what became of it. */
  async allAccepted(): Promise<void> {
    await Promise.allSettled([...this.#awaited.values()].map(({ accepted }) => accepted.promise));
  }

  /** A message is about to be appended. Resolves when its sequence was sent to the client; rejects as `withdraw` says. */
  await(messageId: string, clientMessageId: string, sinceMs: number, trace?: TraceContext): Promise<Accepted> {
    this.#taken.set(messageId, { sinceMs, trace });
    return this.#await(messageId, clientMessageId, false);
  }

  /** The message is a repeat, in the session's conversation. Resolves when its sequence was sent to the client. */
  async repeat(messageId: string, clientMessageId: string, at: SaidAt): Promise<Accepted> {
    if (!this.#isClosed && !this.#view.hasTold(at.sequence)) return this.#await(messageId, clientMessageId, true);
    const event: Accepted = {
      type: 'accepted',
      messageId,
      clientMessageId,
      conversationId: this.#conversationId,
      ...at,
      duplicate: true,
    };
    this.#emit(event);
    return event;
  }

  /** It did not come into the log, or may not have. No effect once it was read there. */
  withdraw(messageId: string, error: unknown): void {
    const awaited = this.#awaited.get(messageId);
    if (awaited === undefined) return;
    this.#forget(messageId);
    this.#taken.delete(messageId);
    awaited.accepted.reject(error);
  }

  /** Joins a conversation, once all earlier messages are accepted: sends events after the sequence, and then live ones. */
  show(conversationId: string, afterSequence: number): void {
    this.#view.close();
    this.#conversationId = conversationId;
    const view = this.#newView(afterSequence);
    this.#view = view;
    this.#showing = view.show().catch((error: unknown) => {
      if (view === this.#view && !this.#isClosed) this.#deps.onFault(refusalOf(error, this.#deps.logger));
    });
  }

  followed(record: FollowedRecord): void {
    const { event } = record;
    // A closed view sends nothing, but pending messages must still settle.
    if (conversationOf(record) === this.#conversationId && !this.#isClosed) this.#view.followed(record);
    else if (!isAboutMessage(record)) return;
    else if (event.type === 'MessageReceived') this.#received(event.messageId, placeOf(record));
    else if (!isUnderWay(record)) this.#ended(record);
    // A view that is still telling older things, or none any more, tells no one that a message has its end.
    if (event.type === 'ReplyCompleted' || event.type === 'ReplyFailed') this.#deps.onChange();
  }

  repeated({ messageId }: MessageReceived): void {
    const awaited = this.#awaited.get(messageId);
    if (awaited !== undefined) this.#lookUp(messageId, awaited);
  }

  shortened(partition: number, endOffset: number): void {
    const { following } = this.#deps;
    if (following.partitionOf(this.#conversationId) === partition) this.#view.shortened(endOffset);
    for (const [messageId, { conversationId }] of this.#awaited)
      if (following.partitionOf(conversationId) === partition)
        this.withdraw(messageId, new LogUnavailable('the log has become shorter', 'unknown'));
  }

  /** Sends nothing more to the client; pending sends still settle. */
  close(): void {
    this.#isClosed = true;
    this.#view.close();
    for (const [messageId, awaited] of this.#awaited) this.#lookUp(messageId, awaited);
    this.#leaveIfUnused();
  }

  #await(messageId: string, clientMessageId: string, isRepeat: boolean): Promise<Accepted> {
    const accepted = Promise.withResolvers<Accepted>();
    // Nobody may ask any more when it fails.
    accepted.promise.catch(() => undefined);
    this.#awaited.set(messageId, { clientMessageId, conversationId: this.#conversationId, isRepeat, accepted });
    return accepted.promise;
  }

  /** Whether the client was waiting to be told so. */
  #received(messageId: string, at: SaidAt): boolean {
    return this.#tellAccepted(messageId, at, this.#awaited.get(messageId)?.isRepeat === true);
  }

  #tellAccepted(messageId: string, at: SaidAt, duplicate: boolean): boolean {
    const awaited = this.#awaited.get(messageId);
    if (awaited === undefined) return false;
    const { clientMessageId, conversationId, accepted } = awaited;
    const event: Accepted = { type: 'accepted', messageId, clientMessageId, conversationId, ...at, duplicate };
    this.#emit(event);
    this.#forget(messageId);
    accepted.resolve(event);
    return true;
  }

  /** The fold knows the message by now; unless the view will reach it, its sequence is sent to the client. */
  #lookUp(messageId: string, { conversationId }: Awaited): void {
    const { following, conversations } = this.#deps;
    const sequence = following.of(conversationId).state.known.offsetOf(messageId);
    if (sequence === undefined) return;
    const isShown = conversationId === this.#conversationId && !this.#isClosed;
    if (isShown && !this.#view.hasTold(sequence)) return;
    conversations.said(conversationId, messageId).then(
      (at) => at && this.#tellAccepted(messageId, at, true),
      (error: unknown) => this.withdraw(messageId, error),
    );
  }

  #ended({ event, message, trace }: MessageRecord): void {
    const { messageId, conversationId } = message;
    const taken = this.#taken.get(messageId);
    if (taken === undefined || this.#isClosed) return;
    this.#taken.delete(messageId);
    const { clock, metrics, tracer } = this.#deps;
    metrics.replied(clock.monotonicMs() - taken.sinceMs);
    // Traced under the worker's span or, where the record has none, under the client's.
    const step = { type: 'deliver', messageId, conversationId } as const;
    if (event.type !== 'MessageReceived') tracer?.start(step, trace ?? taken.trace)?.end();
  }

  #emit(event: Accepted): void {
    if (!this.#isClosed) this.#deps.output.emit(event);
  }

  #forget(messageId: string): void {
    this.#awaited.delete(messageId);
    this.#leaveIfUnused();
  }

  #leaveIfUnused(): void {
    if (this.#isClosed && this.#awaited.size === 0) this.#unlisten();
  }

  #newView(afterSequence: number): ConversationView {
    const callbacks = {
      onReceived: (messageId: string, at: SaidAt) => this.#received(messageId, at),
      onEnded: (record: MessageRecord) => this.#ended(record),
    };
    return new ConversationView(this.#conversationId, afterSequence, { ...this.#deps, ...callbacks });
  }
}

function placeOf({ offset: sequence, timeMs }: MessageRecord): SaidAt {
  return { sequence, timeMs };
}

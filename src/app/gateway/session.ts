import type { MessageReceived } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';
import type { Identity } from '../../ports/authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import type { LiveBus } from '../../ports/live-bus.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { TraceContext, Tracer } from '../../ports/tracing.ts';
import type { Caller } from '../caller.ts';
import type { Following } from '../following/following.ts';
import type { Journal } from '../journal.ts';
import type { MediaLibrary } from '../media/media-library.ts';
import type { MediaLinks } from '../media/media-links.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';
import type { SecurityRecorder } from '../security/security-recorder.ts';
import type { SpendingBook } from '../spending/spending-book.ts';
import {
  type Accept,
  decideMessage,
  isTextOnly,
  type MessageFacts,
  type MessageLimits,
  type MessagePlace,
  type OutgoingMessage,
  refusalUnlessServed,
  type Serving,
} from './accept-message.ts';
import type { Admission, AdmissionListener } from './admission.ts';
import { Delivery } from './delivery.ts';
import { checkAfterSequence, checkConversationId, type Hello } from './hello.ts';
import { OrderedOutput } from './ordered-output.ts';
import { countedAs, refusalOf, refusalOfEnd } from './refusal.ts';
import type { SaidAt, SessionConversations } from './session-conversations.ts';
import type { Accepted, SessionOutput } from './session-event.ts';
import { type ClientHalf, type LifeStep, overdue, type Phase, phaseAfter } from './session-life.ts';

/** The settings that a session keeps its client to. */
export interface SessionSettings extends MessageLimits {
  readonly maxWaitForSlotMs: number;
  readonly firstMessageDeadlineMs: number;
  readonly staleAfterMs: number;
}

export interface SessionDeps {
  readonly journal: Journal;
  readonly following: Following;
  readonly conversations: SessionConversations;
  readonly bus: LiveBus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly admission: Admission;
  readonly media: Pick<MediaLibrary, 'take'>;
  readonly links: MediaLinks;
  readonly writes: Pick<ClientWrites, 'take' | 'messageWaitMs' | 'takeMessage'>;
  readonly spending: Pick<SpendingBook, 'position' | 'needsGrant' | 'refusalUnlessGranted' | 'reservationOf'>;
  readonly security: Pick<SecurityRecorder, 'record'>;
  readonly settings: SessionSettings;
  /** Whether sessions with a slot may send and receive. */
  readonly mayServe: () => boolean;
  /** The session goes by another id from now on, or (undefined) is over. */
  readonly onIdChanged: (session: Session, from: string, to: string | undefined) => void;
}

/** After everything that the log holds: of a new conversation. */
const fromNow = Number.MAX_SAFE_INTEGER;

const overflows = {
  slot: () => new Refused('LOG_UNAVAILABLE', 'the log was away for too long'),
  links: () => new Refused('MEDIA_UNAVAILABLE', 'the media of a message could not be had in time'),
};

/** In the security log, of a session that its client ended from another device. */
const takenOver = 'taken over by another session of this client';

/** A message whose place in the log is before that of those that arrive later. */
interface Submitted {
  /** Settles once the client was sent the place, or it is known that there is none. */
  readonly accepted: Promise<Accepted>;
}

/**
 * One client's session, from its request for a slot to its end, over any transport. Frames are handled in order of arrival; events go through its
 * output.
 */
export class Session implements AdmissionListener {
  readonly clientId: string;
  /** undefined: it is counted by no address. */
  readonly clientAddress: string | undefined;
  readonly #deps: SessionDeps;
  readonly #hello: Hello;
  readonly #output: OrderedOutput;
  readonly #delivery: Delivery;
  readonly #welcomed = Promise.withResolvers<void>();
  /** Frames are handled in the order of arrival, the first after the welcome. */
  #turn: Promise<unknown>;
  /** Messages with media that have not had their turn, or whose media are being stored. */
  #mediaUnderWay = 0;
  #sessionId: string;
  #resumeToken: string;
  #phase: Phase = 'checking';
  #client: ClientHalf = 'read';
  #heardMs: number;
  /** Monotonic time by which the client must have spoken, infinite once it has; undefined before its first welcome. */
  #speakByMs: number | undefined;
  /** The conversation is still to be begun. */
  #isNew: boolean;
  #prepared: Promise<void> | undefined;
  /** When the client must have shown a newer access token, milliseconds since the epoch. */
  #expireTimeMs = Number.POSITIVE_INFINITY;
  /** As the newest access token says. */
  #group: string | undefined;

  /** The hello's client id is the caller's. */
  constructor(deps: SessionDeps, hello: Hello, caller: Caller, output: SessionOutput) {
    this.#deps = deps;
    this.#hello = hello;
    this.clientId = hello.clientId;
    this.clientAddress = caller.clientAddress;
    this.#sessionId = deps.ids.unique();
    this.#resumeToken = deps.ids.token();
    this.#isNew = hello.conversationId === '';
    this.#heardMs = deps.clock.monotonicMs();
    if (caller.kind === 'client') [this.#expireTimeMs, this.#group] = [caller.expireTimeMs, caller.group];
    this.#output = this.#newOutput(output);
    this.#delivery = this.#newDelivery(this.#isNew ? deps.ids.unique() : hello.conversationId);
    this.#turn = this.#welcomed.promise;
    // The welcome may have no waiter when it fails: the output gets the error.
    this.#welcomed.promise.catch(() => undefined);
  }

  get sessionId(): string {
    return this.#sessionId;
  }

  get conversationId(): string {
    return this.#delivery.conversationId;
  }

  /** How many messages of its client, over all its conversations, have no end yet, those on their way into the log included. */
  get unanswered(): number {
    return this.#delivery.unanswered;
  }

  /** It holds a slot; before, its client waits for one. */
  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** Requests a slot; the output gets the verdict. Rejects with errors of the conversation, or LogUnavailable. */
  async apply(): Promise<void> {
    if (!this.#isNew) await this.#deps.conversations.checkOwned(this.conversationId, this.clientId);
    // A slot that was freed first would go to who waits in line, so the other session is taken over, as by its token.
    const otherHash = this.#hello.takeOver ? await this.#deps.admission.heldTokenHash(this.clientId) : undefined;
    const { resumeToken, waitMs } = this.#hello;
    const tokenHash = resumeToken === '' ? '' : this.#deps.ids.hash(resumeToken);
    if (!this.#advance('request')) return;
    await this.#request(otherHash ?? tokenHash, waitMs, otherHash !== undefined);
    if (otherHash === undefined) return;
    const { clientId, clientAddress: address } = this;
    // A request that was refused, or not acknowledged, has ended no session.
    if (this.#deps.admission.state.sessionOfClient.get(clientId) !== this.#sessionId) return;
    await this.#deps.security.record({ kind: 'session_ended', clientId, address: address ?? '', detail: takenOver });
  }

  opened(): void {
    if (!this.#advance('slot')) return;
    const sessionId = this.#sessionId;
    this.#becomeOpen(sessionId).catch((error: unknown) => {
      if (this.#isOpening(sessionId)) this.end(refusalOf(error, this.#deps.logger));
    });
  }

  queued(place: number): void {
    this.#output.emitNow({ type: 'waiting', place });
  }

  refused(reason: 'ALREADY_CONNECTED' | 'TOO_MANY_CLIENTS'): void {
    this.#finish(new Refused(reason));
  }

  closed(reason: string, detail: string): void {
    if (reason === 'GATEWAY_LOST') return this.#applyAgain();
    this.#finish(refusalOfEnd(reason, detail));
  }

  /**
   * Accepts a message. Resolves when its sequence was sent to the client; rejects when it was not accepted, with Refused or with a port's error.
   * Messages with media are bounded, because each holds its bytes while it is handled.
   */
  async send(message: OutgoingMessage): Promise<Accepted> {
    const { metrics, clock, settings } = this.#deps;
    const arrivedMs = this.#hear();
    const withMedia = isTextOnly(message.parts) ? 0 : 1;
    if (withMedia > 0 && this.#mediaUnderWay >= settings.maxPendingPerClient)
      throw new Refused('TOO_MANY_PENDING', `${settings.maxPendingPerClient} messages with media are on their way`);
    let submitted: Submitted;
    this.#mediaUnderWay += withMedia;
    try {
      submitted = await this.#inTurn(() => this.#accept(message, arrivedMs));
    } finally {
      this.#mediaUnderWay -= withMedia;
    }
    const accepted = await submitted.accepted;
    metrics.accepted(clock.monotonicMs() - arrivedMs);
    return accepted;
  }

  /** Records that the client wants no more of the reply to this message. Rejects as `send`. */
  async stopReply(messageId: string): Promise<void> {
    this.#hear();
    await this.#inTurn(async () => this.#checkServed());
    await this.#deps.conversations.requestStop(messageId, this.clientId, this.clientAddress);
  }

  /** Turns to another conversation, '' for a new one; answers with its id once the session has turned. Rejects as `send`. */
  async join(conversationId: string, afterSequence: number): Promise<string> {
    this.#hear();
    if (conversationId !== '') checkConversationId(conversationId);
    checkAfterSequence(afterSequence);
    return this.#inTurn(async () => {
      // Earlier messages are accepted first: an Accepted of a left conversation would precede events of it that were not sent.
      await this.#delivery.allAccepted();
      this.#checkServed();
      const joined = conversationId === '' ? this.#deps.ids.unique() : conversationId;
      if (conversationId === '') await this.#startNext(joined);
      else await this.#deps.conversations.checkOwned(joined, this.clientId);
      // The slot may have been lost meanwhile, or the session have ended.
      this.#checkServed();
      this.#output.emit({ type: 'joined', conversationId: joined });
      this.#delivery.show(joined, conversationId === '' ? fromNow : afterSequence);
      return joined;
    });
  }

  async #startNext(conversationId: string): Promise<void> {
    this.#deps.writes.take(this.clientId, 'new_conversation', this.clientAddress);
    await this.#deps.conversations.start(conversationId, this.clientId);
  }

  /** A sign of life, answered on the stream; also gives the answer, the server's clock in milliseconds since the epoch. */
  ping(): number {
    this.#hear();
    const timeMs = this.#deps.clock.nowMs();
    this.#output.emitNow({ type: 'pong', timeMs });
    return timeMs;
  }

  /** Whether the client is not read for now, because it has sent more than is taken yet: then its silence is no sign that it is gone. */
  holdUp(isHeldUp: boolean): void {
    if (this.#client !== 'finished') this.#client = isHeldUp ? 'unread' : 'read';
    if (!isHeldUp) this.#hear();
  }

  /** The client said goodbye. */
  goodbye(): void {
    this.#release('GOODBYE', '');
    this.#finish(undefined);
  }

  /** The client sends no more (all its messages are accepted or refused), and keeps reading: the session ends once all are answered. */
  leaveWhenAnswered(): void {
    this.#inTurn(() => this.#delivery.showing).then(
      () => {
        this.#client = 'finished';
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
    this.#output.emitNow({ type: 'drain', deadlineMs });
  }

  /** Looks for what time alone brings about. Called a few times a second. */
  sweep(): void {
    const { clock, settings, mayServe } = this.#deps;
    if (this.#isExpired()) return this.end(new Refused('UNAUTHENTICATED', 'the access token has expired'));
    if (this.#phase !== 'open' || !mayServe()) return;
    this.#output.flush();
    this.#leaveIfAnswered();
    const { staleAfterMs } = settings;
    const times = { nowMs: clock.monotonicMs(), heardMs: this.#heardMs, speakByMs: this.#speakByMs, staleAfterMs };
    const refused = overdue(this.#client, times);
    if (refused !== undefined) this.end(refused);
  }

  /** The client has shown a newer token: the session goes on as long as the longest of them. Throws UNAUTHENTICATED for another client's. */
  renew({ clientId, group, expireTimeMs }: Identity): void {
    if (clientId !== this.clientId) throw new Refused('UNAUTHENTICATED', 'the access token is of another client');
    this.#expireTimeMs = Math.max(this.#expireTimeMs, expireTimeMs);
    this.#group = group;
  }

  /** Rejects with LogUnavailable, unless the session goes by another id by then: the fold had ended this one, and it applied again. */
  async #request(resumeTokenHash: string, waitMs: number, takeOver: boolean): Promise<void> {
    const { ids, admission, settings } = this.#deps;
    const sessionId = this.#sessionId;
    try {
      await admission.request(
        {
          sessionId,
          clientId: this.clientId,
          timeZone: this.#hello.timeZone,
          conversationId: this.conversationId,
          tokenHash: ids.hash(this.#resumeToken),
          resumeTokenHash,
          waitMs: Math.min(waitMs, settings.maxWaitForSlotMs),
          ...(takeOver && { takeOver }),
        },
        this,
      );
    } catch (error) {
      if (sessionId === this.#sessionId) throw error;
    }
  }

  /** The fold has given this id the slot: prepares everything that the client may rely on, then welcomes it, if the id still has the slot. */
  async #becomeOpen(sessionId: string): Promise<void> {
    const { clock, admission, settings } = this.#deps;
    await this.#prepare();
    if (!this.#isOpening(sessionId)) return;
    this.#advance('ready');
    this.#heardMs = clock.monotonicMs();
    // Who applies again after an outage of the log has seen everything up to it; what came since was kept.
    const isFirst = this.#speakByMs === undefined;
    const open = admission.state.open.get(sessionId);
    // A session that was taken over keeps the deadline of the one before.
    const remainingMs =
      open === undefined ? settings.firstMessageDeadlineMs : open.deadlineClockMs - admission.state.clockMs;
    this.#speakByMs = open?.hasSpoken === true ? Number.POSITIVE_INFINITY : this.#heardMs + remainingMs;
    this.#output.emitNow({
      type: 'welcome',
      sessionId,
      resumeToken: this.#resumeToken,
      conversationId: this.conversationId,
      timeMs: clock.nowMs(),
    });
    this.#output.flush();
    const { conversationId, afterSequence } = this.#hello;
    if (isFirst) this.#delivery.show(this.conversationId, conversationId === '' ? fromNow : afterSequence);
    this.#welcomed.resolve();
    this.#leaveIfAnswered();
  }

  /** The slot that this id was given is still to be taken. The fold may have ended it meanwhile; then another id applies, or nothing does. */
  #isOpening(sessionId: string): boolean {
    return this.#phase === 'opening' && this.#sessionId === sessionId;
  }

  /**
   * Begins the conversation, if it is new, and reads on to the end of the log: once, however often a slot is given and lost meanwhile. What failed is
   * tried again for the next slot.
   */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#begin().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #begin(): Promise<void> {
    if (this.#isNew) await this.#deps.conversations.start(this.conversationId, this.clientId);
    this.#isNew = false;
    // What its client has said elsewhere, and has no answer to, counts here.
    await this.#deps.following.caughtUp();
  }

  /** The lease ran out while the log was away: the client keeps its stream and stands in line again. */
  #applyAgain(): void {
    if (!this.#advance('lose')) return;
    const { ids, settings } = this.#deps;
    const former = this.#sessionId;
    this.#sessionId = ids.unique();
    this.#resumeToken = ids.token();
    this.#deps.onIdChanged(this, former, this.#sessionId);
    this.#request('', settings.maxWaitForSlotMs, false).catch((error: unknown) =>
      this.end(refusalOf(error, this.#deps.logger)),
    );
  }

  /** Makes the step, if it means something in this phase. */
  #advance(step: LifeStep): boolean {
    const phase = phaseAfter(this.#phase, step);
    if (phase !== undefined) this.#phase = phase;
    return phase !== undefined;
  }

  /** Runs a step after all that came before it has begun. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  /** Decides on a message and carries the decision out. Facts that are not in memory are read only when the decision asks for them. */
  async #accept(message: OutgoingMessage, arrivedMs: number): Promise<Submitted> {
    const { conversations, following, spending, settings } = this.#deps;
    const place = this.#placeOf(message);
    const { clientId, conversationId, messageId } = place;
    const asked: { seen?: 'never'; usedBytes?: number | undefined } = {};
    for (;;) {
      const decision = decideMessage(message, place, this.#factsOf(place, asked), settings);
      switch (decision.type) {
        case 'accept':
          return this.#appendAccepted(message, decision, arrivedMs);
        case 'find-first': {
          const first = this.#delivery.awaited(messageId) ?? (await conversations.said(conversationId, messageId));
          if (first !== undefined) return this.#repeat(message, messageId, first);
          asked.seen = 'never';
          break;
        }
        case 'read-usage':
          asked.usedBytes = await conversations.usedBytes(clientId);
          break;
        case 'ask-budgets': {
          const wish = { ...following.nextPlace(conversationId), ...place, content: decision.content };
          const refused = await spending.refusalUnlessGranted(wish);
          if (refused !== undefined) throw this.#counted(refused);
          break;
        }
        case 'refuse':
          throw this.#counted(decision.refused);
        default:
          return decision satisfies never;
      }
    }
  }

  #placeOf({ clientMessageId }: OutgoingMessage): MessagePlace {
    const { clientId, conversationId } = this;
    // One that is too long is refused, and not worth hashing.
    const isTooLong = clientMessageId.length > maxIdLength;
    const messageId = isTooLong ? '' : this.#deps.ids.messageId(conversationId, clientMessageId);
    return { messageId, conversationId, clientId, group: this.#group, timeZone: this.#hello.timeZone };
  }

  #factsOf(
    { messageId, conversationId, clientId }: MessagePlace,
    asked: { readonly seen?: 'never'; readonly usedBytes?: number | undefined },
  ): MessageFacts {
    const { conversations, writes, spending } = this.#deps;
    const isOnItsWay = this.#delivery.awaited(messageId) !== undefined;
    return {
      serving: this.#serving,
      isDeleted: conversations.isDeleted(conversationId),
      seen: asked.seen ?? (isOnItsWay ? 'before' : conversations.seen(conversationId, messageId)),
      usedBytes: 'usedBytes' in asked ? asked.usedBytes : 'unknown',
      unanswered: this.unanswered,
      messageWaitMs: writes.messageWaitMs(clientId),
      spendingOffset: spending.position,
      needsGrant: spending.needsGrant(messageId, { clientId, group: this.#group }),
      hasReservation: spending.reservationOf(messageId) !== undefined,
    };
  }

  /** Appends what was accepted; a message without media at once. */
  #appendAccepted(
    message: OutgoingMessage,
    { event, parts }: Accept,
    arrivedMs: number,
  ): Submitted | Promise<Submitted> {
    const { clientMessageId, trace } = message;
    this.#deps.writes.takeMessage(this.clientId);
    const accepted = this.#delivery.await(event.messageId, clientMessageId, arrivedMs, trace);
    if (!isTextOnly(parts)) return this.#appendWithMedia(event, parts, trace, accepted);
    this.#append(event, trace);
    this.#speak();
    return { accepted };
  }

  /** Media may yet be refused; then the message was not accepted. */
  async #appendWithMedia(
    event: MessageReceived,
    parts: Accept['parts'],
    trace: TraceContext | undefined,
    accepted: Promise<Accepted>,
  ): Promise<Submitted> {
    try {
      const stored = await this.#deps.media.take(parts, this.clientId);
      // Media that are taken long before they are named may be swept as unused: a process that was frozen meanwhile has lost its slot, too.
      this.#checkServed();
      this.#append({ ...event, parts: stored }, trace);
      accepted.then(
        () => this.#speak(),
        () => undefined,
      );
    } catch (error) {
      this.#delivery.withdraw(event.messageId, error);
    }
    return { accepted };
  }

  /** The outcome is read from the log, whatever the append returns. */
  #append(event: MessageReceived, trace: TraceContext | undefined): void {
    const { journal, following } = this.#deps;
    const { messageId, conversationId } = event;
    const partition = following.partitionOf(conversationId);
    journal
      .appendConversation(partition, conversationId, [event], trace)
      // A log that accepts appends but returns no records must not block forever.
      .then(([at]) => at && following.folded(partition, at.offset + 1))
      .catch((error: unknown) => this.#delivery.withdraw(messageId, error));
  }

  #repeat({ clientMessageId }: OutgoingMessage, messageId: string, first: SaidAt | Promise<Accepted>): Submitted {
    this.#speak();
    return { accepted: Promise.resolve(first).then((at) => this.#delivery.repeat(messageId, clientMessageId, at)) };
  }

  #counted(refused: Refused): Refused {
    const kind = countedAs[refused.reason];
    if (kind !== undefined) this.#deps.metrics.writeRefused(kind);
    return refused;
  }

  #speak(): void {
    if (this.#speakByMs === Number.POSITIVE_INFINITY) return;
    this.#speakByMs = Number.POSITIVE_INFINITY;
    this.#deps.admission.spoke(this.#sessionId);
  }

  /** What is kept while nothing may be sent is sent first: it may be the answer that the client stayed for. */
  #leaveIfAnswered(): void {
    if (this.#client !== 'finished' || this.unanswered > 0) return;
    this.#output.flush();
    if (this.#output.isEmpty) this.goodbye();
  }

  #isExpired(): boolean {
    return this.#expireTimeMs !== Number.POSITIVE_INFINITY && this.#deps.clock.nowMs() >= this.#expireTimeMs;
  }

  get #serving(): Serving {
    if (this.#phase === 'ended') return 'ended';
    return this.#phase === 'open' && this.#deps.mayServe() ? 'served' : 'suspended';
  }

  #checkServed(): void {
    const refused = refusalUnlessServed(this.#serving);
    if (refused !== undefined) throw refused;
  }

  #hear(): number {
    this.#heardMs = this.#deps.clock.monotonicMs();
    if (this.#phase === 'open') this.#deps.admission.touch(this.#sessionId, this.conversationId);
    return this.#heardMs;
  }

  #release(reason: string, detail: string): void {
    if (this.#phase !== 'ended' && this.#phase !== 'checking')
      this.#deps.admission.release(this.#sessionId, reason, detail);
  }

  #finish(refused: Refused | undefined): void {
    if (!this.#advance('end')) return;
    this.#delivery.close();
    this.#welcomed.reject(refused ?? new Refused('SESSION_NOT_FOUND'));
    this.#deps.metrics.sessionEnded(refused?.reason ?? 'GOODBYE');
    this.#deps.onIdChanged(this, this.#sessionId, undefined);
    this.#output.end(refused);
  }

  #newOutput(output: SessionOutput): OrderedOutput {
    const { links, logger } = this.#deps;
    return new OrderedOutput({
      output,
      links,
      inline: this.#hello.inlineMedia,
      logger,
      maySend: () => this.#serving === 'served',
      onOverflow: (waitsFor) => this.end(overflows[waitsFor]()),
    });
  }

  #newDelivery(conversationId: string): Delivery {
    const callbacks = { onChange: () => this.#leaveIfAnswered(), onFault: (refused: Refused) => this.end(refused) };
    return new Delivery({ ...this.#deps, clientId: this.clientId, output: this.#output, ...callbacks }, conversationId);
  }
}

import { Refused } from '../../domain/errors/catalogue.ts';
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
import type { HistoryQuota } from '../rate-limits/history-quota.ts';
import type { Admission, AdmissionListener } from './admission.ts';
import { Delivery } from './delivery.ts';
import { checkAfterSequence, checkConversationId, type Hello } from './hello.ts';
import { Inbox, type InboxSettings } from './inbox.ts';
import { OrderedOutput } from './ordered-output.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import { refusalOf, refusalOfEnd } from './refusal.ts';
import type { SessionConversations } from './session-conversations.ts';
import type { Accepted, SessionOutput } from './session-event.ts';

/** The settings that a session keeps its client to. */
export interface SessionSettings extends InboxSettings {
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
  readonly writes: Pick<ClientWrites, 'take' | 'takeMessage'>;
  readonly historyQuota: Pick<HistoryQuota, 'check'>;
  readonly settings: SessionSettings;
  /** Whether sessions that hold a slot may be told anything, and taken at their word. */
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

type Phase = 'applying' | 'open' | 'ended';

/**
 * One client's session: from its request for a slot to the last word, whatever transport carries it. What comes in is taken by its inbox in
 * the order of arrival; what goes out passes its output.
 */
export class Session implements AdmissionListener {
  readonly clientId: string;
  /** undefined: it is counted by no address. */
  readonly clientAddress: string | undefined;
  readonly #deps: SessionDeps;
  readonly #hello: Hello;
  readonly #clientAddress: string | undefined;
  readonly #output: OrderedOutput;
  readonly #delivery: Delivery;
  readonly #inbox: Inbox;
  readonly #welcomed = Promise.withResolvers<void>();
  #sessionId: string;
  #resumeToken: string;
  #phase: Phase = 'applying';
  #heardMs: number;
  /** Monotonic time by which the client must have spoken. */
  #speakByMs = 0;
  #spoken = false;
  /** The conversation is still to be begun. */
  #isNew: boolean;
  #prepared: Promise<void> | undefined;
  #requested = false;
  #leaving = false;
  #isHeldUp = false;
  /** When the client must have shown a newer access token, milliseconds since the epoch. */
  #expireTimeMs = Number.POSITIVE_INFINITY;

  /** The hello's client id is the caller's. */
  constructor(deps: SessionDeps, hello: Hello, caller: Caller, output: SessionOutput) {
    this.#deps = deps;
    this.#hello = hello;
    this.#clientAddress = caller.clientAddress;
    this.clientId = hello.clientId;
    this.clientAddress = caller.clientAddress;
    this.#sessionId = deps.ids.unique();
    this.#resumeToken = deps.ids.token();
    this.#isNew = hello.conversationId === '';
    this.#heardMs = deps.clock.monotonicMs();
    if (caller.kind === 'client') this.#expireTimeMs = caller.expireTimeMs;
    this.#output = this.#newOutput(output);
    this.#delivery = this.#newDelivery(this.#isNew ? deps.ids.unique() : hello.conversationId);
    this.#inbox = this.#newInbox();
    // Nobody may be waiting for the welcome when it fails: the output is told why.
    this.#welcomed.promise.catch(() => undefined);
  }

  get sessionId(): string {
    return this.#sessionId;
  }

  get conversationId(): string {
    return this.#delivery.conversationId;
  }

  /** It holds a slot; before, its client waits for one. */
  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** Applies for a slot. What comes of it, the output is told; rejects with what is wrong with the conversation, or LogUnavailable. */
  async apply(): Promise<void> {
    if (!this.#isNew) await this.#deps.conversations.checkOwned(this.conversationId, this.clientId);
    await this.#request(this.#hello.resumeToken, this.#hello.waitMs);
  }

  opened(): void {
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

  /** Takes a message, as a step of the trace. Resolves when it is in the log; rejects with Refused, and then nothing was taken. */
  send(message: OutgoingMessage, trace?: TraceContext): Promise<Accepted> {
    return this.#inbox.take(message, this.#hear(), trace);
  }

  /** Records that the client wants no more of the reply to this message. Rejects with Refused. */
  async stopReply(messageId: string): Promise<void> {
    this.#hear();
    await this.#inbox.inTurn(async () => this.#checkActive());
    try {
      await this.#deps.conversations.requestStop(messageId, this.clientId, this.#clientAddress);
    } catch (error) {
      throw refusalOf(error, this.#deps.logger);
    }
  }

  /** Turns to another conversation, '' for a new one; answers with its id once the session has turned. Rejects with Refused. */
  async join(conversationId: string, afterSequence: number): Promise<string> {
    this.#hear();
    if (conversationId !== '') checkConversationId(conversationId);
    checkAfterSequence(afterSequence);
    return this.#inbox.inTurn(async () => {
      // What was said before is told where it was said: an Accepted of a conversation that was left would be ahead of what was not told there any more.
      await this.#delivery.allAccepted();
      this.#checkActive();
      const joined = conversationId === '' ? this.#deps.ids.unique() : conversationId;
      try {
        if (conversationId === '') await this.#startNext(joined);
        else await this.#deps.conversations.checkOwned(joined, this.clientId);
      } catch (error) {
        throw refusalOf(error, this.#deps.logger);
      }
      // The slot may have been lost meanwhile, or the session have ended.
      this.#checkActive();
      this.#output.emit({ type: 'joined', conversationId: joined });
      this.#delivery.show(joined, conversationId === '' ? fromNow : afterSequence);
      return joined;
    });
  }

  async #startNext(conversationId: string): Promise<void> {
    this.#deps.writes.take(this.clientId, 'new_conversation', this.#clientAddress);
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
    this.#isHeldUp = isHeldUp;
    if (!isHeldUp) this.#hear();
  }

  /** The client said goodbye. */
  goodbye(): void {
    this.#release('GOODBYE', '');
    this.#finish(undefined);
  }

  /** The client will say no more (what it said has been accepted or refused), and reads on: the session ends once all of it is answered. */
  leaveWhenAnswered(): void {
    this.#inbox
      .inTurn(() => this.#delivery.showing)
      .then(
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
    this.#output.emitNow({ type: 'drain', deadlineMs });
  }

  /** Looks for what time alone brings about. Called a few times a second. */
  sweep(): void {
    const { clock, settings, mayServe } = this.#deps;
    if (this.#isExpired()) return this.end(new Refused('UNAUTHENTICATED', 'the access token has expired'));
    if (this.#phase !== 'open' || !mayServe()) return;
    this.#output.flush();
    this.#leaveIfAnswered();
    const nowMs = clock.monotonicMs();
    // Who has closed its half of the stream cannot ping, nor can who is not read.
    if (!this.#leaving && !this.#isHeldUp && nowMs - this.#heardMs > settings.staleAfterMs)
      return this.end(new Refused('STALE'));
    if (!this.#spoken && nowMs > this.#speakByMs) return this.end(new Refused('FIRST_MESSAGE_TIMEOUT'));
  }

  /** The client has shown a newer token: the session goes on as long as the longest of them. Throws UNAUTHENTICATED for another client's. */
  renew({ clientId, expireTimeMs }: Identity): void {
    if (clientId !== this.clientId) throw new Refused('UNAUTHENTICATED', 'the access token is of another client');
    this.#expireTimeMs = Math.max(this.#expireTimeMs, expireTimeMs);
  }

  /** Rejects with LogUnavailable, unless the session goes by another id by then: the fold had ended this one, and it applied again. */
  async #request(resumeToken: string, waitMs: number): Promise<void> {
    const { ids, admission, settings } = this.#deps;
    if (this.#phase === 'ended') return;
    this.#requested = true;
    const sessionId = this.#sessionId;
    try {
      await admission.request(
        {
          sessionId,
          clientId: this.clientId,
          timeZone: this.#hello.timeZone,
          conversationId: this.conversationId,
          tokenHash: ids.hash(this.#resumeToken),
          resumeTokenHash: resumeToken === '' ? '' : ids.hash(resumeToken),
          waitMs: Math.min(waitMs, settings.maxWaitForSlotMs),
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
    this.#phase = 'open';
    this.#heardMs = clock.monotonicMs();
    const open = admission.state.open.get(sessionId);
    this.#spoken = open?.hasSpoken ?? false;
    // Who applies again after an outage of the log has seen everything up to it; what came since was kept.
    const isFirst = this.#speakByMs === 0;
    // A session that was taken over keeps the deadline of the one before.
    const remainingMs =
      open === undefined ? settings.firstMessageDeadlineMs : open.deadlineClockMs - admission.state.clockMs;
    this.#speakByMs = this.#heardMs + remainingMs;
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
    return this.#phase === 'applying' && this.#sessionId === sessionId;
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

  #speak(): void {
    if (this.#spoken) return;
    this.#spoken = true;
    this.#deps.admission.spoke(this.#sessionId);
  }

  /** What is kept while nothing may be sent is sent first: it may be the answer that the client stayed for. */
  #leaveIfAnswered(): void {
    if (!this.#leaving || this.#delivery.unanswered > 0) return;
    this.#output.flush();
    if (this.#output.isEmpty) this.goodbye();
  }

  #isExpired(): boolean {
    return this.#expireTimeMs !== Number.POSITIVE_INFINITY && this.#deps.clock.nowMs() >= this.#expireTimeMs;
  }

  #checkActive(): void {
    if (this.#phase === 'ended') throw new Refused('SESSION_NOT_FOUND');
    if (this.#phase !== 'open' || !this.#deps.mayServe()) throw new Refused('LOG_UNAVAILABLE', 'the log is away');
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
    this.#delivery.close();
    this.#welcomed.reject(refused ?? new Refused('SESSION_NOT_FOUND'));
    this.#deps.metrics.sessionEnded(refused?.reason ?? 'GOODBYE');
    this.#deps.onIdChanged(this, this.#sessionId, undefined);
    this.#output.end(refused);
  }

  #newOutput(output: SessionOutput): OrderedOutput {
    const { mayServe, links, logger } = this.#deps;
    return new OrderedOutput({
      output,
      links,
      inline: this.#hello.inlineMedia,
      logger,
      maySend: () => this.#phase === 'open' && mayServe(),
      onOverflow: (waitsFor) => this.end(overflows[waitsFor]()),
    });
  }

  #newDelivery(conversationId: string): Delivery {
    const callbacks = { onChange: () => this.#leaveIfAnswered(), onFault: (refused: Refused) => this.end(refused) };
    return new Delivery({ ...this.#deps, clientId: this.clientId, output: this.#output, ...callbacks }, conversationId);
  }

  #newInbox(): Inbox {
    const { clientId } = this;
    const { timeZone } = this.#hello;
    const callbacks = { checkActive: () => this.#checkActive(), onSpoken: () => this.#speak() };
    return new Inbox(
      { ...this.#deps, clientId, timeZone, delivery: this.#delivery, ...callbacks },
      this.#welcomed.promise,
    );
  }
}

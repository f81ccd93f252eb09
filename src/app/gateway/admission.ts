import type {
  AdmissionEvent,
  AdmissionLimits,
  ConnectionClosed,
  ConnectionRequested,
} from '../../domain/admission/events.ts';
import { type AdmissionOutcome, evolve } from '../../domain/admission/evolve.ts';
import { endingsOf, findWaiting } from '../../domain/admission/slots.ts';
import { type AdmissionState, currentClockRule, initialAdmission, placeInLine } from '../../domain/admission/state.ts';
import { gatewayBeatMs, suspendAfterMs, twinAnswerMs } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogDamaged, LogTruncated, LogUnavailable } from '../../ports/event-log.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { OffsetWaits } from '../offset-waits.ts';

/** What the fold decides about one session; told in log order. */
export interface AdmissionListener {
  opened(): void;
  /** 1 is next. Told again whenever it changes. */
  queued(place: number): void;
  refused(reason: 'ALREADY_CONNECTED' | 'TOO_MANY_CLIENTS'): void;
  closed(reason: string, detail: string): void;
}

export interface AdmissionDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gatewayId: string;
  /** This process: another one at each start. */
  readonly incarnation: string;
  /** No other process can run under this gateway id. Default: false. */
  readonly isIdExclusive?: boolean | undefined;
  readonly limits: AdmissionLimits;
  /** Where the fold begins: a snapshot and the offset of the next record after it. */
  readonly snapshot: { readonly state: AdmissionState; readonly offset: number };
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: Error) => void;
}

/** The wait before the log is tried again after a failure. */
const retryMs = 500;

/** A gateway that leaves reads on for this long at most, to learn whether its id is another process's by now. */
const lastLookMs = 1_000;

/** Another process runs under this gateway id, and may hold sessions. */
export class InstanceIdTaken extends Error {
  override readonly name = 'InstanceIdTaken';

  constructor(gatewayId: string, how: string) {
    super(`${how} under the instance id ${gatewayId}: give each process a PARLEY_INSTANCE_ID of its own, or none`);
  }
}

/**
 * The process's registration in the log. `new`: nothing appended. `starting`: a process with the same id is asked to answer. `started`: the id is its
 * own. `superseded`: the id is another process's by now.
 */
type Stage = 'new' | 'starting' | 'started' | 'superseded';

/** Somebody who waits until everything before an offset has been folded. */
/**
 * This gateway's view of admission: it appends requests, follows the topic, and acts on the fold. It keeps the gateway's lease by heartbeats, and
 * detects that the lease may have expired before others can act on it.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #listeners = new Map<string, AdmissionListener>();
  readonly #places = new Map<string, number>();
  readonly #releasing = new Map<string, { readonly reason: string; readonly detail: string }>();
  readonly #active = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #waits = new OffsetWaits();
  #state: AdmissionState;
  #position: number;
  #stage: Stage = 'new';
  #isLeaving = false;
  /** Settles when another process shows that it runs under this gateway's id, while this one starts. */
  readonly #rival = Promise.withResolvers<'rival'>();
  /** Resolves when the fold has come to this gateway's start. */
  readonly #begun = Promise.withResolvers<void>();
  /** While the log is folded again because it became shorter: up to this gateway's new start, which comes at this offset or later. */
  #foldingAgainTo: number | undefined;
  #lastSignMs: number;
  #following: Promise<void> = Promise.resolve();
  #beating: Promise<void> = Promise.resolve();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#state = deps.snapshot.state;
    this.#position = deps.snapshot.offset;
    this.#lastSignMs = deps.clock.monotonicMs();
  }

  /**
   * Announces the gateway, which ends its former sessions, and answers when the fold has come that far. Rejects with LogUnavailable, or with
   * InstanceIdTaken, and then nothing was ended.
   */
  async start(): Promise<void> {
    const { isIdExclusive = false } = this.#deps;
    await this.#checkSnapshot();
    this.#following = this.#follow();
    try {
      if (!isIdExclusive) await this.#checkAlone();
      // The fold decides: sessions are admitted from then on, also if the append gets no response.
      await Promise.race([this.#appendAndFold([this.#startEvent()]), this.#begun.promise]);
    } catch (error) {
      this.#endFollowing(new LogUnavailable('the gateway has not started', 'unknown'));
      await this.#following;
      throw error;
    }
    this.#beating = this.#beat();
  }

  /** It has started, and takes requests. */
  get isStarted(): boolean {
    return this.#stage === 'started' && !this.#stopping.signal.aborted;
  }

  /** The fold as far as this gateway has read. */
  get state(): AdmissionState {
    return this.#state;
  }

  /** The offset of the next record of the topic that it will read. */
  get position(): number {
    return this.#position;
  }

  /** It has not started, or has left, or the lease may have run out: then nothing may be taken or delivered until a beat has been read back. */
  get suspended(): boolean {
    if (!this.isStarted) return true;
    if (this.#listeners.size === 0) return false;
    return this.#foldingAgainTo !== undefined || this.#deps.clock.monotonicMs() - this.#lastSignMs > suspendAfterMs;
  }

  /** Requests a session; the listener gets the verdict. Rejects with LogUnavailable, and then the listener gets nothing. */
  async request(request: Omit<ConnectionRequested, 'type' | 'gatewayId'>, listener: AdmissionListener): Promise<void> {
    if (this.#stopping.signal.aborted) throw new LogUnavailable('the gateway has left', 'not-written');
    if (this.#listeners.size === 0) this.#lastSignMs = this.#deps.clock.monotonicMs();
    this.#listeners.set(request.sessionId, listener);
    try {
      await this.#appendAndFold([{ type: 'ConnectionRequested', ...request, gatewayId: this.#deps.gatewayId }]);
    } catch (error) {
      // The outcome may be unknown. Were it in the log after all, the fold would hold a session that nobody has: it is given back.
      this.#listeners.delete(request.sessionId);
      this.release(request.sessionId, 'LOST', 'the request was not acknowledged');
      throw error;
    }
  }

  /**
   * By what a request takes over the session that this client has now, open or in line, whichever gateway holds it; undefined: it has none.
   * Rejects with LogUnavailable.
   */
  async heldTokenHash(clientId: string): Promise<string | undefined> {
    await this.caughtUp();
    const sessionId = this.#state.sessionOfClient.get(clientId);
    if (sessionId === undefined) return undefined;
    const held = this.#state.open.get(sessionId) ?? findWaiting(this.#state, sessionId)?.request;
    return held?.tokenHash;
  }

  /** Records a session's first message. It is repeated by the next beat if the log cannot take it now. */
  spoke(sessionId: string): void {
    this.#append([{ type: 'ConnectionSpoke', sessionId }]).catch((error: unknown) => {
      this.#deps.logger.warn(
        { err: error, sessionId },
        'the first message of the session was not recorded; trying again',
      );
      this.#retryLater(() => this.spoke(sessionId));
    });
  }

  /** Activity of a session, logged with the next heartbeat. */
  touch(sessionId: string, conversationId: string): void {
    this.#active.set(sessionId, conversationId);
  }

  /** Releases a session or a place in line, with retries: until the log has it, the slot stays taken. */
  release(sessionId: string, reason: string, detail: string): void {
    this.#listeners.delete(sessionId);
    this.#places.delete(sessionId);
    this.#active.delete(sessionId);
    if (this.#isLeaving) return;
    this.#releasing.set(sessionId, { reason, detail });
    // Kept until it is read back: a log that comes back without its last records has lost what it had acknowledged.
    this.#append([{ type: 'ConnectionClosed', sessionId, reason, detail }]).then(
      async (at) => {
        await this.#folded((at.at(-1)?.offset ?? -1) + 1).catch(() => undefined);
        this.#releasing.delete(sessionId);
      },
      (error: unknown) =>
        this.#deps.logger.warn(
          { err: error, sessionId },
          'the end of the session was not appended; the next heartbeat tries again',
        ),
    );
  }

  /** Appends the end of anybody's session: its gateway sees it in the log. Rejects with LogUnavailable. */
  async disconnect(sessionId: string, detail: string): Promise<void> {
    await this.#appendAndFold([{ type: 'ConnectionClosed', sessionId, reason: 'DISCONNECTED', detail }]);
  }

  /** Resolves when everything is folded that the topic holds now. Rejects with LogUnavailable. */
  async caughtUp(): Promise<void> {
    const { log, topics } = this.#deps.journal;
    await this.#folded(await log.endOffset(topics.connections, 0));
  }

  /**
   * Ends of sessions are not recorded from now on: until the lease has run out their slots and places are kept from those in line, for clients that come
   * back to another gateway with their tokens. A gateway whose id no other process can have is the only one, and ends them.
   */
  leave(): void {
    this.#isLeaving = this.#deps.isIdExclusive !== true;
  }

  /** Leaves in order; nothing is read any more, and no beat written after the last event. Rejects with LogUnavailable: then the lease ends the sessions. */
  async stop(): Promise<void> {
    if (this.isStarted) await this.#lastLook();
    const endsSessions = this.#stage === 'started' && !(this.#isLeaving && this.#holdsSlots());
    this.#endFollowing(new LogUnavailable('the gateway is leaving', 'unknown'));
    try {
      if (endsSessions) await this.#append([{ type: 'GatewayStopped', gatewayId: this.#deps.gatewayId }]);
    } finally {
      await Promise.all([this.#following, this.#beating]);
    }
  }

  #holdsSlots(): boolean {
    return endingsOf(this.#state, this.#deps.gatewayId, 'DRAINING').length > 0;
  }

  #startEvent(): AdmissionEvent {
    const { gatewayId, limits, incarnation } = this.#deps;
    return { type: 'GatewayStarted', gatewayId, limits, incarnation, clockRule: currentClockRule };
  }

  /** A snapshot of a log that had more would make this gateway wait for what never comes. */
  async #checkSnapshot(): Promise<void> {
    const { log, topics } = this.#deps.journal;
    const endOffset = await log.endOffset(topics.connections, 0);
    if (this.#position > endOffset)
      this.#forgetFold(new LogTruncated(topics.connections, 0, this.#position, endOffset));
  }

  #forgetFold({ offset, endOffset }: LogTruncated): void {
    const about = { offset, endOffset };
    this.#deps.logger.error(about, 'the connections topic is shorter than what was read of it; folding it again');
    this.#state = initialAdmission;
    this.#position = 0;
  }

  /**
   * What this gateway knows of who is connected is of a log that had more. It folds what this one holds, while its sessions are suspended; its
   * new start ends whatever the fold still has of them, and then each applies again.
   */
  #foldAgain(error: LogTruncated): void {
    this.#forgetFold(error);
    this.#foldingAgainTo = error.endOffset;
    this.#waits.rejectAll(new LogUnavailable('the log has become shorter', 'unknown', { cause: error }));
    this.#startAgain();
  }

  #startAgain(): void {
    this.#append([this.#startEvent()]).catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, 'the restart of the gateway was not appended; trying again');
      this.#retryLater(() => this.#startAgain());
    });
  }

  #foldedAgain(): void {
    this.#foldingAgainTo = undefined;
    this.#lastSignMs = this.#deps.clock.monotonicMs();
    const listeners = [...this.#listeners];
    for (const [sessionId] of listeners) this.#forget(sessionId);
    for (const [, listener] of listeners) listener.closed('GATEWAY_LOST', 'the log has become shorter');
  }

  /**
   * Asks the process that runs under this id to answer, and waits for it while the id has a lease: a start under an id that is used ends the sessions
   * of the other. One that has crashed does not answer.
   */
  async #checkAlone(): Promise<void> {
    const { gatewayId, incarnation, clock } = this.#deps;
    const { signal } = this.#stopping;
    await this.#appendAndFold([{ type: 'GatewayStarting', gatewayId, incarnation }]);
    if (!this.#state.gateways.has(gatewayId)) return;
    const waiting = new AbortController();
    const silence = clock.sleep(twinAnswerMs, AbortSignal.any([signal, waiting.signal])).catch(() => undefined);
    const answer = await Promise.race([this.#rival.promise, silence]);
    waiting.abort();
    if (answer === 'rival') throw new InstanceIdTaken(gatewayId, 'another process runs');
  }

  /** A process that was frozen may not know yet that its id is another's, whose sessions its last event would end. */
  async #lastLook(): Promise<void> {
    const { clock, isIdExclusive } = this.#deps;
    if (isIdExclusive) return;
    const waiting = new AbortController();
    const isRead = this.caughtUp();
    const givenUp = clock.sleep(lastLookMs, waiting.signal);
    await Promise.race([isRead, givenUp]).catch(() => undefined);
    givenUp.catch(() => undefined);
    isRead.catch(() => undefined);
    waiting.abort();
  }

  #endFollowing(reason: LogUnavailable): void {
    this.#stopping.abort();
    this.#waits.rejectAll(reason);
  }

  #append(events: readonly AdmissionEvent[]) {
    return this.#deps.journal.appendConnection(events);
  }

  /** Appends, and reads on until the fold has met it. An acknowledged event of this gateway renews its lease as a beat does. */
  async #appendAndFold(events: readonly AdmissionEvent[]): Promise<void> {
    const sentMs = this.#deps.clock.monotonicMs();
    const at = await this.#append(events);
    await this.#folded((at.at(-1)?.offset ?? -1) + 1);
    this.#lastSignMs = Math.max(this.#lastSignMs, sentMs);
  }

  /** Rejects with LogUnavailable when nothing is read any more. */
  #folded(offset: number): Promise<void> {
    if (this.#position >= offset) return Promise.resolve();
    if (this.#stopping.signal.aborted)
      return Promise.reject(new LogUnavailable('the connections topic is not followed any more', 'unknown'));
    return this.#waits.until(offset);
  }

  #retryLater(action: () => void): void {
    this.#deps.clock.sleep(retryMs, this.#stopping.signal).then(action, () => undefined);
  }

  async #follow(): Promise<void> {
    const { journal, logger } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const batches = journal.tail<AdmissionEvent>(journal.topics.connections, 0, this.#position, signal);
        for await (const batch of batches) this.#fold(batch);
      } catch (error) {
        if (error instanceof LogDamaged) return this.#fail(error);
        if (error instanceof LogTruncated) {
          this.#foldAgain(error);
          continue;
        }
        logger.error({ err: error }, 'cannot follow the connections topic; trying again');
        await this.#deps.clock.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  }

  #fail(cause: LogDamaged | InstanceIdTaken): void {
    this.#endFollowing(new LogUnavailable(`nobody can be admitted any more: ${cause.message}`, 'unknown', { cause }));
    this.#deps.onFault(cause);
  }

  /** What is recorded under this gateway's id, by this process or by another. */
  #heed(event: AdmissionEvent): void {
    if (!('gatewayId' in event) || event.gatewayId !== this.#deps.gatewayId) return;
    const isOwn = 'incarnation' in event && event.incarnation === this.#deps.incarnation;
    if (isOwn) this.#stage = event.type === 'GatewayStarting' ? 'starting' : 'started';
    if (this.#stage === 'started') this.#begun.resolve();
    if (isOwn || event.type === 'GatewayStopped') return;
    if (this.#stage === 'starting' && event.type !== 'GatewayStarting') this.#rival.resolve('rival');
    else if (this.#stage === 'started' && event.type === 'GatewayStarting') this.#answerRival();
    else if (this.#stage === 'started' && event.type === 'GatewayStarted') this.#superseded();
  }

  /** Another process is about to start under this id: a heartbeat shows that the id is in use. */
  #answerRival(): void {
    const { gatewayId, logger } = this.#deps;
    logger.error(
      { gatewayId },
      'another process starts under the instance id of this one; it is told that the id is taken',
    );
    this.#append([{ type: 'GatewayBeat', gatewayId, active: [] }]).catch((error: unknown) =>
      logger.warn({ err: error }, 'the answer to the other process was not appended'),
    );
  }

  #superseded(): void {
    this.#stage = 'superseded';
    this.#fail(new InstanceIdTaken(this.#deps.gatewayId, 'another process has started'));
  }

  #fold(batch: readonly JournalEntry<AdmissionEvent>[]): void {
    for (const { decoded, timeMs, offset } of batch) {
      if (decoded.kind === 'event') {
        const { state, outcomes } = evolve(this.#state, decoded.event, timeMs);
        this.#state = state;
        if (this.#foldingAgainTo === undefined) {
          for (const outcome of outcomes) this.#tell(outcome);
          this.#heed(decoded.event);
        } else if (offset >= this.#foldingAgainTo && this.#isOwnStart(decoded.event)) {
          this.#foldedAgain();
          this.#heed(decoded.event);
        }
      }
      this.#position = offset + 1;
    }
    this.#tellPlaces();
    this.#waits.reached(this.#position);
  }

  #isOwnStart(event: AdmissionEvent): boolean {
    const { gatewayId, incarnation } = this.#deps;
    return event.type === 'GatewayStarted' && event.gatewayId === gatewayId && event.incarnation === incarnation;
  }

  #tell(outcome: AdmissionOutcome): void {
    const listener = this.#listeners.get(outcome.sessionId);
    if (listener === undefined) return this.#giveBackIfOurs(outcome);
    switch (outcome.type) {
      case 'opened':
        this.#places.delete(outcome.sessionId);
        return listener.opened();
      case 'queued':
        this.#places.set(outcome.sessionId, outcome.place);
        return listener.queued(outcome.place);
      case 'refused':
        this.#forget(outcome.sessionId);
        return listener.refused(outcome.reason);
      case 'closed':
        this.#forget(outcome.sessionId);
        return listener.closed(outcome.reason, outcome.detail);
      default:
        return outcome satisfies never;
    }
  }

  #forget(sessionId: string): void {
    this.#listeners.delete(sessionId);
    this.#places.delete(sessionId);
    this.#active.delete(sessionId);
  }

  /** A slot of this gateway that no session of it holds would be lost: its request was given up, or its append only seemed to fail. */
  #giveBackIfOurs(outcome: AdmissionOutcome): void {
    const { sessionId } = outcome;
    if (outcome.type !== 'opened' || this.#stage !== 'started' || this.#releasing.has(sessionId)) return;
    if (this.#state.open.get(sessionId)?.gatewayId === this.#deps.gatewayId)
      this.release(sessionId, 'LOST', 'no stream holds it');
  }

  /** Sessions of this gateway that the fold has open and nobody holds here: the log has lost their end, after it had acknowledged it. */
  #giveBackUnheld(): void {
    if (this.#stage !== 'started' || this.#foldingAgainTo !== undefined || this.#isLeaving) return;
    for (const [sessionId, { gatewayId }] of this.#state.open)
      if (gatewayId === this.#deps.gatewayId && !this.#listeners.has(sessionId) && !this.#releasing.has(sessionId))
        this.#releasing.set(sessionId, { reason: 'LOST', detail: 'no stream holds it' });
  }

  #tellPlaces(): void {
    for (const [sessionId, told] of this.#places) {
      const place = placeInLine(this.#state, sessionId);
      if (place === told || place === 0) continue;
      this.#places.set(sessionId, place);
      this.#listeners.get(sessionId)?.queued(place);
    }
  }

  async #beat(): Promise<void> {
    const { clock, logger, gatewayId } = this.#deps;
    const { signal } = this.#stopping;
    for (;;) {
      // Open sessions wait for the next heartbeat that the log accepts.
      await clock.sleep(this.suspended ? retryMs : gatewayBeatMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#giveBackUnheld();
      // A gateway that holds nothing has no lease to keep: an idle server writes nothing.
      if (this.#listeners.size === 0 && this.#releasing.size === 0) continue;
      const active = [...this.#active].map(([sessionId, conversationId]) => ({ sessionId, conversationId }));
      const releases = this.#releases();
      this.#active.clear();
      try {
        await this.#appendAndFold([{ type: 'GatewayBeat', gatewayId, active }, ...releases]);
        for (const { sessionId } of releases) this.#releasing.delete(sessionId);
      } catch (error) {
        if (signal.aborted) return;
        for (const { sessionId, conversationId } of active) {
          if (!this.#active.has(sessionId) && this.#listeners.has(sessionId))
            this.#active.set(sessionId, conversationId);
        }
        if (!this.suspended) logger.warn({ err: error }, 'the heartbeat was not appended to the log');
      }
    }
  }

  /** Ends that are not yet in the log, once more. */
  #releases(): ConnectionClosed[] {
    return [...this.#releasing].map(([sessionId, { reason, detail }]) => ({
      type: 'ConnectionClosed',
      sessionId,
      reason,
      detail,
    }));
  }
}

import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Welcome } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { reconnectDelayMs } from '../../../../src/client/reconnect.ts';
import type { Connection, Refusal } from './app.ts';
import { Bell } from './bell.ts';
import { CallFailed, type Calls, type Credentials, failure } from './calls.ts';
import type { Dialogue } from './dialogue.ts';
import type { Kept } from './kept.ts';
import type { Outbox, WireLimits } from './outbox.ts';
import type { Page } from './page.ts';
import { afterLoss } from './reconnect.ts';
import { refusal } from './refusals.ts';
import { type Event, SessionStream } from './session-stream.ts';
import { type Hold, TabLock } from './tabs.ts';

/** Longer than any server lets wait: each has its own cap, after which the page stands in line again. */
const waitForSlotMs = 3_600_000;
/** A tab that is reloaded waits this long for its own former self before it says that another tab has the session. */
const formerSelfMs = 500;
/** How long another tab that has taken the lock may need to take the session over. */
const handOverMs = 3_000;
/** Browsers may be wrong about being offline. */
const offlineRetryMs = 30_000;

export interface SessionDeps {
  readonly calls: Calls;
  readonly credentials: Credentials;
  readonly page: Page;
  /** Of this client. */
  readonly kept: Kept;
  /** Of this client, for the lock. */
  readonly lockName: string;
  /** For Hello; '' where the access token says it. */
  readonly clientId: string;
  readonly dialogue: Dialogue;
  readonly outbox: Outbox;
  /** Rung when somebody comes back to the page, or the network does. */
  readonly returning: Bell;
  /** This tab has the session now, and no other. */
  readonly onHold: () => void;
  readonly onWelcome: (limits: WireLimits | undefined) => void;
}

/** Keeps one session for all tabs of this browser: connects, stands in line, connects again, resumes, and says how it stands. */
export class Session {
  readonly #deps: SessionDeps;
  readonly #lock: TabLock;
  readonly #connection = signal<Connection>({ kind: 'connecting' });
  readonly #stopping = new AbortController();
  /** Rung when somebody wants the session here, now. */
  readonly #wanted = new Bell();
  readonly #running: Promise<void>;
  #stream: SessionStream | undefined;
  /** Aborted when what is said can no longer go out under the last Welcome. */
  #line = new AbortController();
  /** connect() was called since another tab has the session. */
  #isAskedBack = false;
  #isDraining = false;
  #isLeaving = false;
  #isUnsure = false;
  #failures = 0;
  /** With which the last stream began; undefined where nobody signs in. */
  #token: string | undefined;
  #withoutSessionSinceMs = performance.now();

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#lock = new TabLock(deps.page.locks, deps.lockName);
    this.#running = this.#run();
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#connection;
  }

  /** Opens the session in this tab, at once. */
  connect(): void {
    this.#failures = 0;
    this.#isAskedBack = this.#connection.peek().kind === 'other-tab';
    this.#wanted.ring();
  }

  /** There is something to say, or soon will be. */
  wake(): void {
    if (this.#connection.peek().kind === 'resting') this.#wanted.ring();
    this.#deps.dialogue.wake();
  }

  /** Shows the server the newest access token. */
  renewed(): void {
    this.#stream?.beat();
  }

  /** Stops the reply to this user message. Rejects with CallFailed. */
  async stopReply(messageId: string): Promise<void> {
    const stream = this.#stream;
    const sessionId = stream?.sessionId ?? '';
    if (stream === undefined || sessionId === '') throw new CallFailed(refusal('NETWORK', true));
    await this.#deps.calls.chat.stopReply({ sessionId, messageId }, { headers: stream.headers });
  }

  /** Ends the session politely, for good. */
  async stop(): Promise<void> {
    this.#isLeaving = true;
    await this.#stream?.close();
    this.#stopping.abort();
    await this.#running;
    this.#show({ kind: 'none' });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const stop = this.#deps.page.onChange(() => this.#stream?.beat());
    while (!signal.aborted && !this.#isLeaving) {
      const hold = await this.#takeHold();
      if (hold === undefined) continue;
      this.#deps.onHold();
      await this.#keepConnected(AbortSignal.any([signal, hold.lost]), hold);
      hold.release();
      if (hold.lost.aborted) this.#show({ kind: 'other-tab' });
    }
    stop();
  }

  /** Waits until this tab may have the session. undefined: look again. */
  async #takeHold(): Promise<Hold | undefined> {
    const { signal } = this.#stopping;
    // Asked for while this tab was still letting go.
    if (this.#isAskedBack) {
      this.#isAskedBack = false;
      return this.#lock.takeAway();
    }
    const inLine = new AbortController();
    const taken = this.#lock.take(AbortSignal.any([signal, inLine.signal]));
    const patience = setTimeout(() => this.#show({ kind: 'other-tab' }), formerSelfMs);
    const asked = this.#wanted.wait(Infinity, AbortSignal.any([signal, inLine.signal])).then(() => undefined);
    const first = await Promise.race([taken, asked]);
    clearTimeout(patience);
    inLine.abort();
    this.#isAskedBack = false;
    if (first !== undefined || signal.aborted) return first;
    // What was granted in the same moment is given back, and asked for again.
    (await taken)?.release();
    return this.#lock.takeAway();
  }

  /** Attempt after attempt, until the signal says so. */
  async #keepConnected(signal: AbortSignal, hold: Hold): Promise<void> {
    this.#withoutSessionSinceMs = performance.now();
    this.#failures = 0;
    while (!signal.aborted) {
      const why = await this.#attempt(signal);
      if (signal.aborted || this.#isLeaving) return;
      if (why !== undefined && this.#deps.dialogue.leaveRefused(why)) continue;
      await this.#afterLoss(why, signal, hold);
    }
  }

  /** One stream, from hello to its end. */
  async #attempt(signal: AbortSignal): Promise<CallFailed | undefined> {
    if (this.#connection.peek().kind !== 'waiting') this.#show({ kind: 'connecting' });
    this.#failures += 1;
    try {
      const place = await this.#deps.dialogue.prepare();
      this.#token = await this.#deps.credentials.fresh();
      if (signal.aborted) return undefined;
      const stream = new SessionStream(this.#deps.calls, this.#deps.page, (event) => this.#receive(event, stream));
      this.#stream = stream;
      const leave = () => this.#leave(stream);
      signal.addEventListener('abort', leave);
      const why = await stream.run(this.#hello(place));
      signal.removeEventListener('abort', leave);
      return why;
    } catch (error) {
      return failure(error);
    } finally {
      this.#line.abort();
      this.#stream = undefined;
      this.#isDraining = false;
      if (this.#failures === 0) this.#withoutSessionSinceMs = performance.now();
    }
  }

  /** Ends the stream; but a session that another tab takes over is left to it: were it ended first, who waits in line would get its place. */
  #leave(stream: SessionStream): void {
    this.#line.abort();
    if (this.#stopping.signal.aborted || stream.sessionId === '') return stream.drop('NETWORK');
    this.#show({ kind: 'other-tab' });
    setTimeout(() => stream.drop('NETWORK'), handOverMs);
  }

  #hello({ conversationId, afterSequence }: { readonly conversationId: string; readonly afterSequence: number }) {
    const { clientId, page } = this.#deps;
    return {
      clientId,
      conversationId,
      afterSequence: BigInt(afterSequence),
      timeZone: page.timeZone,
      resumeToken: this.#resumeToken,
      waitForSlot: durationFromMs(waitForSlotMs),
    };
  }

  /** Kept for all tabs, so that each can take the session over from the one before it, also after a reload. */
  get #resumeToken(): string {
    const kept = this.#deps.kept.read('resumeToken');
    return typeof kept === 'string' ? kept : '';
  }

  #receive(event: Event, stream: SessionStream): void {
    if (event.case === 'waiting') this.#waits(event.value.place);
    else if (event.case === 'welcome') this.#welcomed(event.value, stream);
    else if (event.case === 'drain') this.#isDraining = true;
    else this.#deps.dialogue.receive(event);
    // Another server may take the session before this one must go; but replies under way are not broken off for that.
    if (this.#isDraining && !this.#deps.dialogue.awaitsReply) stream.drop(new CallFailed(refusal('DRAINING', true)));
  }

  #waits(place: number): void {
    // A server that lets wait is well: whoever must stand in line again should not come late.
    this.#failures = 1;
    this.#line.abort();
    this.#show({ kind: 'waiting', place });
  }

  #welcomed({ sessionId, resumeToken, conversationId, limits }: Welcome, stream: SessionStream): void {
    const { kept, calls, dialogue } = this.#deps;
    kept.write('resumeToken', resumeToken);
    this.#failures = 0;
    this.#isUnsure = false;
    this.#deps.onWelcome(limits && { ...limits, maxMediaBytes: Number(limits.maxMediaBytes) });
    this.#show({ kind: 'connected' });
    // After an outage of its log a server may welcome the same stream again, under another id.
    this.#line.abort();
    this.#line = new AbortController();
    const { signal } = this.#line;
    const options = { headers: stream.headers, signal };
    const line = {
      join: async (id: string, after: number) =>
        (
          await calls.chat.join(
            { sessionId, conversation: { conversationId: id, afterSequence: BigInt(after) } },
            options,
          )
        ).joined,
      send: async (message: Awaited<ReturnType<Outbox['toWire']>>) =>
        (await calls.chat.send({ sessionId, message }, options)).accepted,
      lost: (why: CallFailed) => stream.drop(why),
    };
    void dialogue.attend(conversationId, line, signal);
  }

  async #afterLoss(why: CallFailed | undefined, signal: AbortSignal, hold: Hold): Promise<void> {
    if (why?.reason === 'NETWORK' && this.#failures > 0) this.#isUnsure = true;
    const next = afterLoss(why?.refusal, {
      mayHoldSession: this.#resumeToken !== '' || this.#isUnsure,
      withoutSessionMs: performance.now() - this.#withoutSessionSinceMs,
      hasUnsent: this.#deps.outbox.hasUnsent,
    });
    switch (next) {
      case 'again':
      case 'line':
        return this.#pause(why, signal);
      case 'rest':
        return this.#waitUntilWanted({ kind: 'resting', because: refusalOf(why) }, signal);
      case 'took':
        // By another tab of this browser, perhaps: then its lock tells.
        await this.#lock.settle();
        if (hold.lost.aborted) return;
        this.#deps.kept.remove('resumeToken');
        return this.#waitUntilWanted({ kind: 'taken-over' }, signal);
      case 'sign-in':
        return this.#renew(why, signal);
      case 'refused':
        return this.#waitUntilWanted({ kind: 'refused', refusal: refusalOf(why) }, signal);
      default:
        return next satisfies never;
    }
  }

  /** A newer access token may do; without one the sign-in has ended, and with it this session. */
  async #renew(why: CallFailed | undefined, signal: AbortSignal): Promise<void> {
    const { credentials } = this.#deps;
    try {
      const token = await credentials.instead(this.#token);
      if (token !== undefined) return await this.#pause(undefined, signal);
    } catch (error) {
      const failed = failure(error);
      if (failed.refusal.retryable) return this.#pause(failed, signal);
    }
    return this.#waitUntilWanted({ kind: 'refused', refusal: refusalOf(why) }, signal);
  }

  async #waitUntilWanted(state: Connection, signal: AbortSignal): Promise<void> {
    this.#show(state);
    await this.#wanted.wait(Infinity, signal);
    this.#withoutSessionSinceMs = performance.now();
    if (!signal.aborted) this.#show({ kind: 'connecting' });
  }

  async #pause(why: CallFailed | undefined, signal: AbortSignal): Promise<void> {
    const { page, returning } = this.#deps;
    const offline = !page.isOnline();
    const backOffMs = reconnectDelayMs(Math.max(1, this.#failures), why?.retryDelayMs, page.random());
    const delayMs = offline ? offlineRetryMs : backOffMs;
    const isInLine = why?.reason === 'TOO_MANY_CLIENTS' && this.#connection.peek().kind === 'waiting';
    if (!isInLine)
      this.#show({
        kind: 'reconnecting',
        atMs: performance.now() + delayMs,
        offline,
        ...(why && { because: why.refusal }),
      });
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    await Promise.race([returning.wait(delayMs, either), this.#wanted.wait(Infinity, either)]);
    over.abort();
  }

  #show(state: Connection): void {
    if (state.kind === 'connecting' && this.#connection.peek().kind === 'connecting') return;
    this.#connection.value = state;
  }
}

function refusalOf(why: CallFailed | undefined): Refusal {
  return why?.refusal ?? refusal('NETWORK', true);
}

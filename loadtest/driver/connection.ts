import { status } from '@grpc/grpc-js';
import type { Hello, Welcome } from '../../src/gen/chat/v1/chat_service.ts';
import { durationOf, millisOf } from './duration.ts';
import type { Event, Line } from './line.ts';
import type { Random } from './random.ts';
import type { Recorder } from './recorder.ts';
import type { Refusal } from './refusal.ts';

/** If Welcome does not say. */
const defaultHeartbeatMs = 15_000;
/** A server that was killed is found again soon after its return, and not drowned in calls before it. */
const backOff = { firstMs: 100, longestMs: 1_000 };
/** How long the server has to end the stream after goodbye. */
const goodbyeMs = 2_000;

/** What comes with a server, a proxy or a network that died, where no reason of the catalogue is told. */
const brokenCodes: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.INTERNAL,
  status.UNKNOWN,
]);
/** What a server may say of a session that it believes to be open, or has closed, since the stream broke. */
const afterDeath: ReadonlySet<string> = new Set(['ALREADY_CONNECTED', 'STALE', 'SESSION_NOT_FOUND']);

/** Whose connection it is. */
export interface ConnectionOwner {
  /** From where the conversation is told again; '' and 0 at first. */
  position(): { readonly conversationId: string; readonly afterSequence: number };
  /** The session is open, on a new stream or, after an outage of the server's log, on the old one. */
  onOpen(welcome: Welcome, isNewStream: boolean): void;
  onEvent(event: Event): void;
  /** It was refused, or lost for good. Not told after `close`. */
  onOver(): void;
}

export interface ConnectionOptions {
  readonly dial: () => Line;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly clientId: string;
  readonly waitForSlotMs: number;
  readonly toleratesKills: boolean;
}

type State = 'dialling' | 'waiting' | 'open' | 'over';

/** Keeps one client connected: from its first dial over every loss to its end, with heartbeats. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  #line: Line | undefined;
  #state: State = 'dialling';
  #resumeToken = '';
  #dialledAtMs = 0;
  #failures = 0;
  #isNewStream = true;
  #dropsDue = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** The line, while the session is open on it. */
  get line(): Line | undefined {
    return this.#state === 'open' ? this.#line : undefined;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Refused, waiting in line, open or lost for good: what comes of the first dial is known. */
  get isDecided(): boolean {
    return this.#state !== 'dialling' || this.#resumeToken !== '';
  }

  dial(): void {
    this.#dialledAtMs = performance.now();
    this.#begin();
  }

  /** Loses the connection on purpose, and comes back at once; if there is none now, when there is. */
  dropAndResume(): void {
    if (this.#state === 'over') return;
    if (this.#state !== 'open') {
      this.#dropsDue += 1;
      return;
    }
    this.#hangUp();
    this.dial();
  }

  /** Says goodbye and resolves when the stream has ended, or after a while. */
  close(): Promise<void> {
    const wasOpen = this.#state === 'open';
    const line = this.#line;
    this.#finish();
    if (!wasOpen || line === undefined) {
      line?.drop();
      return Promise.resolve();
    }
    line.goodbye();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#closed?.(), goodbyeMs);
      this.#closed = () => {
        clearTimeout(timer);
        line.drop();
        resolve();
      };
    });
  }

  #begin(): void {
    const line = this.#options.dial();
    this.#line = line;
    this.#isNewStream = true;
    line.begin(this.#hello(), {
      onEvent: (event) => {
        if (line === this.#line) this.#heard(event);
      },
      onEnd: (refusal) => {
        if (this.#state === 'over') this.#closed?.();
        else if (line === this.#line) this.#lost(refusal);
      },
    });
  }

  #hello(): Hello {
    const { conversationId, afterSequence } = this.#owner.position();
    const { clientId, waitForSlotMs } = this.#options;
    return {
      clientId,
      timeZone: 'Europe/Paris',
      conversationId,
      resumeToken: this.#resumeToken,
      afterSequence: BigInt(afterSequence),
      waitForSlot: durationOf(waitForSlotMs),
      inlineMedia: false,
    };
  }

  #heard(event: Event): void {
    if (this.#state === 'over') return;
    if (event.$case === 'waiting') this.#become('waiting');
    else if (event.$case === 'welcome') this.#welcomed(event.value);
    else if (event.$case !== 'pong') this.#owner.onEvent(event);
  }

  #welcomed(welcome: Welcome): void {
    const { recorder } = this.#options;
    const ms = performance.now() - this.#dialledAtMs;
    const isNewStream = this.#isNewStream;
    if (isNewStream) (this.#resumeToken === '' ? recorder.connectMs : recorder.resumedMs).record(ms);
    this.#isNewStream = false;
    this.#resumeToken = welcome.resumeToken;
    this.#failures = 0;
    this.#become('open');
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.line?.ping(), millisOf(welcome.heartbeatInterval) ?? defaultHeartbeatMs);
    this.#owner.onOpen(welcome, isNewStream);
    if (this.#dropsDue === 0) return;
    this.#dropsDue -= 1;
    this.dropAndResume();
  }

  #lost(refusal: Refusal | undefined): void {
    const hadSession = this.#resumeToken !== '';
    const wasOpen = this.#state === 'open';
    this.#hangUp();
    const { recorder, toleratesKills } = this.#options;
    const isOfDeath = toleratesKills && (refusal === undefined || isOutage(refusal, hadSession));
    if (!isOfDeath) recorder.error(refusal?.label ?? 'STREAM_ENDED');
    if (!hadSession && refusal?.reason === 'TOO_MANY_CLIENTS') recorder.refusedClients += 1;
    if (!isOfDeath && !(hadSession && refusal?.retryDelayMs !== undefined)) {
      this.#finish();
      return this.#owner.onOver();
    }
    if (wasOpen) this.#dialledAtMs = performance.now();
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#begin(), this.#delayMs(refusal?.retryDelayMs ?? 0));
  }

  /** The first attempt after a loss is made at once; later ones wait longer and longer, each client for another time. */
  #delayMs(toldMs: number): number {
    const { firstMs, longestMs } = backOff;
    const growingMs = this.#failures === 1 ? 0 : Math.min(longestMs, firstMs * 2 ** (this.#failures - 2));
    return Math.max(toldMs, growingMs / 2 + (growingMs / 2) * this.#options.random());
  }

  #hangUp(): void {
    clearInterval(this.#heartbeat);
    this.#line?.drop();
    this.#line = undefined;
    this.#become('dialling');
  }

  #finish(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    this.#become('over');
  }

  #become(state: State): void {
    const { levels } = this.#options.recorder;
    if (this.#state === 'open') levels.connected -= 1;
    if (this.#state === 'waiting') levels.waiting -= 1;
    if (state === 'open') levels.connected += 1;
    if (state === 'waiting') levels.waiting += 1;
    this.#state = state;
  }
}

/** Whether a stream may have ended so because a server died. */
function isOutage({ code, reason, retryDelayMs }: Refusal, hadSession: boolean): boolean {
  if (reason === '') return brokenCodes.has(code);
  return hadSession && (retryDelayMs !== undefined || afterDeath.has(reason));
}

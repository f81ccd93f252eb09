import { Code } from '@connectrpc/connect';
import { Chat } from '../../src/client/chat.ts';
import type { ChatStatus } from '../../src/client/chat-events.ts';
import type { Welcome } from '../../src/client/gen/chat/v1/chat_service_pb.js';
import type { Event } from '../../src/client/line.ts';
import type { Refusal } from '../../src/client/refusal.ts';
import type { Wire } from '../../src/client/wire.ts';
import type { Random } from './random.ts';
import type { Recorder } from './recorder.ts';

/** A server that was killed is found again soon after its return, and not flooded with calls before it. */
const backoff = { initialMs: 10, maxMs: 1_000 };

/** Codes of streams that broke with a server, a proxy or a network, where no reason of the catalogue is given. */
const brokenCodes: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled, Code.Internal, Code.Unknown]);
/** What a server may answer about a session that it believes to be open, or has closed, since the stream broke. */
const afterDeath: ReadonlySet<string> = new Set(['ALREADY_CONNECTED', 'STALE', 'SESSION_NOT_FOUND']);

/** Whose session it is. */
export interface SessionOwner {
  /** The session is open. `afterSequence`: of a new stream, from where it asked the server to send again; undefined: the stream goes on after an outage. */
  onOpen(welcome: Welcome, afterSequence: number | undefined): void;
  /** Every event of the server, as it comes. */
  onEvent(event: Event): void;
  /** It was refused, or lost for good. Not called after `leave`. */
  onOver(): void;
}

export interface SessionOptions {
  readonly wire: Wire;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly clientId: string;
  readonly waitForSlotMs: number;
  readonly toleratesKills: boolean;
}

type State = 'connecting' | 'waiting' | 'open' | 'over';

/** A chat of the SDK, with the figures of its connections: how long they take, how many are open, and what ended them. */
export class Session {
  readonly chat: Chat;
  readonly #options: SessionOptions;
  readonly #owner: SessionOwner;
  #state: State = 'connecting';
  #hadSession = false;
  /** By `performance.now()`; 0: connected since. */
  #dialledAtMs = 0;
  #isNewStream = true;
  #isDropping = false;
  #dropsDue = 0;

  constructor(options: SessionOptions, owner: SessionOwner) {
    const { recorder: _, toleratesKills: __, ...chat } = options;
    this.#options = options;
    this.#owner = owner;
    this.chat = new Chat({ ...chat, timeZone: 'Europe/Paris', backoff });
    this.chat.on('status', (status) => this.#moved(status));
    this.chat.on('event', (event) => {
      if (!this.isOver) owner.onEvent(event);
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Refused, waiting in line, open or lost for good: the outcome of the first attempt is known. */
  get isDecided(): boolean {
    return this.#state !== 'connecting' || this.#hadSession;
  }

  connect(): void {
    // The status reports a refusal, too.
    this.chat.connect().catch(() => undefined);
  }

  /** Breaks the connection on purpose, for the chat to resume at once; if there is none now, when there is. */
  drop(): void {
    if (this.isOver) return;
    if (!this.isOpen) {
      this.#dropsDue += 1;
      return;
    }
    this.#isDropping = true;
    this.#become('connecting');
    this.chat.dropConnection();
  }

  /** Says goodbye; resolves when the stream has ended. */
  leave(): Promise<void> {
    this.#become('over');
    return this.chat.close();
  }

  #moved(status: ChatStatus): void {
    if (this.isOver) return;
    switch (status.state) {
      case 'connecting':
        this.#isNewStream = true;
        this.#dialledAtMs ||= performance.now();
        return;
      case 'waiting':
        return this.#become('waiting');
      case 'connected':
        return this.#connected(status.welcome);
      case 'reconnecting':
        this.#become('connecting');
        if (this.#isDropping) this.#isDropping = false;
        else if (!this.#isTolerated(status.refusal)) this.#giveUp();
        return;
      case 'refused':
      case 'closed':
        this.#isTolerated(status.refusal);
        return this.#giveUp();
      case 'joined':
      case 'draining':
      case 'parked':
      case 'left':
        return;
      default:
        return status satisfies never;
    }
  }

  #connected(welcome: Welcome): void {
    const { recorder } = this.#options;
    const isNewStream = this.#isNewStream;
    this.#isNewStream = false;
    if (isNewStream)
      (this.#hadSession ? recorder.resumedMs : recorder.connectMs).record(performance.now() - this.#dialledAtMs);
    this.#dialledAtMs = 0;
    this.#hadSession = true;
    this.#become('open');
    this.#owner.onOpen(welcome, isNewStream ? Number(this.chat.receivedUpTo) : undefined);
    if (this.#dropsDue === 0) return;
    this.#dropsDue -= 1;
    // Not within the event that opened it.
    queueMicrotask(() => this.drop());
  }

  /** Counts a loss that nobody caused on purpose. @returns whether the chat may connect again */
  #isTolerated(refusal: Refusal | undefined): boolean {
    const { recorder, toleratesKills } = this.#options;
    if (toleratesKills && (refusal === undefined || isOutage(refusal, this.#hadSession))) return true;
    recorder.error(refusal === undefined ? 'STREAM_ENDED' : labelOf(refusal));
    if (!this.#hadSession && refusal?.reason === 'TOO_MANY_CLIENTS') recorder.refusedClients += 1;
    return this.#hadSession && refusal?.retryDelayMs !== undefined;
  }

  #giveUp(): void {
    this.#become('over');
    void this.chat.abandon();
    this.#owner.onOver();
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

/** What a refusal is counted as: its reason, or the name of the gRPC code. */
export function labelOf({ reason, codeName }: Refusal): string {
  return reason === '' ? codeName : reason;
}

/** Whether a stream may have ended so because a server died. */
function isOutage({ code, reason, retryDelayMs }: Refusal, hadSession: boolean): boolean {
  if (reason === '') return brokenCodes.has(code);
  return hadSession && (retryDelayMs !== undefined || afterDeath.has(reason));
}

import { Code } from '@connectrpc/connect';
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Chat } from '../../../../src/client/chat.ts';
import type { ChatStatus } from '../../../../src/client/chat-events.ts';
import type { Refusal } from '../../../../src/client/refusal.ts';
import type { Connection } from './app.ts';
import { pageRefusal, shownRefusal } from './calls.ts';
import type { JsonStorage } from './json-storage.ts';
import { Notifications } from './notifications.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';
import { type Hold, TabLock } from './tabs.ts';

/** A tab that is reloaded waits this long for its own former self before it says that another tab has the session. */
const formerSelfMs = 500;
/** How long another tab that has taken the lock may need to take the session over. */
const handOverMs = 3_000;

export interface SessionDeps {
  /** A persistent one, which shows the server the token that is kept. */
  readonly chat: Chat;
  /** '' where the token says who it is: then a session on another device is theirs to end. */
  readonly clientId: string;
  readonly page: Page;
  /** Of this client. */
  readonly storage: JsonStorage;
  /** Of this client, for the lock. */
  readonly lockName: string;
  /** Messages are on their way, or will be. */
  readonly hasUnsent: () => boolean;
  /** Replies are awaited on the stream. */
  readonly awaitsReply: () => boolean;
  /** This tab has the session now, and no other. */
  readonly onHold: () => void;
  readonly onWelcome: () => void;
}

/** The token of the last session, kept for all tabs, so that each can take the session over from the one before it, also after a reload. */
export function storedResumeToken(storage: JsonStorage): string {
  const token = storage.read('resumeToken');
  return typeof token === 'string' ? token : '';
}

/** Keeps the chat connected in one tab of this browser at a time, and says how it stands. */
export class Session {
  readonly #deps: SessionDeps;
  readonly #lock: TabLock;
  readonly #connection = signal<Connection>({ kind: 'connecting' });
  readonly #stopping = new AbortController();
  /** Rung when somebody wants the session here, now. */
  readonly #wanted = new Notifications();
  readonly #running: Promise<void>;
  #hold: Hold | undefined;
  /** connect() was called since another tab has the session. */
  #isAskedBack = false;
  #isDraining = false;
  #wasOnline: boolean;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#wasOnline = deps.page.isOnline();
    this.#lock = new TabLock(deps.page.locks, deps.lockName);
    deps.chat.on('status', (status) => this.#show(status));
    deps.chat.on('session', ({ resumeToken }) => void deps.storage.write('resumeToken', resumeToken));
    deps.chat.on('event', () => this.#leaveDraining());
    this.#running = this.#run();
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#connection;
  }

  /** Opens the session in this tab, at once. */
  connect(): void {
    const { kind } = this.#connection.peek();
    const { chat, clientId } = this.#deps;
    this.#isAskedBack = kind === 'other-tab';
    this.#wanted.ring();
    if (this.#hold === undefined) return;
    if (kind === 'elsewhere' || (kind === 'taken-over' && clientId === '')) chat.takeOver();
    else chat.start();
  }

  /** Ends the session politely, for good. */
  async stop(): Promise<void> {
    await this.#deps.chat.close();
    this.#stopping.abort();
    await this.#running;
    this.#connection.value = { kind: 'none' };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { chat, page, onHold } = this.#deps;
    const stop = page.onChange(() => this.#changed());
    while (!signal.aborted) {
      const hold = await this.#takeHold();
      if (hold === undefined) continue;
      this.#hold = hold;
      onHold();
      chat.start();
      await new Notifications().wait(Infinity, AbortSignal.any([signal, hold.lost]));
      this.#hold = undefined;
      // A session that another tab takes over is left to it: were it ended first, who waits in line would get its place.
      if (!signal.aborted) chat.leave(handOverMs);
      hold.release();
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
    const stallTimeout = setTimeout(() => this.#set({ kind: 'other-tab' }), formerSelfMs);
    const asked = this.#wanted.wait(Infinity, AbortSignal.any([signal, inLine.signal])).then(() => undefined);
    const first = await Promise.race([taken, asked]);
    clearTimeout(stallTimeout);
    inLine.abort();
    this.#isAskedBack = false;
    if (first !== undefined || signal.aborted) return first;
    // What was granted in the same moment is given back, and asked for again.
    (await taken)?.release();
    return this.#lock.takeAway();
  }

  /** The network has gone or come, or somebody looks at the page again. */
  #changed(): void {
    const { chat, page } = this.#deps;
    const wasOnline = this.#wasOnline;
    this.#wasOnline = page.isOnline();
    if (this.#wasOnline) chat.check();
    // The browser knows before the server is silent for long.
    else if (wasOnline && this.#connection.peek().kind === 'connected') chat.dropConnection();
  }

  #show(status: ChatStatus): void {
    const { kind } = this.#connection.peek();
    const wasDraining = this.#isDraining;
    this.#isDraining = status.state === 'draining';
    switch (status.state) {
      case 'connecting':
        // Whoever stands in line does so again; and without a network nothing will come of it.
        if (kind === 'waiting' || (kind === 'reconnecting' && !this.#deps.page.isOnline())) return;
        return this.#set({ kind: 'connecting' });
      case 'waiting':
        return this.#set({ kind: 'waiting', place: status.place });
      case 'connected':
        this.#deps.onWelcome();
        return this.#set({ kind: 'connected' });
      case 'joined':
        return;
      case 'draining':
        return this.#leaveDraining();
      case 'reconnecting':
        return this.#reconnects(
          status.delayMs,
          wasDraining ? pageRefusal('DRAINING', Code.Unavailable) : status.refusal,
        );
      case 'parked':
        // What is being stored will be said soon.
        if (this.#deps.hasUnsent()) return this.#deps.chat.wake();
        return this.#set({ kind: 'resting', because: refusal('FIRST_MESSAGE_TIMEOUT') });
      case 'refused':
        if (status.refusal?.reason === 'SESSION_TAKEN_OVER') return void this.#takenOver();
        if (status.refusal?.reason === 'ALREADY_CONNECTED' && this.#deps.clientId === '')
          return this.#set({ kind: 'elsewhere' });
        return this.#set({ kind: 'refused', refusal: refusalOf(status.refusal) });
      case 'left':
        return this.#set({ kind: 'other-tab' });
      case 'closed':
        return;
    }
  }

  #reconnects(delayMs: number, why: Refusal | undefined): void {
    if (why?.reason === 'TOO_MANY_CLIENTS' && this.#connection.peek().kind === 'waiting') return;
    // A newer access token may do: nobody is signed out yet.
    const because = why === undefined || why.reason === 'UNAUTHENTICATED' ? undefined : shownRefusal(why);
    const atMs = performance.now() + delayMs;
    this.#set({ kind: 'reconnecting', atMs, offline: !this.#deps.page.isOnline(), ...(because && { because }) });
  }

  async #takenOver(): Promise<void> {
    const hold = this.#hold;
    // By another tab of this browser, perhaps: then its lock tells.
    await this.#lock.settle();
    if (hold === undefined || hold.lost.aborted) return;
    this.#deps.storage.remove('resumeToken');
    this.#set({ kind: 'taken-over' });
  }

  /** Another server may take the session before this one must go; but replies under way are not broken off for that. */
  #leaveDraining(): void {
    if (this.#isDraining && !this.#deps.awaitsReply()) this.#deps.chat.dropConnection();
  }

  #set(state: Connection): void {
    if (state.kind === 'connecting' && this.#connection.peek().kind === 'connecting') return;
    this.#connection.value = state;
  }
}

function refusalOf(why: Refusal | undefined) {
  return why === undefined ? refusal('NETWORK', true) : shownRefusal(why);
}

import { type Reason, Refused } from '../../domain/errors/catalogue.ts';
import { sweepMs } from '../../domain/limits.ts';
import { actingClient, type Caller, checkOwner } from '../caller.ts';
import { checkHello, type Hello, type HelloRules } from './hello.ts';
import { refusalOf } from './refusal.ts';
import { Session, type SessionDeps } from './session.ts';
import type { SessionOutput } from './session-event.ts';
import { SessionsByAddress } from './sessions-by-address.ts';
import { Standstill } from './standstill.ts';

/** Sessions swept per turn of the event loop: half a millisecond. Ten thousand take 20. */
const maxSweptAtOnce = 250;

export interface GatewayDeps extends Omit<SessionDeps, 'onIdChanged' | 'mayServe'> {
  readonly helloRules: HelloRules;
  /** Clients of one address that may have a session here, open or in line. */
  readonly maxSessionsPerAddress: number;
}

/** The sessions that this process holds. */
export class Gateway {
  readonly #deps: GatewayDeps;
  /** One for all sessions: of ten thousand, each would keep a copy. */
  readonly #sessionDeps: SessionDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #byAddress: SessionsByAddress;
  readonly #standstill: Standstill;
  readonly #stopping = new AbortController();
  #sweeping: Promise<void> | undefined;
  #draining = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#byAddress = new SessionsByAddress(deps.maxSessionsPerAddress);
    const { admission, following } = deps;
    const readOn = () => Promise.all([admission.caughtUp(), following.caughtUp()]);
    const standstill = new Standstill({ ...deps, readOn });
    this.#standstill = standstill;
    this.#sessionDeps = {
      ...deps,
      onIdChanged: (...change) => this.#rename(...change),
      mayServe: () => !admission.suspended && !standstill.isBehind,
    };
  }

  /** Its sessions may be served: their slots are theirs for certain, and what it has read is of the present. */
  get mayServe(): boolean {
    return this.#sessionDeps.mayServe();
  }

  /** Begins to look after time-outs. */
  start(): void {
    this.#standstill.tick();
    this.#sweeping = this.#sweep();
  }

  /** Sessions held, waiting ones included. */
  get size(): number {
    return this.#sessions.size;
  }

  /** How many of them hold a slot, and how many wait for one. */
  census(): { readonly open: number; readonly waiting: number } {
    const open = [...this.#sessions.values()].filter((session) => session.isOpen).length;
    return { open, waiting: this.#sessions.size - open };
  }

  /**
   * A session of this caller; its output gets the outcome. Throws Refused for a malformed hello or another client's id, before admission has started,
   * while draining, or when the client or its address exceeds its rate.
   */
  open(hello: Hello, caller: Caller, output: SessionOutput): Session {
    if (this.#draining) throw new Refused('DRAINING');
    if (!this.#deps.admission.isStarted) throw new Refused('STARTING');
    // Without authentication a client id proves nothing.
    const own =
      caller.kind === 'client'
        ? { ...hello, clientId: actingClient(caller, hello.clientId) }
        : { ...hello, takeOver: false };
    checkHello(own, this.#deps.helloRules);
    this.#byAddress.check({ clientId: own.clientId, clientAddress: caller.clientAddress });
    this.#deps.writes.take(own.clientId, 'open', caller.clientAddress);
    const session = new Session(this.#sessionDeps, own, caller, output);
    this.#sessions.set(session.sessionId, session);
    this.#byAddress.add(session);
    session.apply().catch((error: unknown) => session.end(refusalOf(error, this.#deps.logger)));
    return session;
  }

  /** The caller's session of this id, which goes on as long as the token that the call carries. Throws SESSION_NOT_FOUND or NOT_YOURS. */
  session(sessionId: string, caller: Caller): Session {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw new Refused('SESSION_NOT_FOUND');
    checkOwner(caller, session.clientId);
    if (caller.kind === 'client') session.renew(caller);
    return session;
  }

  /** Tells every session that the server leaves at `deadlineMs` (epoch) at the latest; no new ones are opened. */
  drain(deadlineMs: number): void {
    this.#draining = true;
    for (const session of this.#sessions.values()) session.drain(deadlineMs);
  }

  /** Ends every session, and with them the loops. */
  async stop(reason: Reason): Promise<void> {
    this.#draining = true;
    this.#deps.admission.leave();
    for (const session of [...this.#sessions.values()]) session.end(new Refused(reason));
    this.#stopping.abort();
    await this.#sweeping;
  }

  #rename(session: Session, from: string, to: string | undefined): void {
    this.#sessions.delete(from);
    if (to === undefined) this.#byAddress.remove(session);
    else this.#sessions.set(to, session);
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(sweepMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#standstill.tick();
      await this.#sweepAll();
    }
  }

  async #sweepAll(): Promise<void> {
    const { signal } = this.#stopping;
    let swept = 0;
    for (const session of this.#sessions.values()) {
      session.sweep();
      swept += 1;
      if (swept % maxSweptAtOnce > 0) continue;
      await this.#deps.clock.sleep(0, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}

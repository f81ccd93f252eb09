import { PersistentMap } from '../persistent-map.ts';
import type { AdmissionLimits, ConnectionRequested } from './events.ts';

/**
 * Ids of one generation; the newest one or two generations are remembered. A gateway repeats an append within seconds,
 * and 512 sessions do not end in that time unless hundreds of clients are refused each second.
 */
const generationSize = 512;

/** The last 512 to 1,024 distinct ids added; never changes, each addition gives a new one. */
class RecentIds {
  static readonly none = new RecentIds(PersistentMap.of<true>(), PersistentMap.of<true>());
  readonly #young: PersistentMap<true>;
  readonly #old: PersistentMap<true>;

  private constructor(young: PersistentMap<true>, old: PersistentMap<true>) {
    this.#young = young;
    this.#old = old;
  }

  /** What `toJSON` gave. */
  static restore(json: { readonly young: readonly string[]; readonly old: readonly string[] }): RecentIds {
    const map = (ids: readonly string[]): PersistentMap<true> => PersistentMap.of(ids.map((id) => [id, true] as const));
    return new RecentIds(map(json.young), map(json.old));
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  /** With this id; itself when it is remembered already. */
  add(id: string): RecentIds {
    if (this.has(id)) return this;
    if (this.#young.size < generationSize) return new RecentIds(this.#young.set(id, true), this.#old);
    return new RecentIds(PersistentMap.of([[id, true] as const]), this.#young);
  }

  toJSON(): { young: string[]; old: string[] } {
    return { young: [...this.#young.keys()], old: [...this.#old.keys()] };
  }
}

/** A session that holds a slot. */
export interface OpenConnection {
  readonly sessionId: string;
  readonly clientId: string;
  readonly gatewayId: string;
  readonly timeZone: string;
  readonly conversationId: string;
  readonly tokenHash: string;
  /**
   * The token that took the previous session over, until a heartbeat shows that this one was active: a Welcome that is lost with its gateway takes the
   * new token with it, and the client has no other. Absent: none.
   */
  readonly formerTokenHash?: string;
  /** Record time when it opened: for people. */
  readonly openedAtMs: number;
  /** Fold clock by which it must have spoken. A take-over inherits it: reconnecting must not be as good as speaking. */
  readonly deadlineClockMs: number;
  /** Record time of its last sign of life. */
  readonly lastActiveMs: number;
  readonly hasSpoken: boolean;
}

/** A client in line. */
export interface WaitingConnection {
  readonly request: ConnectionRequested;
  /** Fold clock until which it stands in line. */
  readonly deadlineClockMs: number;
  /** Record time of its request: for people. */
  readonly requestedAtMs: number;
}

/** Who is connected and who waits, as the `connections` topic tells up to some record. It is never changed in place. */
export interface AdmissionState {
  /** The fold's time: the records' time, but a gap over `maxFoldGapMs` counts as that. Only differences matter. */
  readonly clockMs: number;
  /** The time of the record before, which the next one's is compared with; by rule 0, the newest record time. */
  readonly lastRecordMs: number;
  /** How the clock follows record times: the latest rule that any gateway has started with, so that an older release changes nothing. */
  readonly clockRule: number;
  /** Those of the latest GatewayStarted. */
  readonly limits: AdmissionLimits;
  /** By session. */
  readonly open: PersistentMap<OpenConnection>;
  /** The one session of each client, open or waiting. */
  readonly sessionOfClient: PersistentMap<string>;
  /** The line, next first. */
  readonly waiting: readonly WaitingConnection[];
  /** Each living gateway's last sign of life, fold clock. */
  readonly gateways: PersistentMap<number>;
  /** Sessions that ended or were refused lately: a repeat of their request opens nothing. */
  readonly ended: RecentIds;
  /** Nothing runs out until the clock is past this. May be too early, never too late. */
  readonly nextExpiryClockMs: number;
  /** What may be open: the cap, or what was left open when the cap was lowered below it. */
  readonly openCeiling: number;
  /** What may be in line: the limit, or what was left in line when the limit was lowered below it. */
  readonly waitingCeiling: number;
}

/**
 * The clock rule that this release's gateways start with. 0, until release 0.2: a record older than the newest does not advance time. 1: each record is
 * compared with the previous one, so that a record from the future delays the clock by one record only; and a token that took a session over works until
 * the new session was active.
 */
export const currentClockRule = 1;

/** A clock that is never reached. A number, not Infinity, because snapshots are JSON. */
export const neverMs = Number.MAX_SAFE_INTEGER;

/** Before any GatewayStarted: all limits are zero, nobody is admitted. */
export const initialAdmission: AdmissionState = {
  clockMs: 0,
  lastRecordMs: 0,
  clockRule: 0,
  limits: { maxClients: 0, maxWaitingClients: 0, gatewayLeaseMs: 0, firstMessageDeadlineMs: 0 },
  open: PersistentMap.of<OpenConnection>(),
  sessionOfClient: PersistentMap.of<string>(),
  waiting: [],
  gateways: PersistentMap.of<number>(),
  ended: RecentIds.none,
  nextExpiryClockMs: neverMs,
  openCeiling: 0,
  waitingCeiling: 0,
};

/** Place in line: 1 is next, 0 is not in line. */
export function placeInLine(state: AdmissionState, sessionId: string): number {
  return state.waiting.findIndex((waiting) => waiting.request.sessionId === sessionId) + 1;
}

/** The fold clock past which a gateway heard of at `lastSignClockMs` is dead. */
export function leaseEndClockMs(limits: AdmissionLimits, lastSignClockMs: number): number {
  return lastSignClockMs + limits.gatewayLeaseMs;
}

/**
 * The fold clock after which the fold itself ends a session without a first message: a lease after its deadline, so that the gateway, which notifies the
 * client, is first; `neverMs` after the first message.
 */
export function silenceEndClockMs(limits: AdmissionLimits, session: OpenConnection): number {
  return session.hasSpoken ? neverMs : session.deadlineClockMs + limits.gatewayLeaseMs;
}

/** A state as JSON: what a read model stores, so that a starting gateway need not refold from the first record. */
export type AdmissionSnapshot = {
  readonly clockMs: number;
  readonly lastRecordMs: number;
  /** Absent in snapshots that releases up to 0.2 made. */
  readonly clockRule?: number;
  readonly limits: AdmissionLimits;
  readonly open: readonly OpenConnection[];
  readonly waiting: readonly WaitingConnection[];
  readonly gateways: readonly (readonly [gatewayId: string, lastSignClockMs: number])[];
  readonly ended: { readonly young: readonly string[]; readonly old: readonly string[] };
  readonly nextExpiryClockMs: number;
  readonly openCeiling: number;
  readonly waitingCeiling: number;
};

/** The state as JSON values. At most about 40 KB besides the open and waiting ones. */
export function serializeAdmission(state: AdmissionState): AdmissionSnapshot {
  const { sessionOfClient: _derived, open, gateways, ended, ...rest } = state;
  return { ...rest, open: [...open.values()], gateways: [...gateways], ended: ended.toJSON() };
}

/** The state that `serializeAdmission` was given. */
export function restoreAdmission(snapshot: AdmissionSnapshot): AdmissionState {
  const { open, waiting, gateways, ended, ...rest } = snapshot;
  return {
    ...rest,
    clockRule: rest.clockRule ?? 0,
    open: PersistentMap.of(open.map((session) => [session.sessionId, session] as const)),
    sessionOfClient: PersistentMap.of([
      ...open.map((session) => [session.clientId, session.sessionId] as const),
      ...waiting.map(({ request }) => [request.clientId, request.sessionId] as const),
    ]),
    waiting,
    gateways: PersistentMap.of(gateways),
    ended: RecentIds.restore(ended),
  };
}

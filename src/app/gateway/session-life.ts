import { Refused } from '../../domain/errors/catalogue.ts';

/**
 * A session's life:
 *
 *   checking ──request──▶ applying ──slot──▶ opening ──ready──▶ open
 *                          ▲    │               │                │
 *                          └─lose─◀─────────────┴────────────────┘
 *
 * and from each of them to `ended`.
 */
export type Phase =
  /** Whether its client may be in its conversation is looked up. */
  | 'checking'
  /** A slot is requested; the client may wait in line. */
  | 'applying'
  /** It was given a slot, and prepares everything that its client may rely on. */
  | 'opening'
  /** Its client was welcomed, and is served. */
  | 'open'
  | 'ended';

/** What happens to a session. */
export type LifeStep =
  | 'request'
  /** The fold has given it a slot. */
  | 'slot'
  /** Everything is prepared. */
  | 'ready'
  /** Its slot, or its place in line, is gone with the gateway's lease: it asks again. */
  | 'lose'
  | 'end';

const transitions: Readonly<Record<Phase, Readonly<Partial<Record<LifeStep, Phase>>>>> = {
  checking: { request: 'applying', end: 'ended' },
  applying: { slot: 'opening', lose: 'applying', end: 'ended' },
  opening: { ready: 'open', lose: 'applying', end: 'ended' },
  open: { lose: 'applying', end: 'ended' },
  ended: {},
};

/** The phase after a step; undefined: the step means nothing in this one. */
export function phaseAfter(phase: Phase, step: LifeStep): Phase | undefined {
  return transitions[phase][step];
}

/** The client's half of a session. */
export type ClientHalf =
  /** It is read, and must be heard of. */
  | 'read'
  /** The stream is paused, because too many frames are unhandled: its pings cannot be read. */
  | 'unread'
  /** It will say no more, and stays until all of it is answered. */
  | 'finished';

/** Monotonic times of an open session. */
export interface SessionTimes {
  readonly nowMs: number;
  /** When something of the client was heard last. */
  readonly heardMs: number;
  /** By when it must have spoken; infinite: it has; undefined: no deadline was set. */
  readonly speakByMs: number | undefined;
  readonly staleAfterMs: number;
}

/** Why time alone ends an open session now; undefined: it goes on. */
export function overdue(client: ClientHalf, times: SessionTimes): Refused | undefined {
  const { nowMs, heardMs, speakByMs, staleAfterMs } = times;
  if (client === 'read' && nowMs - heardMs > staleAfterMs) return new Refused('STALE');
  return speakByMs !== undefined && nowMs > speakByMs ? new Refused('FIRST_MESSAGE_TIMEOUT') : undefined;
}

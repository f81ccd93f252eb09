import type { Kind } from './load.ts';

/** A distribution in milliseconds, from an HDR histogram of microseconds (three significant digits). */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Percentile (0–100) and value, ascending, enough of them to draw. */
  readonly curve: readonly (readonly [percentile: number, ms: number])[];
}

export interface KindFigures {
  readonly said: number;
  readonly accepted: number;
  readonly answered: number;
  /** Neither answered nor refused when the settle time ended. */
  readonly lost: number;
  /** Mean size of what was said, in bytes. */
  readonly meanBytes: number;
  /** From the first byte written, an upload included, to Accepted, */
  readonly acceptedMs: Distribution;
  /** to the first piece of the reply, */
  readonly firstPieceMs: Distribution;
  /** and to the complete reply. */
  readonly replyMs: Distribution;
  /** The complete reply less the wait that was simulated; filled in by who knows what was simulated. */
  readonly aboveSimulatedMs?: Distribution;
}

/** One second of a run, as the driver sees it. */
export interface DriverTick {
  /** Seconds since the first arrival. */
  readonly second: number;
  readonly connected: number;
  readonly waiting: number;
  readonly said: number;
  readonly answered: number;
  readonly errors: number;
  /** Said and not answered now. */
  readonly inFlight: number;
  /** Of the replies that came in this second. */
  readonly replyP50Ms: number;
  readonly replyP99Ms: number;
  /** Of the driver's own event loop. */
  readonly loopDelayP99Ms: number;
}

/** What was looked at while replies came in, and at the end against history. All must be 0. */
export interface Violations {
  /** A reply to something else than what this client said, or with somebody else's words. */
  readonly wrongReply: number;
  /** Bytes of a reply that never came, by attempt and offset, over all reconnects. */
  readonly hole: number;
  /** Bytes that came twice. */
  readonly repeat: number;
  /** The pieces differ from the complete reply, or from what came of it before and comes again. */
  readonly piecesDiffer: number;
  /** Replies of one conversation came in another order than history has them. */
  readonly disorder: number;
  /** The reply that history holds at the end is another one, or is not there, or is there twice. */
  readonly historyDiffers: number;
}

/** Whether the driver, not the server, set the pace. */
export interface DriverHealth {
  readonly cpuSeconds: number;
  /** Share of the time in which its one thread was busy, 0–1. */
  readonly utilization: number;
  readonly loopDelayMs: Distribution;
  /** Of an open loop: how late it was against its own schedule. */
  readonly latenessMs: Distribution;
  /** Why its figures must be doubted; '' when they need not. */
  readonly bottleneck: string;
}

/** What one driver process tells at its end. */
export interface DriverFigures {
  /** When the first client came, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** From the first arrival to the last reply. */
  readonly ranMs: number;
  /** Messages answered. */
  readonly answered: number;
  readonly kinds: Readonly<Partial<Record<Kind, KindFigures>>>;
  /** From dial to Welcome: first, and after a loss (`storm`, kills) to Welcome of the same session. */
  readonly connectMs: Distribution;
  readonly resumedMs: Distribution;
  /** What a piece came later than one interval after the piece before it; of use where pieces come by a schedule. */
  readonly betweenPiecesMs: Distribution;
  readonly historyReadMs: Distribution;
  /** How often each reason of the catalogue, or a gRPC code without one, was met. */
  readonly errors: Readonly<Record<string, number>>;
  /** Clients that found no place. */
  readonly refusedClients: number;
  readonly violations: Violations;
  /** The first few, in words. */
  readonly violationExamples: readonly string[];
  readonly ticks: readonly DriverTick[];
  readonly health: DriverHealth;
}

/** A line of the file that a driver writes: one message with its fate, for whoever knows what was simulated. */
export interface MessageLine {
  readonly messageId: string;
  readonly kind: Kind;
  /** What was said in words. */
  readonly text: string;
  /** Since the first arrival. */
  readonly saidAtMs: number;
  /** undefined when it was not answered. */
  readonly replyMs?: number;
}

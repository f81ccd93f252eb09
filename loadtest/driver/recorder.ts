import type { DriverTick, KindFigures } from './figures.ts';
import { Latencies } from './latencies.ts';
import { type Kind, kinds } from './load.ts';

/** What is counted of one kind. */
class KindRecorder {
  said = 0;
  accepted = 0;
  answered = 0;
  lost = 0;
  bytes = 0;
  readonly acceptedMs = new Latencies();
  readonly firstPieceMs = new Latencies();
  readonly replyMs = new Latencies();

  figures(): KindFigures {
    const { said, accepted, answered, lost } = this;
    return {
      said,
      accepted,
      answered,
      lost,
      meanBytes: said === 0 ? 0 : this.bytes / said,
      acceptedMs: this.acceptedMs.distribution(),
      firstPieceMs: this.firstPieceMs.distribution(),
      replyMs: this.replyMs.distribution(),
    };
  }
}

/** Sessions as the driver sees them now. */
export interface Levels {
  connected: number;
  waiting: number;
}

/** Counts what happens, of all clients together, and second by second. */
export class Recorder {
  readonly connectMs = new Latencies();
  readonly resumedMs = new Latencies();
  readonly betweenPiecesMs = new Latencies();
  readonly historyReadMs = new Latencies();
  readonly latenessMs = new Latencies();
  readonly errors: Record<string, number> = {};
  /** Of all sessions, idle ones included. */
  readonly levels: Levels = { connected: 0, waiting: 0 };
  readonly ticks: DriverTick[] = [];
  refusedClients = 0;
  answered = 0;
  /** By `performance.now()`. */
  lastReplyAtMs = 0;
  readonly #kinds = new Map<Kind, KindRecorder>();
  readonly #tickReplyMs = new Latencies();
  #inFlight = 0;
  #tickSaid = 0;
  #tickAnswered = 0;
  #tickErrors = 0;

  /** Said and neither answered nor refused. */
  get inFlight(): number {
    return this.#inFlight;
  }

  said(kind: Kind, bytes: number): void {
    const ofKind = this.#of(kind);
    ofKind.said += 1;
    ofKind.bytes += bytes;
    this.#inFlight += 1;
    this.#tickSaid += 1;
  }

  accepted(kind: Kind, ms: number, isTimed: boolean): void {
    const ofKind = this.#of(kind);
    ofKind.accepted += 1;
    if (isTimed) ofKind.acceptedMs.record(ms);
  }

  firstPiece(kind: Kind, ms: number): void {
    this.#of(kind).firstPieceMs.record(ms);
  }

  replied(kind: Kind, ms: number, isTimed: boolean): void {
    const ofKind = this.#of(kind);
    ofKind.answered += 1;
    this.answered += 1;
    this.lastReplyAtMs = performance.now();
    this.#inFlight -= 1;
    this.#tickAnswered += 1;
    if (!isTimed) return;
    ofKind.replyMs.record(ms);
    this.#tickReplyMs.record(ms);
  }

  refused(): void {
    this.#inFlight -= 1;
  }

  lost(kind: Kind): void {
    this.#of(kind).lost += 1;
    this.#inFlight -= 1;
  }

  /** A reason of the catalogue, or the name of a gRPC code. */
  error(label: string): void {
    this.errors[label] = (this.errors[label] ?? 0) + 1;
    this.#tickErrors += 1;
  }

  /** Ends a second. */
  tick(second: number, loopDelayP99Ms: number): DriverTick {
    const tick = {
      second,
      ...this.levels,
      said: this.#tickSaid,
      answered: this.#tickAnswered,
      errors: this.#tickErrors,
      inFlight: this.#inFlight,
      replyP50Ms: this.#tickReplyMs.percentile(50),
      replyP99Ms: this.#tickReplyMs.percentile(99),
      loopDelayP99Ms,
    };
    this.#tickReplyMs.reset();
    this.#tickSaid = 0;
    this.#tickAnswered = 0;
    this.#tickErrors = 0;
    this.ticks.push(tick);
    return tick;
  }

  kindFigures(): Partial<Record<Kind, KindFigures>> {
    const told: Partial<Record<Kind, KindFigures>> = {};
    for (const kind of kinds) {
      const ofKind = this.#kinds.get(kind);
      if (ofKind !== undefined) told[kind] = ofKind.figures();
    }
    return told;
  }

  #of(kind: Kind): KindRecorder {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const made = new KindRecorder();
    this.#kinds.set(kind, made);
    return made;
  }
}

import type { Origin } from '../system/machine.ts';
import type { Percentiles } from '../system/percentiles.ts';
import type { BareFigures } from './bare-loop.ts';
import type { ConnectsFigures, LoopFigures, PiecesFigures } from './client.ts';
import type { WaysFigures } from './ways.ts';

/** The log alone: events appended and synced, one at a time per appender. */
export interface AppendFigures {
  readonly appendMs: Percentiles;
  readonly eventsPerSecond: number;
}

/** The server with so much behind it. */
export interface SizeFigures {
  readonly messages: number;
  readonly events: number;
  /** From the first start, on a log without read models, until it listens. */
  readonly firstStartMs: number;
  /** The same until the read models are built. */
  readonly builtMs: number;
  /** Any later start. */
  readonly startMs: number;
  readonly pageMs: Percentiles;
  readonly connectMs: Percentiles;
  readonly residentMib: number;
  readonly refoldEventsPerSecond: number;
}

/** One run of the bench of the embedded profile. */
export interface EmbeddedFigures {
  readonly origin: Origin;
  readonly echo: { readonly one: LoopFigures; readonly fifty: LoopFigures; readonly connects: ConnectsFigures };
  readonly append: { readonly one: AppendFigures; readonly fifty: AppendFigures };
  readonly parley: { readonly one: LoopFigures; readonly fifty: LoopFigures; readonly connects: ConnectsFigures };
  readonly pieces: PiecesFigures;
  /** undefined in figures from before there was more than one. */
  readonly ways?: WaysFigures;
  readonly sizes: readonly SizeFigures[];
}

/** What is measured with one client, or one message under way, and with fifty. */
export interface OneAndFifty<T> {
  readonly one: T;
  readonly fifty: T;
}

/** One run of the bench of the distributed profile. */
export interface DistributedFigures {
  readonly origin: Origin;
  readonly kafka: OneAndFifty<BareFigures>;
  readonly nats: OneAndFifty<BareFigures>;
  /** The embedded profile in the same run. */
  readonly embedded: OneAndFifty<LoopFigures>;
  readonly parley: OneAndFifty<LoopFigures> & { readonly connects: ConnectsFigures };
  readonly pieces: PiecesFigures;
  readonly grown: GrownFigures;
}

/** A deployment with much behind it. */
export interface GrownFigures {
  readonly messages: number;
  readonly events: number;
  /** Of a projector, from its start on a log without read models until these are built. */
  readonly builtMs: number;
  /** Of a gateway, until it listens. */
  readonly startMs: number;
  readonly connectMs: Percentiles;
  readonly refoldEventsPerSecond: number;
}

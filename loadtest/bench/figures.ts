import type { ConnectsFigures, LoopFigures, PiecesFigures } from './client.ts';
import type { Origin } from './machine.ts';
import type { Percentiles } from './percentiles.ts';

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

/** One run of the bench. */
export interface Figures {
  readonly origin: Origin;
  readonly echo: { readonly one: LoopFigures; readonly fifty: LoopFigures; readonly connects: ConnectsFigures };
  readonly append: { readonly one: AppendFigures; readonly fifty: AppendFigures };
  readonly parley: { readonly one: LoopFigures; readonly fifty: LoopFigures; readonly connects: ConnectsFigures };
  readonly pieces: PiecesFigures;
  readonly sizes: readonly SizeFigures[];
}

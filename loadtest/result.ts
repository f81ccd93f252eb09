import type { DriverFigures } from './driver/figures.ts';
import type { Load } from './driver/load.ts';
import type { Origin } from './system/machine.ts';
import type { ProcessesFigures } from './system/process-figures.ts';

/** One second of a run, as the servers tell it on `/metrics`, and their processes. */
export interface SystemTick {
  readonly second: number;
  /** Sessions held by all gateways. */
  readonly sessions: number;
  readonly processing: number;
  readonly queued: number;
  /** Records that read models are behind. */
  readonly lagRecords: number;
  /** Of what sessions have missed, since the servers were started. Earlier results do not have it. */
  readonly historyReads?: number;
  /** The largest of all processes. */
  readonly loopDelayP99Ms: number;
  /** By process. */
  readonly residentMib: Readonly<Record<string, number>>;
  /** Open file descriptors, by process. */
  readonly handles: Readonly<Record<string, number>>;
}

/** An aim of a scenario, and whether this run met it. */
export interface Aim {
  readonly name: string;
  readonly unit: string;
  /** At most; for `atLeast` aims, at least. */
  readonly limit: number;
  readonly isAtLeast: boolean;
  /** null: it was not measured, so the aim is not met. */
  readonly figure: number | null;
  readonly isMet: boolean;
}

/** What was checked of the log and the read models when the load was over. */
export interface Verdict {
  /** As `parley audit` says: limits in every prefix, each message exactly once and with one final state. */
  readonly audit: { readonly records: number; readonly breaches: readonly string[] };
  /** Messages in processing, or waiting, when the settle time was over. */
  readonly unfinished: number;
}

/** Everything about one run of one scenario; `<scenario>-<profile>.json`. */
export interface LoadResult {
  readonly scenario: string;
  readonly description: string;
  readonly profile: 'embedded' | 'distributed';
  readonly origin: Origin;
  readonly load: Load;
  /** PARLEY_* that the servers were given. */
  readonly settings: Readonly<Record<string, string>>;
  readonly limits: { readonly maxClients: number; readonly maxProcessing: number };
  readonly driver: DriverFigures;
  readonly system: readonly SystemTick[];
  /** For a thousand messages answered. */
  readonly processes: ProcessesFigures;
  readonly verdict: Verdict;
  readonly aims: readonly Aim[];
  /** What happened to the servers on purpose. */
  readonly events: readonly { readonly second: number; readonly what: string }[];
  /** What else there is to know of this run, a sentence each. */
  readonly notes: readonly string[];
}

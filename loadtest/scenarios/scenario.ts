import type { DriverFigures } from '../driver/figures.ts';
import type { Load, Span } from '../driver/load.ts';
import type { LoadResult, SystemTick } from '../result.ts';

export type Profile = LoadResult['profile'];

/** How the clients come in is asked for on the command line. */
export type ScenarioLoad = Omit<Load, 'protocol'>;

/** PARLEY_* of the servers. */
export type Settings = Readonly<Record<string, string>>;

/** A load on the same servers before the one that is reported, to compare with. */
export interface Prelude {
  readonly name: string;
  readonly load: ScenarioLoad;
  /**
   * When the memory of the process that holds the sessions is read, its garbage collected first: so many seconds after the first arrival, or when
   * the clients are gone.
   */
  readonly memoryAt: number | 'end';
}

/** One load, the servers that it is put on, and what is hoped for. */
export interface Scenario {
  readonly description: string;
  readonly load: ScenarioLoad;
  readonly settings: Settings;
  readonly preludes?: readonly Prelude[];
  /** The memory of the process that holds the sessions is read when the clients are gone, as for a prelude. */
  readonly readsMemoryAfter?: true;
  /** One process after the other is killed with -9 and started again: the next so long after the last is back. */
  readonly kills?: { readonly everyMs: Span };
  readonly aims: readonly ScenarioAim[];
  /** What is smaller when it is to be over in seconds: then only that all works is shown. */
  readonly quick: Quick;
}

export interface Quick {
  readonly load: Partial<ScenarioLoad>;
  readonly settings?: Settings;
  readonly preludes?: readonly Prelude[];
  readonly kills?: Scenario['kills'];
}

/** A figure, and what it should be. */
export interface ScenarioAim {
  readonly name: string;
  readonly unit: string;
  /** At most. */
  readonly limit: number | Readonly<Record<Profile, number>>;
  readonly isAtLeast?: true;
  /** undefined: was not measured. */
  readonly figure: (facts: Facts) => number | undefined;
}

/** What aims are taken of. */
export interface Facts {
  /** With what replies took above what was simulated. */
  readonly driver: DriverFigures;
  readonly system: readonly SystemTick[];
  readonly audit: AuditFigures;
  readonly preludes: Readonly<Record<string, PreludeFacts>>;
  /** Memory after the load, where it was to be read. */
  readonly after: Omit<PreludeFacts, 'driver'> | undefined;
}

/** Memory is that of the process that holds the sessions, its garbage collected. */
export interface PreludeFacts {
  readonly driver: DriverFigures;
  readonly residentMib: number;
  /** On the heap of its main thread, and in buffers. */
  readonly liveMib: number;
}

/** As much as is needed of what `parley audit --json` says. */
export interface AuditFigures {
  readonly records: number;
  readonly connections: { readonly mostOpen: number; readonly cap: number };
  readonly messages: { readonly accepted: number; readonly pending: number; readonly mostInPartition: number };
  readonly breaches: readonly Finding[];
  readonly undecodable: readonly Finding[];
}

export interface Finding {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly what: string;
}

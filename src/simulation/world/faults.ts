import { Random } from './random.ts';

/** Faults that strike single operations; their rate is the share of operations that they strike. */
export const operationFaults = [
  'append-refused',
  'append-unknown-written',
  'append-unknown-lost',
  'append-slow',
  'reader-lag',
  'log-read-error',
  'bus-loss',
  'bus-repeat',
  'bus-delay',
  'store-slow',
  'store-error',
  'media-error',
  'media-slow',
  'provider-slow',
  'provider-silent',
  'provider-cut',
  'provider-refuses',
  'provider-long',
  'issuer-away',
] as const;

/** Faults that come at random moments; their rate is how many of them a minute has. */
export const momentFaults = [
  'crash',
  'restart',
  'freeze',
  'twin',
  'log-away',
  'log-write-away',
  'log-read-away',
  'store-away',
  'store-older',
  'store-empty',
  'media-away',
  'media-gone',
  'bus-away',
  'clock-step',
  'clock-stands',
  'clock-skew',
  'partitions-move',
  'connections-reset',
  'limits-change',
  'prices-change',
  'budgets-change',
  'foreign-record',
  'log-shorter',
] as const;

export type OperationFault = (typeof operationFaults)[number];
export type MomentFault = (typeof momentFaults)[number];
export type FaultName = OperationFault | MomentFault;

/** Whatever makes a process late to say that it lives. */
const logFaults: readonly FaultName[] = [
  'append-refused',
  'append-unknown-written',
  'append-unknown-lost',
  'append-slow',
  'reader-lag',
  'log-read-error',
  'log-away',
  'log-write-away',
  'log-read-away',
  'log-shorter',
];

/** Which faults a history has, and how often. */
export type FaultRates = Readonly<Partial<Record<FaultName, number>>>;

/** What can be away, for one process or (`*`) for all. A log that is being restored takes nothing, not even what is on its way. */
export type Service = 'log-write' | 'log-read' | 'log-restored' | 'store' | 'media' | 'bus';

/** Decides what goes wrong. Each fault chooses by a stream of its own, so that a history without one of them differs by little else. */
export class Faults {
  readonly rates: FaultRates;
  /** How often each struck. */
  readonly counts = new Map<string, number>();
  readonly #streams = new Map<FaultName, Random>();
  readonly #seed: number;
  readonly #away = new Map<string, number>();
  #isActive = true;

  constructor(seed: number, rates: FaultRates) {
    this.#seed = seed;
    this.rates = rates;
  }

  /** From now on nothing goes wrong any more. A log that is being restored takes records when its readers have seen that. */
  end(): void {
    this.#isActive = false;
    for (const key of [...this.#away.keys()]) if (!key.startsWith('log-restored/')) this.#away.delete(key);
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Whether this operation is struck. */
  strikes(name: OperationFault): boolean {
    const rate = this.rates[name] ?? 0;
    if (rate === 0 || !this.#isActive || !this.stream(name).chance(rate)) return false;
    this.count(name);
    return true;
  }

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  /** How often anything struck between processes and the log. */
  get logStrikes(): number {
    return logFaults.reduce((sum, name) => sum + (this.counts.get(name) ?? 0), 0);
  }

  /** What chooses the particulars of a fault. */
  stream(name: FaultName): Random {
    const known = this.#streams.get(name) ?? new Random(this.#seed, `fault/${name}`);
    this.#streams.set(name, known);
    return known;
  }

  /** The service is away for this process, or for all (`*`), until `comesBack` was called as often. */
  goesAway(service: Service, process: string): void {
    const key = `${service}/${process}`;
    this.#away.set(key, (this.#away.get(key) ?? 0) + 1);
  }

  comesBack(service: Service, process: string): void {
    const key = `${service}/${process}`;
    const left = (this.#away.get(key) ?? 1) - 1;
    if (left === 0) this.#away.delete(key);
    else this.#away.set(key, left);
  }

  isAway(service: Service, process: string): boolean {
    return this.#away.has(`${service}/*`) || this.#away.has(`${service}/${process}`);
  }
}

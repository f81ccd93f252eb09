import type { ShardEvent } from './shard.ts';
import type { ShardLog } from './shard-log.ts';
import type { Timeline } from './timeline.ts';

/** `taken first` is wrong, and here to show that the check sees it. */
export type QuotaOrder = 'given first' | 'taken first';

/** One run. */
export interface Plan {
  readonly seed: number;
  readonly shards: number;
  /** Sessions open at once, over all shards. */
  readonly limit: number;
  /** Those who would be in if nobody were refused, over the limit. */
  readonly load: number;
  /** `fixed`: each shard has an equal part for ever. Otherwise the parts move, in that order of facts. */
  readonly quotas: 'fixed' | QuotaOrder;
  /** Gateways that die or freeze, logs that are away, readers that crash, records that are late, repeated or out of order. */
  readonly hasFaults: boolean;
  /** Played before anything is counted. */
  readonly warmUpMs: number;
  readonly countedMs: number;
}

/** What came of a run. */
export interface Outcome {
  readonly requests: number;
  /** Of these. Clients that stand in line are not among them until they have waited in vain. */
  readonly refused: number;
  /** Of those, while the limit was not reached: somewhere else a slot was free. */
  readonly refusedWhileRoom: number;
  /** In all logs, warm-up included. */
  readonly records: number;
  /** At any moment, warm-up included. */
  readonly mostOpen: number;
  readonly crashes: number;
  /** Gifts of quota that counted. */
  readonly transfers: number;
}

/** A gateway serves clients of all shards. */
export interface Gateway {
  readonly id: string;
  life: number;
  isAlive: boolean;
  frozenUntilMs: number;
}

/** What faults happen to, and quotas move in. */
export interface World {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly shards: readonly ShardLog[];
  readonly gateways: readonly Gateway[];
  /** Of everything but the clients. */
  readonly random: () => number;
  /** Sends a record to a shard's log, which takes it a little later; with faults much later, or twice. `onTaken`: when it first has. */
  send(shard: ShardLog, event: ShardEvent, onTaken?: () => void): void;
  /** What a record takes on its way when nothing is wrong. */
  usualDelayMs(): number;
  /** A random time with this mean, whose end does not depend on how long it has been. */
  draw(meanMs: number): number;
  startGateway(gateway: Gateway): void;
  /** The gateway is gone, with the streams of its clients. */
  endGateway(gateway: Gateway): void;
}

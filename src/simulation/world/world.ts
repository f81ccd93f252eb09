import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { partitionsOf } from '../../app/journal.ts';
import type { Ids } from '../../ports/ids.ts';
import { MemoryLogServer } from '../../testing/memory/event-log/memory-log.ts';
import { MemoryMediaServer } from '../../testing/memory/media-store/memory-media.ts';
import { MemoryGroupServer } from '../../testing/memory/partition-groups/memory-groups.ts';
import { MemoryReadModelServer } from '../../testing/memory/read-model/memory-read-models.ts';
import { BusServer } from '../network/bus.ts';
import { SimulatedModel } from '../network/model.ts';
import type { Rule } from '../rules.ts';
import type { Scenario } from '../scenario.ts';

import { Faults } from './faults.ts';
import { epochMs } from './process.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';
import type { Upload } from './upload.ts';
import { prefix, topics } from './world-names.ts';

/** Something that must not be. The rule is one of `rules.ts`. */
export interface Finding {
  readonly rule: Rule;
  readonly what: string;
  readonly atMs: number;
}

/** More of them tell nothing new. */
const maxFindings = 20;

/** What all processes share: time, chance, and the servers behind the ports. */
export class World {
  readonly scenario: Scenario;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly faults: Faults;
  readonly random: Random;
  readonly ids = countedIds();
  readonly log: MemoryLogServer;
  readonly models: MemoryReadModelServer;
  readonly groups: MemoryGroupServer;
  readonly media: MemoryMediaServer;
  readonly bus: BusServer;
  readonly model: SimulatedModel;
  readonly findings: Finding[] = [];
  /** Objects that a fault has taken away. */
  readonly lostMedia = new Set<string>();
  /** What clients were given URLs for. */
  readonly uploads: Upload[] = [];
  /** Until when each session that was welcomed has shown access tokens for, by session id. */
  readonly shownTokens = new Map<string, { readonly validUntilMs: number }>();
  /** Instance ids of processes that died or were frozen: who need not say what became of their work. */
  readonly interrupted = new Set<string>();
  /** Told when a partition has lost its last records. */
  onShortened: (topic: string, partition: number) => void = () => {};
  /** How far the log's clock is ahead of the world's, milliseconds; and by partition of the conversations topic. */
  logAheadMs = 0;
  /** When it last stepped, virtual time. */
  logSteppedMs = Number.NEGATIVE_INFINITY;
  readonly leaderSkewMs = new Map<number, number>();
  /** The log's clock stands at this time; undefined: it goes. */
  logStandsAtMs: number | undefined;

  constructor(scenario: Scenario, keepsStory: boolean) {
    this.scenario = scenario;
    const { seed } = scenario;
    const { scheduler } = this;
    this.trace = new Trace(() => scheduler.nowMs, keepsStory);
    this.faults = new Faults(seed, scenario.rates);
    this.random = new Random(seed, 'world');
    this.log = new MemoryLogServer(partitionsOf(prefix, scenario.config.limits.partitions), () => this.nowMs);
    this.log.timeOf = (topic, partition) => this.#logTimeMs(topic, partition);
    this.models = new MemoryReadModelServer(() => scheduler.nowMs);
    this.groups = new MemoryGroupServer(
      (topic) => (topic === topics.connections ? 1 : scenario.config.limits.partitions),
      (work) => void scheduler.after(5, work),
    );
    this.media = new MemoryMediaServer(() => this.nowMs);
    this.bus = new BusServer(this.faults);
    this.model = new SimulatedModel(this.faults, scenario);
  }

  /** The wall clock, milliseconds since the epoch. */
  get nowMs(): number {
    return Math.floor(epochMs + this.scheduler.nowMs);
  }

  /** Records of all partitions. */
  get recordCount(): number {
    let sum = this.log.records(topics.connections, 0).length;
    for (let partition = 0; partition < this.scenario.config.limits.partitions; partition += 1)
      sum += this.log.records(topics.conversations, partition).length;
    return sum;
  }

  /** What faults have left behind is put right: groups are spread again, and the log's clock goes. */
  heal(): void {
    this.logStandsAtMs = undefined;
    this.leaderSkewMs.clear();
    for (const group of [
      `${prefix}.workers.members`,
      ...Object.values(topics).map((topic) => `${prefix}.projectors.${topic}`),
    ])
      this.groups.rebalance(group);
  }

  find(rule: Rule, what: string): void {
    if (this.findings.length >= maxFindings) return;
    this.trace.note('oracle', `${rule}: ${what}`);
    this.findings.push({ rule, what, atMs: this.scheduler.nowMs });
  }

  #logTimeMs(topic: string, partition: number): number {
    if (this.logStandsAtMs !== undefined) return this.logStandsAtMs;
    const skewMs = topic === topics.conversations ? (this.leaderSkewMs.get(partition) ?? 0) : 0;
    return Math.floor(this.nowMs + this.logAheadMs + skewMs);
  }
}

/** Ids that are the same for the same history: those that are derived as they are everywhere, those that are new counted. */
function countedIds(): Ids {
  let count = 0;
  const next = (kind: string) => {
    count += 1;
    return `${kind}${String(count).padStart(6, '0')}`;
  };
  return { ...nodeCryptoIds, unique: () => next('u'), token: () => next('t') };
}

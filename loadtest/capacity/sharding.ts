import { Breach } from './shard-log.ts';
import { Simulation } from './simulation.ts';
import { erlangLoss, unfairnessBound } from './unfairness.ts';
import type { Outcome, Plan } from './world.ts';

/** What dividing a limit costs those who come, at one load. Shares are of all who come. */
export interface UnfairnessRow {
  readonly shards: number;
  /** Slots of each. */
  readonly slots: number;
  readonly load: number;
  readonly requests: number;
  readonly refusedShare: number;
  /** While a slot was free in another shard. */
  readonly refusedWhileRoomShare: number;
  /** As Erlang's formula has it. */
  readonly expectedShare: number;
  readonly boundShare: number;
  /** Where quotas move; null with one shard. */
  readonly movingShare: number | null;
}

/** Many runs with everything that can go wrong. */
export interface FaultRow {
  readonly quotas: Plan['quotas'];
  readonly runs: number;
  readonly records: number;
  readonly faults: number;
  readonly transfers: number;
  /** At any moment of any run. */
  readonly mostOpen: number;
  /** Runs that broke the limit; each ended there. */
  readonly broken: number;
}

export interface ShardingFigures {
  readonly limit: number;
  readonly unfairness: readonly UnfairnessRow[];
  readonly crowded: { readonly shards: number; readonly limit: number; readonly load: number };
  readonly faults: readonly FaultRow[];
}

const second = 1_000;
/** Of the runs without faults. Large enough to be divided forty times, small enough to be played in seconds. */
const limit = 400;
const shardCounts = [1, 4, 20, 40];
const loads = [0.8, 0.9, 1, 1.2];
/** Of the runs with faults: few slots in many shards, wanted by more than there are. */
const crowded = { shards: 6, limit: 60, load: 1.3 };
const faultRuns = 10;

/** Plays everything that docs/capacity.md shows of shards: half a minute. `told` hears how far it is. */
export function playSharding(told: (text: string) => void): ShardingFigures {
  const unfairness = shardCounts.flatMap((shards) =>
    loads.map((load) => {
      const row = unfairnessOf(shards, load);
      told(`${shards} shards, load ${load}: ${(row.refusedShare * 100).toFixed(2)} % refused`);
      return row;
    }),
  );
  const faults = (['fixed', 'given first', 'taken first'] as const).map((quotas) => {
    const row = faultsOf(quotas);
    told(`${quotas}, with faults: ${row.broken} of ${row.runs} runs broke the limit`);
    return row;
  });
  return { limit, unfairness, crowded, faults };
}

function unfairnessOf(shards: number, load: number): UnfairnessRow {
  const calm = { seed: 1, shards, limit, load, hasFaults: false, warmUpMs: 400 * second, countedMs: 1_200 * second };
  const { requests, refused, refusedWhileRoom } = play({ ...calm, quotas: 'fixed' });
  const moving = shards === 1 ? undefined : play({ ...calm, quotas: 'given first' });
  const slots = limit / shards;
  return {
    shards,
    slots,
    load,
    requests,
    refusedShare: refused / requests,
    refusedWhileRoomShare: refusedWhileRoom / requests,
    expectedShare: erlangLoss(slots, slots * load),
    boundShare: unfairnessBound(slots, load),
    movingShare: moving === undefined ? null : moving.refused / moving.requests,
  };
}

function faultsOf(quotas: Plan['quotas']): FaultRow {
  const outcomes: Outcome[] = [];
  let broken = 0;
  for (let seed = 1; seed <= faultRuns; seed += 1) {
    try {
      outcomes.push(play({ ...crowded, seed, quotas, hasFaults: true, warmUpMs: 0, countedMs: 1_200 * second }));
    } catch (error) {
      if (!(error instanceof Breach)) throw error;
      broken += 1;
    }
  }
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return {
    quotas,
    runs: faultRuns,
    records: sum(({ records }) => records),
    faults: sum(({ crashes }) => crashes),
    transfers: sum(({ transfers }) => transfers),
    mostOpen: Math.max(0, ...outcomes.map(({ mostOpen }) => mostOpen)),
    broken,
  };
}

function play(plan: Plan): Outcome {
  return new Simulation(plan).run();
}

import type { PartsConfig } from '../main/composition.ts';
import { type FaultName, type FaultRates, momentFaults, operationFaults } from './world/faults.ts';
import { Random } from './world/random.ts';
import { prefix } from './world/world-names.ts';

export type NodeRole = 'gateway' | 'worker' | 'projector';

/** A server process of the deployment. */
export interface NodeSpec {
  readonly name: string;
  readonly roles: readonly NodeRole[];
  /** It keeps its instance id when it starts again. */
  readonly keepsInstanceId: boolean;
}

export type ClientKind = 'stream' | 'split' | 'rude';

export interface ClientSpec {
  readonly clientId: string;
  readonly kind: ClientKind;
}

/** Everything about a history that is chosen before it begins. */
export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly NodeSpec[];
  readonly clients: readonly ClientSpec[];
  readonly rates: FaultRates;
  /** How long faults strike and clients talk, virtual milliseconds. */
  readonly activeMs: number;
  readonly config: PartsConfig;
  readonly usesHistory: boolean;
  /** The model goes on from a reply's beginning. */
  readonly continues: boolean;
  /** The log begins with records of release 0.1. */
  readonly hasOldRecords: boolean;
  /** Authentication is on. */
  readonly usesTokens: boolean;
  readonly drainTimeoutMs: number;
}

/** What a history is told to leave out: how a failure is made smaller. */
export interface Omissions {
  readonly faults: ReadonlySet<string>;
  readonly clients: ReadonlySet<string>;
  /** Shortens the active time; undefined: as the seed says. */
  readonly activeMs?: number | undefined;
}

export const nothingOmitted: Omissions = { faults: new Set(), clients: new Set() };

/** Rates between which a history's faults are: of operations a share, of moments a number per minute. */
const operationRates = [0.002, 0.2] as const;
const momentRates = [0.3, 6] as const;

/** Faults that would drown the others when they are frequent, and those of which one alone seldom meets a message that is under way. */
const rateFactors: Readonly<Partial<Record<FaultName, number>>> = {
  'append-slow': 0.2,
  'reader-lag': 0.3,
  'store-slow': 0.3,
  'provider-silent': 0.2,
  'provider-long': 0.2,
  'log-away': 0.4,
  'log-shorter': 0.5,
  'bus-delay': 2,
  'partitions-move': 3,
  'prices-change': 5,
  'budgets-change': 5,
  twin: 0.5,
};

/**
 * Without these a log comes back shorter: nothing is promised of a reader that is not there to see it, or still holds what was lost until it can
 * be stored, once the log has grown past that place (docs/deployment.md).
 */
const besideNoShorterLog: readonly FaultName[] = [
  'crash',
  'restart',
  'freeze',
  'twin',
  'store-slow',
  'store-error',
  'store-away',
  'store-older',
  'store-empty',
  'partitions-move',
];

/** The scenario of a seed. */
export function scenarioOf(seed: number, { faults, clients, activeMs }: Omissions = nothingOmitted): Scenario {
  const random = new Random(seed, 'scenario');
  const nodes = nodesOf(random);
  const clientCount = 1 + random.below(6);
  const all = Array.from(
    { length: clientCount },
    (_, index): ClientSpec => ({
      clientId: `c${index + 1}`,
      kind: random.chance(0.1) ? 'rude' : random.chance(0.35) ? 'split' : 'stream',
    }),
  );
  const chosenMs = Math.floor(random.logarithmic(15_000, 150_000));
  const config = configOf(new Random(seed, 'config'), new Random(seed, 'writes'));
  return {
    seed,
    nodes,
    clients: all.filter(({ clientId }) => !clients.has(clientId)),
    rates: Object.fromEntries(Object.entries(ratesOf(seed)).filter(([name]) => !faults.has(name))),
    activeMs: activeMs ?? chosenMs,
    config,
    usesHistory: random.chance(0.5),
    drainTimeoutMs: 10_000,
    hasOldRecords: new Random(seed, 'old-records').chance(0.3),
    usesTokens: new Random(seed, 'tokens').chance(0.3),
    continues: new Random(seed, 'continues').chance(0.75),
  };
}

/** At least one of each role; one process with all of them is the embedded profile's shape. */
function nodesOf(random: Random): readonly NodeSpec[] {
  const keepsInstanceId = random.chance(0.5);
  const count = 1 + random.below(4);
  const roles: readonly NodeRole[] = ['gateway', 'worker', 'projector'];
  return Array.from({ length: count }, (_, index) => {
    const own = count === 1 || index === 0 ? roles : roles.filter(() => random.chance(0.6));
    return { name: `n${index + 1}`, roles: own.length === 0 ? ['gateway'] : own, keepsInstanceId };
  });
}

/** Each history has some of the faults, and one in ten has none: swarms of few find what a mixture of all hides. */
function ratesOf(seed: number): FaultRates {
  const random = new Random(seed, 'rates');
  if (random.chance(0.1)) return {};
  const share = random.between(0.05, 0.5);
  const rates: Partial<Record<FaultName, number>> = {};
  for (const name of [...operationFaults, ...momentFaults]) {
    // A stream of its own for each: one more fault changes no other.
    const own = new Random(seed, `rates/${name}`);
    const isChosen = own.chance(share);
    const [min, max] = (operationFaults as readonly string[]).includes(name) ? operationRates : momentRates;
    const rate = own.logarithmic(min, max) * (rateFactors[name] ?? 1);
    if (isChosen) rates[name] = rate;
  }
  if (besideNoShorterLog.some((name) => rates[name] !== undefined)) delete rates['log-shorter'];
  return rates;
}

/** Small limits: what happens at them is what is looked for. */
function configOf(random: Random, ofWrites: Random): PartsConfig {
  const partitions = 1 + random.below(3);
  const perPartition = 1 + random.below(4);
  return {
    prefix,
    allowedTimeZones: ['*'],
    limits: {
      maxClients: 1 + random.below(4),
      maxProcessing: partitions * perPartition,
      maxProcessingPerPartition: perPartition,
      partitions,
      maxPendingPerClient: 2 + random.below(5),
      maxSessionsPerAddress: Number.MAX_SAFE_INTEGER,
      // A stream of its own: one more limit changes no other.
      writesPerClientPerMinute: ofWrites.chance(0.3) ? 3 + ofWrites.below(10) : 600,
      writesPerAddressPerMinute: 6_000,
      messagesPerClientPerMinute: 12_000,
      maxHistoryBytesPerClient: undefined,
      maxProcessingPerConversation: random.below(3),
      maxWaitForSlotMs: 30_000,
      maxWaitingClients: random.below(5),
      firstMessageDeadlineMs: random.pick([20_000, 60_000]),
      heartbeatIntervalMs: 15_000,
      staleAfterMs: 45_000,
      maxTextBytes: 32_768,
      maxInlineBytes: 1_048_576,
      maxMediaBytes: 10_485_760,
    },
    media: {
      publicUrl: '',
      minFreeDiskBytes: 0,
      maxBytesPerClient: undefined,
      maxBytesInAll: undefined,
      uploadLifetimeMs: 90_000,
      urlLifetimeMs: 60_000,
      sweepIntervalMs: 20_000,
      erasureDelayMs: random.pick([1_000, 30_000]),
    },
    worker: {
      firstPieceTimeoutMs: 30_000,
      pieceTimeoutMs: 15_000,
      mediaTimeoutMs: 60_000,
      totalTimeoutMs: 90_000,
      maxAttempts: 3,
      retryMs: 75_000,
    },
  };
}

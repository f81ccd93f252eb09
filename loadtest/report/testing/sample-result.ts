import type { Distribution, DriverFigures, DriverTick, KindFigures } from '../../driver/figures.ts';
import type { Kind } from '../../driver/load.ts';
import type { LoadResult, SystemTick } from '../../result.ts';

/** What a sample looks like where nothing else is asked for: a small run of the published load. */
const secondsRun = 120;
const clients = 100;
const delaysMs: Readonly<Partial<Record<Kind, readonly [number, number]>>> = {
  text: [0, 1_000],
  voice: [1_000, 2_000],
  video: [2_000, 3_000],
};
const sizesBytes: Readonly<Record<Kind, number>> = { text: 42.3, voice: 62_114, video: 143_020, image: 20_000 };
const repliesPerKind = 2_100;

/** Values as a distribution, whose curve halves the distance to 100 five times per half, as an HDR histogram's does. */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (percentile: number) => sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] ?? 0;
  const steps = Math.ceil(Math.log2(Math.max(sorted.length, 1)) * 5);
  const percents = [...Array.from({ length: steps }, (_, step) => 100 * (1 - 2 ** (-step / 5))), 100];
  return {
    count: sorted.length,
    mean: sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    min: rank(0),
    p50: rank(50),
    p75: rank(75),
    p90: rank(90),
    p95: rank(95),
    p99: rank(99),
    p999: rank(99.9),
    max: rank(100),
    curve: sorted.length === 0 ? [] : percents.map((percent) => [percent, rank(percent)] as const),
  };
}

export const nothingMeasured = distributionOf([]);

/** `count` values of a long tail: most near `typicalMs`, some far above. */
function tailed(random: () => number, count: number, typicalMs: number): readonly number[] {
  return Array.from({ length: count }, () => typicalMs * (0.6 + 0.4 * random() - 0.5 * Math.log(1 - random())));
}

function kindFigures(random: () => number, kind: Kind): KindFigures {
  const [fromMs, toMs] = delaysMs[kind] ?? [0, 0];
  const aboveMs = tailed(random, repliesPerKind, 1.8);
  return {
    said: repliesPerKind,
    accepted: repliesPerKind,
    answered: repliesPerKind,
    lost: 0,
    meanBytes: sizesBytes[kind],
    acceptedMs: distributionOf(tailed(random, repliesPerKind, 0.9)),
    firstPieceMs: distributionOf(aboveMs.map((above) => above + fromMs + (toMs - fromMs) * random())),
    replyMs: distributionOf(aboveMs.map((above) => above + fromMs + (toMs - fromMs) * random())),
    aboveSimulatedMs: distributionOf(aboveMs),
  };
}

function driverTick(random: () => number, second: number): DriverTick {
  const connected = Math.min(clients, second * 5);
  const rate = Math.round((connected / clients) * (48 + 10 * random()));
  return {
    second,
    connected,
    waiting: 0,
    said: rate,
    answered: second < 2 ? 0 : rate,
    errors: 0,
    inFlight: Math.round(connected * 0.75),
    replyP50Ms: 1_400 + 300 * random(),
    replyP99Ms: 2_850 + 150 * random(),
    loopDelayP99Ms: 1 + random(),
  };
}

function systemTick(random: () => number, second: number): SystemTick {
  const sessions = Math.min(clients, second * 5);
  return {
    second,
    sessions,
    processing: Math.round(sessions * (0.7 + 0.1 * random())),
    queued: 0,
    lagRecords: Math.floor(4 * random()),
    loopDelayP99Ms: 1.5 + 2 * random(),
    residentMib: { server: 180 + second / 20 + 3 * random() },
    handles: { server: 40 + sessions },
  };
}

function driverFigures(random: () => number): DriverFigures {
  const kinds = {
    text: kindFigures(random, 'text'),
    voice: kindFigures(random, 'voice'),
    video: kindFigures(random, 'video'),
  };
  return {
    startedAtMs: 1_795_000_000_000,
    ranMs: secondsRun * 1_000 + 1_800,
    answered: 3 * repliesPerKind,
    kinds,
    connectMs: distributionOf(tailed(random, clients, 6)),
    resumedMs: nothingMeasured,
    betweenPiecesMs: nothingMeasured,
    historyReadMs: nothingMeasured,
    errors: {},
    refusedClients: 0,
    violations: { wrongReply: 0, hole: 0, repeat: 0, piecesDiffer: 0, disorder: 0, historyDiffers: 0 },
    violationExamples: [],
    ticks: Array.from({ length: secondsRun }, (_, second) => driverTick(random, second)),
    health: {
      cpuSeconds: 21.4,
      utilization: 0.17,
      loopDelayMs: distributionOf(tailed(random, 1_000, 1)),
      latenessMs: nothingMeasured,
      bottleneck: '',
    },
  };
}

const origin = {
  cpu: 'A processor',
  cores: 2,
  memoryGib: 24,
  system: 'Linux 6.18.44',
  node: 'v24.21.0',
  commit: '0123abc',
  date: '2026-11-22',
};

/** What a run of the published load might give: nothing wrong, every aim met. What a test is about, it changes. */
export function sampleResult(random: () => number, changes: Partial<LoadResult> = {}): LoadResult {
  return {
    scenario: 'published',
    description: '100 clients arrive 5 a second; each says text, voice or video, and again 1 to 3 s after the reply.',
    profile: 'embedded',
    origin,
    load: {
      seed: 7,
      protocol: 'grpc',
      clients,
      arrivalsPerSecond: 5,
      durationMs: secondsRun * 1_000,
      settleMs: 30_000,
      pace: { loop: 'closed', thinkMs: { min: 1_000, max: 3_000 } },
      mix: {
        text: { share: 1, bytes: { min: 20, max: 64 }, by: 'message' },
        voice: { share: 1, bytes: { min: 42_000, max: 82_000 }, by: 'message' },
        video: { share: 1, bytes: { min: 123_000, max: 163_000 }, by: 'upload' },
      },
      waitForSlotMs: 0,
      idleClients: 0,
      toleratesKills: false,
    },
    settings: { PARLEY_MAX_CLIENTS: '100', PARLEY_SIMULATED_SEED: '7' },
    limits: { maxClients: clients, maxProcessing: 500 },
    driver: driverFigures(random),
    system: Array.from({ length: secondsRun }, (_, second) => systemTick(random, second)),
    processes: { server: { cpuSecondsPer1000: 0.61, residentMib: 186.2, peakMib: 201.9 } },
    verdict: { audit: { records: 18_922, breaches: [] }, unfinished: 0 },
    aims: [
      { name: 'Not answered', unit: 'messages', limit: 0, isAtLeast: false, figure: 0, isMet: true },
      { name: 'Above simulated, text, p99', unit: 'ms', limit: 15, isAtLeast: false, figure: 6.3, isMet: true },
    ],
    events: [],
    notes: [],
    ...changes,
  };
}

const processNames = ['gateway', 'worker', 'projector', 'kafka', 'mongodb', 'nats', 's3'] as const;
const killedAt = [21, 58, 93] as const;

/** Nothing is answered for three seconds after a kill, and what comes then is late. */
function troubledTick(tick: DriverTick): DriverTick {
  const since = Math.min(...killedAt.map((at) => (tick.second < at ? Number.POSITIVE_INFINITY : tick.second - at)));
  if (since < 3)
    return { ...tick, answered: 0, errors: 12, replyP50Ms: 0, replyP99Ms: 0, inFlight: tick.inFlight + 40 };
  return since < 5 ? { ...tick, replyP99Ms: 9_400 } : tick;
}

/** A run in which all that can go wrong has: kills, lost and wrong replies, missed aims, a breach, an overloaded driver, figures that are missing. */
export function troubledResult(random: () => number, changes: Partial<LoadResult> = {}): LoadResult {
  const good = sampleResult(random);
  const { text: told, video } = good.driver.kinds;
  const text = { ...told!, answered: repliesPerKind - 7, lost: 3, aboveSimulatedMs: undefined };
  const each = (of: (index: number) => number) =>
    Object.fromEntries(processNames.map((name, index) => [name, of(index)]));
  return {
    ...good,
    scenario: 'chaos',
    description: 'Processes are killed while everybody talks.',
    profile: 'distributed',
    load: { ...good.load, toleratesKills: true, storm: { reconnects: 20, withinMs: 10_000, fromMs: 5_000 } },
    limits: { maxClients: 50, maxProcessing: 60 },
    driver: {
      ...good.driver,
      kinds: { text, video },
      errors: { UNAVAILABLE: 36, PROVIDER_TIMEOUT: 4 },
      refusedClients: 2,
      violations: { ...good.driver.violations, hole: 2, historyDiffers: 1 },
      violationExamples: [
        'client-17: 41 bytes of the reply to 0f3a never came',
        'client-3: history has the reply to 77b1 twice',
      ],
      ticks: good.driver.ticks.map(troubledTick),
      health: { ...good.driver.health, utilization: 0.93, bottleneck: 'its thread was busy 93 % of the time' },
    },
    system: good.system.map((tick) => ({
      ...tick,
      residentMib: each((index) => 60 * (index + 1) + 10 * random()),
      handles: each((index) => 20 + 9 * index),
    })),
    processes: {},
    verdict: { audit: { records: 17_204, breaches: ['51 sessions open after record 9,114'] }, unfinished: 4 },
    aims: [
      { name: 'Not answered', unit: 'messages', limit: 0, isAtLeast: false, figure: 7, isMet: false },
      { name: 'Resumed, p99', unit: 'ms', limit: 500, isAtLeast: false, figure: null, isMet: false },
      { name: 'Answered', unit: 'per second', limit: 40, isAtLeast: true, figure: 46.1, isMet: true },
    ],
    events: killedAt.map((second) => ({ second, what: 'SIGKILL to the worker, started again' })),
    notes: ['Clients reconnected 61 times.'],
    ...changes,
  };
}

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DriverFigures, DriverTick } from '../driver/figures.ts';
import type { Load, Target } from '../driver/load.ts';
import { seededRandom } from '../driver/random.ts';
import type { LoadResult, SystemTick } from '../result.ts';
import type {
  AuditFigures,
  Prelude,
  PreludeFacts,
  Profile,
  Scenario,
  ScenarioLoad,
  Settings,
} from '../scenarios/scenario.ts';
import { origin } from '../system/machine.ts';
import { type Servers, startServers } from '../system/servers.ts';
import { drive } from './drive.ts';
import { type KeptMemory, memoryWithoutGarbage } from './garbage.ts';
import { type Kill, Killer } from './kills.ts';
import { type Sample, Sampler, ticksOf } from './sampler.ts';
import { withAboveSimulated } from './simulated.ts';
import { audit, evaluate, failuresOfClients, failuresOfLog, verdictOf } from './verdict.ts';

/** One run, with everything decided. */
export interface Run {
  readonly name: string;
  readonly scenario: Scenario;
  readonly profile: Profile;
  readonly protocol: Load['protocol'];
  readonly load: Load;
  readonly settings: Settings;
  readonly preludes: readonly Prelude[];
  readonly kills: Scenario['kills'];
}

export interface Choices {
  readonly profile: Profile;
  readonly protocol: Load['protocol'];
  readonly isQuick: boolean;
  /** Other than the scenario says. */
  readonly minutes: number | undefined;
}

/** Where a run may write, what ends it early, and who is shown how it goes. */
export interface Surroundings {
  /** Empty, and removed by who made it. */
  readonly work: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  readonly onTick: (tick: DriverTick, system: SystemTick | undefined) => void;
}

const msPerSecond = 1_000;
const msPerMinute = 60 * msPerSecond;
const defaultMaxClients = 50;
const defaultMaxProcessing = 500;
/** What clients were told is in the log; whether all of it has its final event is looked at again until then. */
const finishTimeoutMs = 30_000;
const finishPollMs = 1_000;

/** A scenario as it was chosen. */
export function runOf(name: string, scenario: Scenario, { profile, protocol, isQuick, minutes }: Choices): Run {
  const { load, settings, preludes = [], kills, quick } = scenario;
  const chosen = isQuick
    ? {
        load: { ...load, ...quick.load },
        settings: { ...settings, ...quick.settings },
        preludes: quick.preludes ?? preludes,
        kills: quick.kills ?? kills,
      }
    : { load, settings, preludes, kills };
  const durationMs = minutes === undefined ? chosen.load.durationMs : minutes * msPerMinute;
  return { name, scenario, profile, protocol, ...chosen, load: { ...chosen.load, protocol, durationMs } };
}

export interface Outcome {
  readonly result: LoadResult;
  /** What was broken or lost, a sentence each. */
  readonly failures: readonly string[];
}

/** Starts the servers, runs the load on them, looks at what is left, ends them. Rejects when anything of it could not be done. */
export async function runScenario(run: Run, around: Surroundings): Promise<Outcome> {
  const { profile, protocol, settings, scenario, load } = run;
  around.say(`starting ${profile === 'embedded' ? 'the server' : 'the engines and a process of each role'}`);
  const needsWeb = protocol === 'grpc-web';
  await using servers = await startServers({ profile, settings, needsWeb, dataDir: around.work });
  around.signal.throwIfAborted();
  const preludes: Record<string, PreludeFacts> = {};
  for (const prelude of run.preludes) preludes[prelude.name] = await playPrelude(prelude, run, servers, around);
  around.say(`the load${idleFirst(load)}`);
  const { driver, samples, kills, processes } = await play(run, servers, around);
  const after = scenario.readsMemoryAfter === true ? await memoryWithoutGarbage(servers) : undefined;
  around.say('looking at what is left in the log');
  const audited = await settledAudit({ ...servers.settings });
  // What follows, such as reading all of history at the end, is no part of the load.
  const system = ticksOf(samples, driver.startedAtMs, driver.ticks.at(-1)?.second ?? 0);
  const verdict = verdictOf(audited);
  const result: LoadResult = {
    scenario: run.name,
    description: scenario.description,
    profile,
    origin: origin(),
    load,
    settings,
    limits: {
      maxClients: Number(settings['PARLEY_MAX_CLIENTS'] ?? defaultMaxClients),
      maxProcessing: Number(settings['PARLEY_MAX_PROCESSING'] ?? defaultMaxProcessing),
    },
    driver,
    system,
    processes,
    verdict,
    aims: evaluate(scenario.aims, { driver, system, audit: audited, preludes, after }, profile),
    events: kills.map(({ atMs, what }) => ({ second: Math.max(0, (atMs - driver.startedAtMs) / msPerSecond), what })),
    notes: [...Object.entries(preludes).map(noteOf), ...memoryNotes(after), ...auditNotes(audited)],
  };
  const failures = [...Object.values(preludes).map((prelude) => prelude.driver), driver]
    .flatMap(failuresOfClients)
    .concat(failuresOfLog(verdict));
  return { result, failures };
}

interface Played {
  readonly driver: DriverFigures;
  readonly samples: readonly Sample[];
  readonly kills: readonly Kill[];
  readonly processes: LoadResult['processes'];
}

/** The load itself, watched, with kills if there are to be any. */
async function play({ load, kills: wanted, settings }: Run, servers: Servers, around: Surroundings): Promise<Played> {
  const usedSince = servers.watch();
  await using sampler = new Sampler(servers.members);
  await using killer =
    wanted === undefined ? undefined : new Killer(servers.members, wanted.everyMs, seededRandom(load.seed));
  let answered = 0;
  let processes: LoadResult['processes'] = {};
  const onTick = (tick: DriverTick) => {
    answered += tick.answered;
    // Up to the last second of the load: that all of history is read afterwards is no part of it. One that is killed may be away just now.
    if (killer === undefined && answered > 0) processes = usedSince(answered / 1_000);
    around.onTick(tick, sampler.newest === undefined ? undefined : { ...sampler.newest, second: tick.second });
    if (tick.second * msPerSecond < load.durationMs) killer?.begin();
    else killer?.end();
  };
  const target = targetOf('messages', load, servers, around);
  const signals = killer === undefined ? [around.signal] : [around.signal, killer.failed];
  const figures = await drive(target, around.work, onTick, AbortSignal.any(signals));
  const kills = (await killer?.ended()) ?? [];
  if (killer !== undefined && figures.answered > 0) processes = usedSince(figures.answered / 1_000);
  const driver = await withAboveSimulated(figures, target.messagesFile, settings);
  return { driver, samples: sampler.samples, kills, processes };
}

async function playPrelude(
  { name, load, memoryAt }: Prelude,
  { protocol }: Run,
  servers: Servers,
  around: Surroundings,
): Promise<PreludeFacts> {
  around.say(`first, to compare with: ${name}${idleFirst(load)}`);
  const target = targetOf(name, { ...load, protocol }, servers, around);
  let reading: Promise<KeptMemory> | undefined;
  const onTick = (tick: DriverTick) => {
    around.onTick(tick, undefined);
    if (memoryAt === 'end' || tick.second < memoryAt || reading !== undefined) return;
    reading = memoryWithoutGarbage(servers);
    // Awaited below; until then nobody is there to hear that it failed.
    reading.catch(() => undefined);
  };
  // Looked at as the load itself is: the two are to be compared.
  await using _sampler = new Sampler(servers.members);
  const driver = await drive(target, around.work, onTick, around.signal);
  reading ??= memoryWithoutGarbage(servers);
  return { driver, ...(await reading) };
}

function targetOf(name: string, load: Load, { gateway, webAddress }: Servers, { work }: Surroundings): Target {
  return {
    address: gateway.address,
    httpAddress: webAddress,
    load,
    messagesFile: join(work, `${name}.ndjson`),
  };
}

/** Nothing is shown until they are there, which takes a while. */
function idleFirst({ idleClients }: ScenarioLoad): string {
  return idleClients === 0 ? '' : `; before it, ${idleClients} clients come that stay idle`;
}

/** When everything said is finished, or it takes too long: what is pending then is what the verdict counts. */
async function settledAudit(settings: Settings): Promise<AuditFigures> {
  const begun = performance.now();
  for (;;) {
    const audited = await audit(settings);
    if (audited.messages.pending === 0 || performance.now() - begun > finishTimeoutMs) return audited;
    await sleep(finishPollMs);
  }
}

function memoryNotes(after: KeptMemory | undefined): readonly string[] {
  return after === undefined ? [] : [`After it, the server's memory without garbage: ${inWords(after)}.`];
}

function inWords({ residentMib, liveMib }: KeptMemory): string {
  return `${residentMib.toFixed(1)} MiB, of which ${liveMib.toFixed(1)} MiB are what its main thread keeps`;
}

function noteOf([name, facts]: [string, PreludeFacts]): string {
  const { driver } = facts;
  const { replyMs } = driver.kinds.text ?? {};
  const replies =
    replyMs === undefined ? '' : `, replies p50 ${replyMs.p50.toFixed(1)} ms, p99 ${replyMs.p99.toFixed(1)} ms`;
  return `Before it, ${name}: ${driver.answered} answered${replies}; the server's memory without garbage ${inWords(facts)}.`;
}

function auditNotes({ connections, messages }: AuditFigures): readonly string[] {
  return [
    `By the log, at most ${connections.mostOpen} clients were in at once of ${connections.cap}, and ${messages.mostInPartition} messages in processing in one partition.`,
  ];
}

import { Journal } from '../app/journal.ts';
import { createEventCodec } from '../codec/event-codec.ts';
import { ChatClient } from './clients/chat-client.ts';
import { recordsOfRelease01 } from './fixtures/old-records.ts';
import { checkBuffers } from './oracle/buffers.ts';
import { checkEnd } from './oracle/end.ts';
import { checkServed } from './oracle/served.ts';
import { Truth } from './oracle/truth.ts';
import type { Scenario } from './scenario.ts';
import { startChaos } from './world/chaos.ts';
import { Deployment } from './world/deployment.ts';
import { type Finding, World } from './world/world.ts';
import { prefix, topics } from './world/world-names.ts';

/** What became of a history. */
export interface Outcome {
  readonly seed: number;
  readonly findings: readonly Finding[];
  /** Of everything that happened: two runs of one scenario have the same. */
  readonly digest: string;
  readonly story: readonly string[];
  /** Virtual time. */
  readonly elapsedMs: number;
  readonly tasks: number;
  readonly records: number;
  readonly faults: ReadonlyMap<string, number>;
}

export interface SimulationOptions {
  readonly keepsStory?: boolean;
  /** Ends at the first finding. */
  readonly stopsAtFinding?: boolean;
}

/** After faults have ended everybody has so long to come to what is owed. */
const settleMs = 900_000;

/** The virtual time that the end takes: sweeping of media, refolding. */
const closingMs = 900_000;

/** Runs a history. Its rejections that nobody handles are findings. */
export async function simulate(scenario: Scenario, options: SimulationOptions = {}): Promise<Outcome> {
  const world = new World(scenario, options.keepsStory === true);
  const onUnhandled = (error: unknown) =>
    world.find('unhandled-rejection', error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('unhandledRejection', onUnhandled);
  try {
    await play(world, options.stopsAtFinding === true);
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
  return {
    seed: scenario.seed,
    findings: world.findings,
    digest: world.trace.digest(),
    story: world.trace.lines,
    elapsedMs: world.scheduler.nowMs,
    tasks: world.scheduler.ran,
    records: world.recordCount,
    faults: world.faults.counts,
  };
}

async function play(world: World, stopsAtFinding: boolean): Promise<void> {
  const { scheduler, scenario, faults, trace } = world;
  const truth = new Truth(world);
  if (scenario.hasOldRecords) beginWithOldRecords(world);
  const deployment = new Deployment(world);
  truth.onRestarted = (gatewayId, sessionId) => deployment.twins.sessionEnded(gatewayId, sessionId);
  const clients = scenario.clients.map((spec) => new ChatClient(world, deployment, truth, spec));
  world.onShortened = (topic, partition) => {
    if (topic === topics.connections) return truth.connectionsShortened();
    const lost = truth.shortened(partition);
    for (const { transcripts } of clients)
      for (const transcript of transcripts.values()) if (lost.has(transcript.conversationId)) transcript.abandon();
  };
  for (const client of clients) void client.run();
  startChaos(world, deployment);
  const afterEach = () => {
    checkServed(world, truth, deployment);
    checkBuffers(world, deployment);
  };
  const isFound = () => stopsAtFinding && world.findings.length > 0;
  await scheduler.runUntil(scenario.activeMs, isFound, afterEach);
  if (isFound()) return;
  trace.note('world', 'faults end');
  faults.end();
  world.heal();
  liftBudgets(world, truth);
  const areDone = () => isFound() || clients.every(({ isDone }) => isDone);
  await scheduler.runUntil(scheduler.nowMs + settleMs, areDone, afterEach);
  if (isFound()) return;
  for (const { isDone, spec } of clients)
    if (!isDone) world.find('progress/stuck', `${spec.clientId} never came to its end`);
  trace.note('world', 'clients are done');
  let isOver = false;
  const ending = checkEnd(world, truth, deployment, clients).then(() => {
    isOver = true;
  });
  await scheduler.runUntil(scheduler.nowMs + closingMs, () => isOver || isFound(), afterEach);
  if (!isOver && !isFound()) world.find('progress/end', 'the end never came');
  if (isOver) await ending;
}

/** Who has no message left says nothing, and loses the slot for that: what clients are owed is looked at without budgets. */
function liftBudgets(world: World, truth: Truth): void {
  const journal = new Journal(world.log.handle(), createEventCodec(world.ids), prefix);
  const lifted = truth.budgetsInForce.map(
    ({ scope, period, unit }) => ({ type: 'BudgetSet', setBy: '', scope, period, unit }) as const,
  );
  if (lifted.length > 0) void journal.appendSpending(lifted);
}

/** A log that release 0.1 began, as if it had been copied here: its conversation lies in the partition that it has here. */
function beginWithOldRecords({ log, ids, scenario, trace }: World): void {
  const records = recordsOfRelease01();
  const conversationId = records.find(({ topic, key }) => topic === 'conversations' && key !== '')?.key ?? '';
  const ofConversation = ids.partition(conversationId, scenario.config.limits.partitions);
  trace.note('log', `begins with ${records.length} records of release 0.1`);
  log.append(
    records.map(({ topic, key, headers, value }) => ({
      topic: topics[topic],
      partition: topic === 'connections' ? 0 : ofConversation,
      key,
      headers,
      value: Buffer.from(value, 'base64'),
    })),
  );
}

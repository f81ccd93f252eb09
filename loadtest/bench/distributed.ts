import { join } from 'node:path';
import { type Engines, startEngines } from '../system/engines.ts';
import { watchLag } from '../system/lag.ts';
import { origin } from '../system/machine.ts';
import { run, runJson, startParley } from '../system/processes.ts';
import { type Servers, startServers } from '../system/servers.ts';
import type { BareFigures } from './bare-loop.ts';
import type { PiecesFigures } from './client.ts';
import type { DistributedFigures, GrownFigures } from './figures.ts';
import { connects, loop, type Measured, pieces, shown } from './measurements.ts';
import { type Plan, slowReplies, wholeReplies } from './plan.ts';

/** Measures the distributed profile on engines of its own, their data in this folder, beside what it is built on and the embedded profile. */
export async function measureDistributed(plan: Plan, work: string): Promise<DistributedFigures> {
  await using engines = await startEngines(join(work, 'engines'));
  return {
    origin: origin(),
    ...(await measureLoops(plan, work, engines)),
    pieces: await shown('50 replies of 100 pieces', measurePieces(plan, engines)),
    grown: await shown(`${plan.grownMessages} messages`, measureGrown(plan.grownMessages, work, engines)),
  };
}

async function measurePieces(plan: Plan, engines: Engines): Promise<PiecesFigures> {
  await using deployment = await startDeployment(engines, 'bench-pieces', slowReplies);
  return await pieces(measured(deployment), plan);
}

function startDeployment(engines: Engines, prefix: string, settings: Readonly<Record<string, string>>) {
  return startServers({ profile: 'distributed', settings, dataDir: '', engines, prefix });
}

function measured({ members, gateway, pids }: Servers): Measured {
  const projector = members.find(({ name }) => name === 'projector');
  return { address: gateway.address, pids, ...(projector !== undefined && { projector: projector.httpAddress }) };
}

/** One after the other, those that are compared next to each other: whatever else the machine does, they share it. */
async function measureLoops(
  plan: Plan,
  work: string,
  engines: Engines,
): Promise<Pick<DistributedFigures, 'kafka' | 'nats' | 'embedded' | 'parley'>> {
  await using deployment = await startDeployment(engines, 'bench-loops', wholeReplies);
  await using server = await startParley({ PARLEY_DATA_DIR: join(work, 'embedded'), ...wholeReplies });
  const embedded = { address: server.address, pids: { server: server.pid } };
  /** Clients of a loop, or messages under way in a bare one. */
  const round = async (count: 1 | 50) => ({
    nats: await shown(`bare NATS, ${count}`, bare('nats', engines.natsServers, count, plan)),
    kafka: await shown(`bare kafkajs, ${count}`, bare('kafka', engines.brokers, count, plan)),
    parley: await shown(`parley, ${count}`, loop(measured(deployment), count, plan)),
    embedded: await shown(`parley embedded, ${count}`, loop(embedded, count, plan)),
  });
  const [one, fifty] = [await round(1), await round(50)];
  const connecting = await shown('parley, connects', connects(deployment.gateway, plan.connects));
  return {
    nats: { one: one.nats, fifty: fifty.nats },
    kafka: { one: one.kafka, fifty: fifty.kafka },
    embedded: { one: one.embedded, fifty: fifty.embedded },
    parley: { one: one.parley, fifty: fifty.parley, connects: connecting },
  };
}

/** The log of an embedded server, copied to Kafka; then what a deployment does with it. Pages are not read: the stand-in for MongoDB sorts whole conversations. */
async function measureGrown(messages: number, work: string, engines: Engines): Promise<GrownFigures> {
  const dataDir = join(work, 'grown');
  const { events } = await runJson<{ events: number }>('src/testing/bench/log.ts', ['fill', dataDir, String(messages)]);
  const settings = { ...engines.settings, PARLEY_LOG_LEVEL: 'warn', PARLEY_DATA_DIR: dataDir };
  await run('src/main/parley.ts', ['copy-log'], settings);
  const begun = performance.now();
  await using projector = await startParley({ ...settings, PARLEY_ROLES: 'projector' });
  await watchLag(projector.httpAddress);
  const builtMs = performance.now() - begun;
  const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], settings);
  await using gateway = await startParley({ ...settings, PARLEY_ROLES: 'gateway' });
  const { connectMs } = await connects(gateway, 300);
  const refoldEventsPerSecond = audit.recordsPerSecond;
  return { messages, events, builtMs, startMs: gateway.startMs, connectMs, refoldEventsPerSecond };
}

function bare(engine: 'nats' | 'kafka', servers: string, atOnce: number, plan: Plan): Promise<BareFigures> {
  const quiet = { KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_NO_WARNINGS: '1' };
  const args = [servers, ...[atOnce, plan.warmUpMs, plan.measureMs].map(String)];
  return runJson(`loadtest/bench/bare-${engine}.ts`, args, quiet);
}

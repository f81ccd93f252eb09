import { join } from 'node:path';
import { type Deployment, startDeployment } from '../system/deployment.ts';
import { type Engines, startEngines } from '../system/engines.ts';
import { watchLag } from '../system/lag.ts';
import { origin } from '../system/machine.ts';
import { run, runJson, type Started, startParley } from '../system/processes.ts';
import type { BareFigures } from './bare-loop.ts';
import type { ConnectsFigures, LoopFigures, PiecesFigures } from './client.ts';
import type { DistributedFigures, GrownFigures } from './figures.ts';
import { type Plan, pieceIntervalMs, slowReplies, wholeReplies } from './plan.ts';
import { runClient } from './run-client.ts';
import { told } from './told.ts';

/** Clients of a loop, or messages under way in a bare one. */
type Count = 1 | 50;

/** Measures the distributed profile on engines of its own, their data in this folder, beside what it is built on and the embedded profile. */
export async function measureDistributed(plan: Plan, work: string): Promise<DistributedFigures> {
  await using engines = await startEngines(join(work, 'engines'));
  const bench = new DistributedBench(plan, work, engines);
  const loops = await bench.loops();
  return {
    origin: origin(),
    ...loops,
    pieces: await told('50 replies of 100 pieces', bench.pieces()),
    grown: await told(`${plan.grownMessages} messages`, bench.grown(plan.grownMessages)),
  };
}

class DistributedBench {
  readonly #plan: Plan;
  readonly #work: string;
  readonly #engines: Engines;

  constructor(plan: Plan, work: string, engines: Engines) {
    this.#plan = plan;
    this.#work = work;
    this.#engines = engines;
  }

  /** One after the other, those that are compared next to each other: whatever else the machine does, they share it. */
  async loops(): Promise<Pick<DistributedFigures, 'kafka' | 'nats' | 'embedded' | 'parley'>> {
    await using deployment = await startDeployment(this.#engines, 'bench-loops', wholeReplies);
    await using embedded = await startParley({ PARLEY_DATA_DIR: join(this.#work, 'embedded'), ...wholeReplies });
    const round = async (count: Count) => ({
      nats: await told(`bare NATS, ${count}`, this.#bareNats(count)),
      kafka: await told(`bare kafkajs, ${count}`, this.#bareKafka(count)),
      parley: await told(`parley, ${count}`, this.#loop(deployment, count)),
      embedded: await told(`parley embedded, ${count}`, this.#embeddedLoop(embedded, count)),
    });
    const [one, fifty] = [await round(1), await round(50)];
    const connects = await told('parley, connects', this.#connects(deployment.gateway, this.#plan.connects));
    return {
      nats: { one: one.nats, fifty: fifty.nats },
      kafka: { one: one.kafka, fifty: fifty.kafka },
      embedded: { one: one.embedded, fifty: fifty.embedded },
      parley: { one: one.parley, fifty: fifty.parley, connects },
    };
  }

  async pieces(): Promise<PiecesFigures> {
    await using deployment = await startDeployment(this.#engines, 'bench-pieces', slowReplies);
    return await runClient({
      task: 'pieces',
      address: deployment.gateway.address,
      pids: deployment.pids,
      clients: 50,
      rounds: this.#plan.pieceRounds,
      intervalMs: pieceIntervalMs,
    });
  }

  /** The log of an embedded server, copied to Kafka; then what a deployment does with it. Pages are not read: the stand-in for MongoDB sorts whole conversations. */
  async grown(messages: number): Promise<GrownFigures> {
    const dataDir = join(this.#work, 'grown');
    const { events } = await runJson<{ events: number }>('src/main/bench-log.ts', ['fill', dataDir, String(messages)]);
    const settings = { ...this.#engines.settings, PARLEY_LOG_LEVEL: 'warn', PARLEY_DATA_DIR: dataDir };
    await run('src/main/parley.ts', ['copy-log'], settings);
    const begun = performance.now();
    await using projector = await startParley({ ...settings, PARLEY_ROLES: 'projector' });
    await watchLag(projector.httpAddress);
    const builtMs = performance.now() - begun;
    const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], settings);
    await using gateway = await startParley({ ...settings, PARLEY_ROLES: 'gateway' });
    const { connectMs } = await this.#connects(gateway, 300);
    const refoldEventsPerSecond = audit.recordsPerSecond;
    return { messages, events, builtMs, startMs: gateway.startMs, connectMs, refoldEventsPerSecond };
  }

  #loop({ gateway, projector, pids }: Deployment, clients: Count): Promise<LoopFigures> {
    const { address } = gateway;
    return runClient({ task: 'loop', address, pids, projector: projector.httpAddress, clients, ...this.#times });
  }

  #embeddedLoop({ address, pid }: Started, clients: Count): Promise<LoopFigures> {
    return runClient({ task: 'loop', address, pids: { server: pid }, clients, ...this.#times });
  }

  #connects({ address }: Started, connects: number): Promise<ConnectsFigures> {
    return runClient({ task: 'connects', address, connects, atOnce: 10 });
  }

  #bareKafka(atOnce: Count): Promise<BareFigures> {
    return this.#bare('loadtest/bench/bare-kafka.ts', this.#engines.brokers, atOnce);
  }

  #bareNats(atOnce: Count): Promise<BareFigures> {
    return this.#bare('loadtest/bench/bare-nats.ts', this.#engines.natsServers, atOnce);
  }

  #bare(script: string, servers: string, atOnce: Count): Promise<BareFigures> {
    const { warmUpMs, measureMs } = this.#times;
    const quiet = { KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_NO_WARNINGS: '1' };
    return runJson(script, [servers, ...[atOnce, warmUpMs, measureMs].map(String)], quiet);
  }

  get #times() {
    const { warmUpMs, measureMs } = this.#plan;
    return { warmUpMs, measureMs };
  }
}

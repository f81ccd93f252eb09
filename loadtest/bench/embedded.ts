import { join } from 'node:path';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { untilReadable } from '../driver/history.ts';
import { origin } from '../system/machine.ts';
import type { Percentiles } from '../system/percentiles.ts';
import { memory } from '../system/process-figures.ts';
import { runJson, type Started, startEcho, startEnvoy, startParley } from '../system/processes.ts';
import type { ConnectsFigures, LoopFigures, PiecesFigures } from './client.ts';
import type { AppendFigures, EmbeddedFigures, SizeFigures } from './figures.ts';
import { type Plan, pieceIntervalMs, slowReplies, twoPieces, wholeReplies } from './plan.ts';
import { runClient } from './run-client.ts';
import { told } from './told.ts';
import type { Way, WaysFigures } from './ways.ts';

/** A place in a conversation. */
interface Mark {
  readonly conversationId: string;
  readonly sequence: number;
}

/** For one mark: read models of a log of a million messages are built in a minute, and on a slow machine in some. */
const buildMs = 30 * 60_000;

/** Resolves when history holds all the marks. Rejects with Refusal. */
async function caughtUp(address: string, marks: readonly Mark[]): Promise<void> {
  using parley = new Parley({ wire: grpc({ address }) });
  for (const { conversationId, sequence } of marks) {
    const request = { conversationId, pageSize: 1, newestFirst: true, atLeastSequence: BigInt(sequence) };
    await untilReadable(() => parley.history.listMessages(request), buildMs);
  }
}

/** What a filled log is, as src/main/bench-log.ts tells it. */
interface Filled {
  readonly events: number;
  readonly conversationId: string;
  readonly ends: readonly Mark[];
}

/** Measures the embedded profile, its data in this folder, beside what it is built on. */
export async function measureEmbedded(plan: Plan, work: string): Promise<EmbeddedFigures> {
  const bench = new EmbeddedBench(plan, work);
  const figures = {
    origin: origin(),
    echo: await bench.echo(),
    append: {
      one: await told('append, 1 appender', bench.append(1)),
      fifty: await told('append, 50 appenders', bench.append(50)),
    },
    parley: await bench.parley(),
    pieces: await told('50 replies of 100 pieces', bench.pieces()),
    ways: await told('ways in', bench.ways()),
  };
  const sizes: SizeFigures[] = [];
  for (const messages of plan.sizes) sizes.push(await told(`${messages} messages`, bench.size(messages)));
  return { ...figures, sizes };
}

class EmbeddedBench {
  readonly #plan: Plan;
  readonly #work: string;

  constructor(plan: Plan, work: string) {
    this.#plan = plan;
    this.#work = work;
  }

  async echo(): Promise<EmbeddedFigures['echo']> {
    await using server = await startEcho();
    return {
      one: await told('echo, 1 client', this.#loop(server, 1)),
      fifty: await told('echo, 50 clients', this.#loop(server, 50)),
      connects: await told('echo, connects', connects(server, this.#plan.connects)),
    };
  }

  append(appenders: number): Promise<AppendFigures> {
    const folder = join(this.#work, `append-${appenders}`);
    return runJson('src/main/bench-log.ts', ['append', folder, String(appenders), String(this.#plan.measureMs)]);
  }

  async parley(): Promise<EmbeddedFigures['parley']> {
    await using server = await startParley({ PARLEY_DATA_DIR: join(this.#work, 'parley'), ...wholeReplies });
    return {
      one: await told('parley, 1 client', this.#loop(server, 1)),
      fifty: await told('parley, 50 clients', this.#loop(server, 50)),
      connects: await told('parley, connects', connects(server, this.#plan.connects)),
    };
  }

  async pieces(): Promise<PiecesFigures> {
    await using server = await startParley({ PARLEY_DATA_DIR: join(this.#work, 'pieces'), ...slowReplies });
    const { address, pid } = server;
    return await runClient({
      task: 'pieces',
      address,
      pids: { server: pid },
      clients: 50,
      rounds: this.#plan.pieceRounds,
      intervalMs: pieceIntervalMs,
    });
  }

  /** gRPC, and the doors for browsers: the server's own, and Envoy where it can be installed. */
  async ways(): Promise<WaysFigures> {
    await using server = await startParley({ PARLEY_DATA_DIR: join(this.#work, 'ways'), ...twoPieces });
    const { address, httpAddress } = server;
    const ways: Way[] = [
      { name: 'gRPC', address, protocol: 'grpc' },
      { name: 'gRPC-Web on the HTTP port', address: httpAddress, protocol: 'grpc-web' },
    ];
    const starting = startEnvoy(server).catch((error: unknown) => console.log('without Envoy:', error));
    await using envoy = (await starting) ?? undefined;
    if (envoy !== undefined) {
      ways.push({ name: 'gRPC through Envoy', address: envoy.address, protocol: 'grpc' });
      ways.push({ name: 'gRPC-Web through Envoy', address: envoy.address, protocol: 'grpc-web' });
    }
    return await runClient({ task: 'ways', address, ways, ...this.#plan.ways });
  }

  async size(messages: number): Promise<SizeFigures> {
    const dataDir = join(this.#work, `size-${messages}`);
    const filled = await runJson<Filled>('src/main/bench-log.ts', ['fill', dataDir, String(messages)]);
    const { events, conversationId, ends } = filled;
    const settings = { PARLEY_DATA_DIR: dataDir, ...wholeReplies };
    const first = await firstStart(settings, ends);
    const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], {
      PARLEY_DATA_DIR: dataDir,
    });
    await using server = await startParley(settings);
    const { address, startMs, pid } = server;
    const pageMs = await runClient<Percentiles>({ task: 'pages', address, conversationId, pages: 1_000 });
    const { connectMs } = await connects(server, 300);
    const { residentMib } = memory(pid);
    const refoldEventsPerSecond = audit.recordsPerSecond;
    return { messages, events, ...first, startMs, pageMs, connectMs, residentMib, refoldEventsPerSecond };
  }

  #loop({ address, pid }: Started, clients: number): Promise<LoopFigures> {
    const { warmUpMs, measureMs } = this.#plan;
    return runClient({ task: 'loop', address, pids: { server: pid }, clients, warmUpMs, measureMs });
  }
}

function connects({ address }: Started, count: number): Promise<ConnectsFigures> {
  return runClient({ task: 'connects', address, connects: count, atOnce: 10 });
}

/** A start on a log without read models: until it listens, and until they are built. */
async function firstStart(
  settings: Readonly<Record<string, string>>,
  ends: readonly Mark[],
): Promise<{ firstStartMs: number; builtMs: number }> {
  const begun = performance.now();
  await using server = await startParley(settings);
  await caughtUp(server.address, ends);
  return { firstStartMs: server.startMs, builtMs: performance.now() - begun };
}

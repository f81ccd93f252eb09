import { join } from 'node:path';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { untilReadable } from '../driver/history.ts';
import { origin } from '../system/machine.ts';
import { memory } from '../system/process-figures.ts';
import { runJson, type Started, startEcho, startEnvoy, startParley } from '../system/processes.ts';
import type { PiecesFigures } from './client.ts';
import type { AppendFigures, EmbeddedFigures, SizeFigures } from './figures.ts';
import { connects, loop, type Measured, pieces, runClient, shown } from './measurements.ts';
import { type Plan, slowReplies, twoPieces, wholeReplies } from './plan.ts';
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

/** What a filled log is, as src/testing/bench/log.ts tells it. */
interface Filled {
  readonly events: number;
  readonly conversationId: string;
  readonly ends: readonly Mark[];
}

/** Measures the embedded profile, its data in this folder, beside what it is built on. */
export async function measureEmbedded(plan: Plan, work: string): Promise<EmbeddedFigures> {
  const append = (appenders: number): Promise<AppendFigures> => {
    const folder = join(work, `append-${appenders}`);
    return runJson('src/testing/bench/log.ts', ['append', folder, String(appenders), String(plan.measureMs)]);
  };
  const figures = {
    origin: origin(),
    echo: await measureLoops('echo', startEcho(), plan),
    append: {
      one: await shown('append, 1 appender', append(1)),
      fifty: await shown('append, 50 appenders', append(50)),
    },
    parley: await measureLoops('parley', startIn(join(work, 'parley'), wholeReplies), plan),
    pieces: await shown('50 replies of 100 pieces', measurePieces(plan, work)),
    ways: await shown('ways in', measureWaysIn(plan, work)),
  };
  const sizes: SizeFigures[] = [];
  for (const messages of plan.sizes) sizes.push(await shown(`${messages} messages`, measureSize(messages, work)));
  return { ...figures, sizes };
}

function startIn(dataDir: string, settings: Readonly<Record<string, string>>): Promise<Started> {
  return startParley({ PARLEY_DATA_DIR: dataDir, ...settings });
}

function measured({ address, pid }: Started): Measured {
  return { address, pids: { server: pid } };
}

async function measureLoops(name: string, starting: Promise<Started>, plan: Plan): Promise<EmbeddedFigures['parley']> {
  await using server = await starting;
  return {
    one: await shown(`${name}, 1 client`, loop(measured(server), 1, plan)),
    fifty: await shown(`${name}, 50 clients`, loop(measured(server), 50, plan)),
    connects: await shown(`${name}, connects`, connects(server, plan.connects)),
  };
}

async function measurePieces(plan: Plan, work: string): Promise<PiecesFigures> {
  await using server = await startIn(join(work, 'pieces'), slowReplies);
  return await pieces(measured(server), plan);
}

/** gRPC, and the doors for browsers: the server's own, and Envoy where it can be installed. */
async function measureWaysIn(plan: Plan, work: string): Promise<WaysFigures> {
  await using server = await startIn(join(work, 'ways'), twoPieces);
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
  return await runClient('ways', { address, ways, ...plan.ways });
}

async function measureSize(messages: number, work: string): Promise<SizeFigures> {
  const dataDir = join(work, `size-${messages}`);
  const filled = await runJson<Filled>('src/testing/bench/log.ts', ['fill', dataDir, String(messages)]);
  const { events, conversationId, ends } = filled;
  const first = await firstStart(dataDir, ends);
  const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], {
    PARLEY_DATA_DIR: dataDir,
  });
  await using server = await startIn(dataDir, wholeReplies);
  const { address, startMs, pid } = server;
  const pageMs = await runClient('pages', { address, conversationId, pages: 1_000 });
  const { connectMs } = await connects(server, 300);
  const { residentMib } = memory(pid);
  const refoldEventsPerSecond = audit.recordsPerSecond;
  return { messages, events, ...first, startMs, pageMs, connectMs, residentMib, refoldEventsPerSecond };
}

/** A start on a log without read models: until it listens, and until they are built. */
async function firstStart(dataDir: string, ends: readonly Mark[]): Promise<{ firstStartMs: number; builtMs: number }> {
  const begun = performance.now();
  await using server = await startIn(dataDir, wholeReplies);
  await caughtUp(server.address, ends);
  return { firstStartMs: server.startMs, builtMs: performance.now() - begun };
}

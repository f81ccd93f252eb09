import { join } from 'node:path';
import {
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  SpendingService,
} from '../../src/client/gen/chat/v1/spending_service_pb.js';
import { UsageGrouping } from '../../src/client/gen/chat/v1/usage_service_pb.js';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import type { ParleyServer } from '../../src/testing/server.ts';
import { untilReadable } from '../driver/history.ts';
import { origin } from '../system/machine.ts';
import type { Percentiles } from '../system/percentiles.ts';
import { memory } from '../system/process-figures.ts';
import { runJson, startBeside, startEnvoyBefore, startParley } from '../system/processes.ts';
import {
  connects,
  type FilledLog,
  filledLog,
  loop,
  type Measured,
  pieces,
  refoldsPerSecond,
  runClient,
  shown,
} from './measurements.ts';
import { type Plan, slowReplies, twoPieces, wholeReplies } from './plan.ts';
import type { Way, WaysFigures } from './ways.ts';

/** For one mark: read models of a log of a million messages are built in a minute, and on a slow machine in some. */
const buildMs = 30 * 60_000;

/** Resolves when history holds all the marks. How far the read models are is not asked for: answers would take from their time. Rejects with Refusal. */
async function caughtUp(address: string, marks: FilledLog['ends']): Promise<void> {
  using parley = new Parley({ wire: grpc({ address }) });
  for (const { conversationId, sequence } of marks) {
    const request = { conversationId, pageSize: 1, newestFirst: true, atLeastSequence: BigInt(sequence) };
    await untilReadable(() => parley.history.listMessages(request), buildMs);
  }
}

/** The log alone: events appended and synced, one at a time per appender. */
interface AppendFigures {
  readonly appendMs: Percentiles;
  readonly eventsPerSecond: number;
}

/** One run of the bench of the embedded profile. */
export type EmbeddedFigures = Awaited<ReturnType<typeof measureEmbedded>>;

/** Measures the embedded profile, its data in this folder, beside what it is built on. */
export async function measureEmbedded(plan: Plan, work: string) {
  const append = (appenders: number): Promise<AppendFigures> => {
    const folder = join(work, `append-${appenders}`);
    return runJson('src/testing/bench/log.ts', ['append', folder, String(appenders), String(plan.measureMs)]);
  };
  const figures = {
    origin: origin(),
    echo: await measureLoops('echo', startBeside('loadtest/bench/echo-server.ts'), plan),
    bare: await measureLoops('bare path', startBeside('loadtest/bench/bare-server.ts', work), plan),
    append: {
      one: await shown('append, 1 appender', append(1)),
      fifty: await shown('append, 50 appenders', append(50)),
    },
    parley: await measureLoops('parley', startParley(wholeReplies), plan),
    budgeted: await measureBudgeted('budgeted', BudgetUnit.MESSAGES, plan),
    reserved: await measureBudgeted('reserved', BudgetUnit.TOKENS, plan),
    eightPieces: await shown('parley, 8 pieces, 50 clients', measureEightPieces(plan)),
    pieces: await shown('50 replies of 100 pieces', measurePieces(plan)),
    ways: await shown('ways in', measureWaysIn(plan)),
  };
  const sizes = [];
  for (const messages of plan.sizes) sizes.push(await shown(`${messages} messages`, measureSize(messages, work)));
  return { ...figures, sizes };
}

/** What there is to measure of a process. */
type Served = Pick<ParleyServer, 'address' | 'pid'> & AsyncDisposable;

function measured({ address, pid }: Served): Measured {
  return { address, pids: { server: pid } };
}

async function measureLoops(name: string, starting: Promise<Served>, plan: Plan) {
  await using server = await starting;
  return {
    one: await shown(`${name}, 1 client`, loop(measured(server), 1, plan)),
    fifty: await shown(`${name}, 50 clients`, loop(measured(server), 50, plan)),
    connects: await shown(`${name}, connects`, connects(server, plan.connects)),
  };
}

/** As without, but each message is counted by two budgets, which have more than enough. */
async function measureBudgeted(name: string, unit: BudgetUnit, plan: Plan) {
  await using server = await startParley(wholeReplies);
  using parley = new Parley({ wire: grpc({ address: server.address }) });
  const spending = parley.service(SpendingService);
  for (const scope of [BudgetScope.ALL, BudgetScope.EACH])
    await spending.setBudget({ scope, period: BudgetPeriod.MONTH, unit, amount: 1_000_000_000n });
  return {
    one: await shown(`${name}, 1 client`, loop(measured(server), 1, plan)),
    fifty: await shown(`${name}, 50 clients`, loop(measured(server), 50, plan)),
  };
}

/** Replies in as many pieces as the simulated bot gives by default, each as soon as the one before. */
async function measureEightPieces(plan: Plan) {
  await using server = await startParley();
  return await loop(measured(server), 50, plan);
}

async function measurePieces(plan: Plan) {
  await using server = await startParley(slowReplies);
  return await pieces(measured(server), plan);
}

/** gRPC, and the doors for browsers: the server's own, and Envoy where it can be installed. */
async function measureWaysIn(plan: Plan): Promise<WaysFigures> {
  await using server = await startParley(twoPieces);
  const { address, httpAddress } = server;
  const ways: Way[] = [
    { name: 'gRPC', address, protocol: 'grpc' },
    { name: 'gRPC-Web on the HTTP port', address: httpAddress, protocol: 'grpc-web' },
  ];
  const starting = startEnvoyBefore(server).catch((error: unknown) => console.log('without Envoy:', error));
  await using envoy = (await starting) ?? undefined;
  if (envoy !== undefined) {
    ways.push({ name: 'gRPC through Envoy', address: envoy.address, protocol: 'grpc' });
    ways.push({ name: 'gRPC-Web through Envoy', address: envoy.address, protocol: 'grpc-web' });
  }
  return await runClient('ways', { address, ways, ...plan.ways });
}

/** The server with so many messages behind it. */
async function measureSize(messages: number, work: string) {
  const dataDir = join(work, `size-${messages}`);
  const { events, conversationId, ends } = await filledLog(dataDir, messages);
  const first = await firstStart(dataDir, ends);
  const refoldEventsPerSecond = await refoldsPerSecond({ PARLEY_DATA_DIR: dataDir });
  await using server = await startParley({ PARLEY_DATA_DIR: dataDir, ...wholeReplies });
  const { address, startMs, pid } = server;
  const pageMs = await runClient('pages', { address, conversationId, pages: 1_000 });
  const report = (...groupBy: UsageGrouping[]) => runClient('reports', { address, groupBy, reports: 200 });
  const reportMs = {
    byModelAndDay: await report(UsageGrouping.MODEL, UsageGrouping.DAY),
    byClient: await report(UsageGrouping.CLIENT),
  };
  const { connectMs } = await connects(server, 300);
  const { residentMib } = memory(pid);
  return { messages, events, ...first, startMs, pageMs, reportMs, connectMs, residentMib, refoldEventsPerSecond };
}

/** A start on a log without read models: until it listens, and until they are built. */
async function firstStart(
  dataDir: string,
  ends: FilledLog['ends'],
): Promise<{ firstStartMs: number; builtMs: number }> {
  const begun = performance.now();
  await using server = await startParley({ PARLEY_DATA_DIR: dataDir, ...wholeReplies });
  await caughtUp(server.address, ends);
  const builtMs = performance.now() - begun;
  // In order, so that the next start finds what such an end leaves.
  await server.stop('SIGTERM');
  return { firstStartMs: server.startMs, builtMs };
}

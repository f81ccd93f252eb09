/** `npm run bench`: measures, writes loadtest/baselines/embedded.json and docs/benchmarks.md. With `-- --quick` it is short and writes quick.json only. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectsFigures, LoopFigures, PiecesFigures } from './client.ts';
import type { AppendFigures, Figures, SizeFigures } from './figures.ts';
import { HistoryClient, type Mark } from './history-client.ts';
import { origin } from './machine.ts';
import type { Percentiles } from './percentiles.ts';
import { memory } from './process-figures.ts';
import { runClient, runJson, type Started, startEcho, startParley } from './processes.ts';
import { report } from './report.ts';

const quick = process.argv.includes('--quick');
const measureMs = quick ? 3_000 : 10_000;
/** Long enough for the compiler of V8 to have seen the hot paths. */
const warmUpMs = quick ? 1_500 : 5_000;
const sizes = quick ? [1_000, 100_000] : [1_000, 100_000, 1_000_000];
const pieceRounds = quick ? 1 : 5;
const root = fileURLToPath(new URL('../../', import.meta.url));
const work = await mkdtemp(join(tmpdir(), 'parley-bench-'));

const wholeReplies = { PARLEY_SIMULATED_PIECES: '0' };
const slowReplies = { PARLEY_SIMULATED_PIECES: '100', PARLEY_SIMULATED_PIECE_INTERVAL_MS: '10' };

function tell(what: string, figure: object): void {
  console.log(
    `${what.padEnd(28)} ${JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value))}`,
  );
}

async function told<T extends object>(what: string, figure: Promise<T>): Promise<T> {
  const settled = await figure;
  tell(what, settled);
  return settled;
}

function loop({ address, pid }: Started, clients: number): Promise<LoopFigures> {
  return runClient({ task: 'loop', address, pid, clients, warmUpMs, measureMs });
}

function connects({ address, pid }: Started, count: number): Promise<ConnectsFigures> {
  return runClient({ task: 'connects', address, pid, connects: count, atOnce: 10 });
}

async function echo(): Promise<Figures['echo']> {
  await using server = await startEcho();
  return {
    one: await told('echo, 1 client', loop(server, 1)),
    fifty: await told('echo, 50 clients', loop(server, 50)),
    connects: await told('echo, connects', connects(server, 1_000)),
  };
}

function bareAppend(appenders: number): Promise<AppendFigures> {
  const args = ['append', join(work, `append-${appenders}`), String(appenders), String(measureMs)];
  return runJson('src/main/bench-log.ts', args);
}

async function parley(): Promise<Figures['parley']> {
  await using server = await startParley(join(work, 'parley'), wholeReplies);
  return {
    one: await told('parley, 1 client', loop(server, 1)),
    fifty: await told('parley, 50 clients', loop(server, 50)),
    connects: await told('parley, connects', connects(server, 1_000)),
  };
}

async function pieces(): Promise<PiecesFigures> {
  await using server = await startParley(join(work, 'pieces'), slowReplies);
  const { address, pid } = server;
  return await runClient({ task: 'pieces', address, pid, clients: 50, rounds: pieceRounds, intervalMs: 10 });
}

interface Filled {
  readonly events: number;
  readonly conversationId: string;
  readonly ends: readonly Mark[];
}

/** A start on a log without read models: until it listens, and until they are built. */
async function firstStart(dataDir: string, ends: readonly Mark[]): Promise<{ firstStartMs: number; builtMs: number }> {
  const begun = performance.now();
  await using server = await startParley(dataDir, wholeReplies);
  using history = new HistoryClient(server.address);
  await history.caughtUp(ends);
  return { firstStartMs: server.startMs, builtMs: performance.now() - begun };
}

async function size(messages: number): Promise<SizeFigures> {
  const dataDir = join(work, `size-${messages}`);
  const filled = await runJson<Filled>('src/main/bench-log.ts', ['fill', dataDir, String(messages)]);
  const { events, conversationId, ends } = filled;
  const first = await firstStart(dataDir, ends);
  const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], {
    PARLEY_DATA_DIR: dataDir,
  });
  await using server = await startParley(dataDir, wholeReplies);
  const { address, startMs, pid } = server;
  const pageMs = await runClient<Percentiles>({ task: 'pages', address, conversationId, pages: 1_000 });
  const { connectMs } = await connects(server, 300);
  const { residentMib } = memory(pid);
  const refoldEventsPerSecond = audit.recordsPerSecond;
  return { messages, events, ...first, startMs, pageMs, connectMs, residentMib, refoldEventsPerSecond };
}

async function run(): Promise<Figures> {
  const figures = {
    origin: origin(),
    echo: await echo(),
    append: {
      one: await told('append, 1 appender', bareAppend(1)),
      fifty: await told('append, 50 appenders', bareAppend(50)),
    },
    parley: await parley(),
    pieces: await told('50 replies of 100 pieces', pieces()),
  };
  const grown: SizeFigures[] = [];
  for (const messages of sizes) grown.push(await told(`${messages} messages`, size(messages)));
  return { ...figures, sizes: grown };
}

try {
  const figures = await run();
  await mkdir(join(root, 'loadtest/baselines'), { recursive: true });
  const json = `${JSON.stringify(figures, null, 2)}\n`;
  await writeFile(join(root, `loadtest/baselines/${quick ? 'quick' : 'embedded'}.json`), json);
  if (!quick) await writeFile(join(root, 'docs/benchmarks.md'), report(figures));
} finally {
  await rm(work, { recursive: true, force: true });
}

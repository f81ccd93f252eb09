/** The load, in a process of its own: the name of a task and its options as JSON in the arguments, its figures as one line of JSON on stdout. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type UsageGrouping, UsageService } from '../../src/client/gen/chat/v1/usage_service_pb.js';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { type LagFigures, watchLag } from '../system/lag.ts';
import { type Percentiles, percentiles } from '../system/percentiles.ts';
import { type Pids, type ProcessesFigures, processesOf, watchProcesses } from '../system/process-figures.ts';
import { type BareFigures, bareLoop, type Returning } from './bare-loop.ts';
import { kinds, LeanSession } from './lean-session.ts';
import { measureWays } from './ways.ts';

/** Servers under measurement, and how many clients connect to them. */
export interface Clients {
  readonly address: string;
  /** Of the processes whose use is read. */
  readonly pids: Pids;
  readonly clients: number;
}

interface Loop extends Clients {
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Where a projector of its own serves its metrics. */
  readonly projector?: string;
}

export interface LoopFigures extends BareFigures {
  /** For a thousand messages. */
  readonly processes: ProcessesFigures;
  /** Of a projector of its own, if there is one. */
  readonly lag?: LagFigures;
}

export interface PiecesFigures {
  /** All say their thing at the same moment. */
  readonly firstPieceAtOnceMs: Percentiles;
  /** They begin one after the other, all replies under way together. */
  readonly firstPieceMs: Percentiles;
  readonly pieceDelayMs: Percentiles;
  /** For a thousand pieces. */
  readonly processes: ProcessesFigures;
}

export interface ConnectsFigures {
  readonly connectMs: Percentiles;
  readonly connectsPerSecond: number;
}

const text = 'Where does the night train to Lisbon stop?';

function openAll(address: string, clients: number): Promise<LeanSession[]> {
  return Promise.all(Array.from({ length: clients }, () => LeanSession.open(address, `bench-${randomUUID()}`)));
}

function rejected(kind: number): void {
  if (kind === kinds.rejected) throw new Error('a message was rejected: the figures would be of something else');
}

/** Every client says the next thing as soon as it has its reply. */
async function loop({ address, pids, clients, warmUpMs, measureMs, projector }: Loop): Promise<LoopFigures> {
  const sessions = await openAll(address, clients);
  const path: Returning = { send: (index) => sessions[index]?.say(text), onReturn: () => {} };
  for (const [index, session] of sessions.entries())
    session.onFrame = (kind) => {
      rejected(kind);
      if (kind === kinds.message) path.onReturn(index);
    };
  const watch = () => watchProcesses(processesOf(pids));
  const { used: processes, ...figures } = await bareLoop(path, clients, warmUpMs, measureMs, watch);
  const lag = projector === undefined ? {} : { lag: await watchLag(projector) };
  await Promise.all(sessions.map((session) => session.close()));
  return { ...figures, processes, ...lag };
}

/** Every client says one thing and watches the pieces of its reply come in: first all at the same moment, then spread over a second. */
async function pieces(task: Clients & { rounds: number; intervalMs: number }): Promise<PiecesFigures> {
  const sessions = await openAll(task.address, task.clients);
  const firsts = { atOnce: [] as number[], spread: [] as number[] };
  const delays: number[] = [];
  const usedSince = watchProcesses(processesOf(task.pids));
  for (let round = 0; round < 2 * task.rounds; round += 1) {
    const [kind, gapMs] = round < task.rounds ? (['atOnce', 0] as const) : (['spread', 1_000 / task.clients] as const);
    await Promise.all(
      sessions.map(async (session, index) => {
        if (gapMs > 0) await sleep(index * gapMs);
        await watchReply(session, task.intervalMs, firsts[kind], delays);
      }),
    );
  }
  const thousands = (firsts.atOnce.length + firsts.spread.length + delays.length) / 1000;
  const processes = usedSince(thousands);
  await Promise.all(sessions.map((session) => session.close()));
  return {
    firstPieceAtOnceMs: percentiles(firsts.atOnce),
    firstPieceMs: percentiles(firsts.spread),
    pieceDelayMs: percentiles(delays),
    processes,
  };
}

function watchReply(session: LeanSession, intervalMs: number, firsts: number[], delays: number[]): Promise<void> {
  return new Promise((resolve) => {
    const saidAt = performance.now();
    let last = 0;
    session.onFrame = (kind) => {
      rejected(kind);
      if (kind === kinds.message) return resolve();
      if (kind !== kinds.replyDelta) return;
      const now = performance.now();
      if (last === 0) firsts.push(now - saidAt);
      else delays.push(now - last - intervalMs);
      last = now;
    };
    session.say(text);
  });
}

/** Connects, is welcomed, says goodbye, and again: each time with a new connection and as a new client. */
async function connects(task: { address: string; connects: number; atOnce: number }): Promise<ConnectsFigures> {
  const times: number[] = [];
  let left = task.connects;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const begun = performance.now();
      const session = await LeanSession.open(task.address, `bench-${randomUUID()}`);
      times.push(performance.now() - begun);
      await session.close();
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: task.atOnce }, one));
  return { connectMs: percentiles(times), connectsPerSecond: (times.length * 1000) / (performance.now() - begun) };
}

/** Reads the newest page of 20 of a conversation, again and again. */
async function pages(task: { address: string; conversationId: string; pages: number }): Promise<Percentiles> {
  using parley = new Parley({ wire: grpc({ address: task.address }) });
  const request = { conversationId: task.conversationId, pageSize: 20, newestFirst: true };
  const times: number[] = [];
  for (let page = 0; page < task.pages; page += 1) {
    const begun = performance.now();
    const { messages } = await parley.history.listMessages(request);
    if (messages.length !== 20) throw new Error(`a page of ${messages.length} messages`);
    times.push(performance.now() - begun);
  }
  return percentiles(times);
}

/** Asks for a report of what everybody's replies used, again and again. */
async function reports(task: { address: string; groupBy: UsageGrouping[]; reports: number }): Promise<Percentiles> {
  using parley = new Parley({ wire: grpc({ address: task.address }) });
  const service = parley.service(UsageService);
  const times: number[] = [];
  for (let report = 0; report < task.reports; report += 1) {
    const begun = performance.now();
    const { total } = await service.queryUsage({ groupBy: task.groupBy });
    if (total === undefined || total.completed === 0n) throw new Error('a report of nothing');
    times.push(performance.now() - begun);
  }
  return percentiles(times);
}

const tasks = { loop, pieces, connects, pages, reports, ways: measureWays };
export type Tasks = typeof tasks;

const [, , name, options = '{}'] = process.argv;
const task = tasks[name as keyof Tasks] as (options: unknown) => Promise<object>;
console.log(JSON.stringify(await task(JSON.parse(options))));

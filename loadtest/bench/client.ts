/** The load, in a process of its own: one task as JSON in the arguments, its figures as one line of JSON on stdout. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { type LagFigures, watchLag } from '../system/lag.ts';
import { type Percentiles, percentiles } from '../system/percentiles.ts';
import { type Pids, type ProcessesFigures, processesOf, watchProcesses } from '../system/process-figures.ts';
import { kinds, LeanSession } from './lean-session.ts';
import { measureWays, type Way } from './ways.ts';

export type Task =
  | {
      readonly task: 'loop';
      readonly address: string;
      readonly pids: Pids;
      readonly clients: number;
      readonly warmUpMs: number;
      readonly measureMs: number;
      /** Where a projector of its own tells its metrics. */
      readonly projector?: string;
    }
  | {
      readonly task: 'pieces';
      readonly address: string;
      readonly pids: Pids;
      readonly clients: number;
      readonly rounds: number;
      readonly intervalMs: number;
    }
  | {
      readonly task: 'connects';
      readonly address: string;
      readonly connects: number;
      readonly atOnce: number;
    }
  | { readonly task: 'pages'; readonly address: string; readonly conversationId: string; readonly pages: number }
  | {
      readonly task: 'ways';
      readonly address: string;
      readonly ways: readonly Way[];
      readonly calls: number;
      readonly replies: number;
    };

export interface LoopFigures {
  readonly roundTripMs: Percentiles;
  readonly messagesPerSecond: number;
  readonly clientCpuSecondsPer1000: number;
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
async function loop(task: Task & { task: 'loop' }): Promise<LoopFigures> {
  const sessions = await openAll(task.address, task.clients);
  const roundTrips: number[] = [];
  let measuring = false;
  let running = true;
  for (const session of sessions) {
    let saidAt = performance.now();
    session.onFrame = (kind) => {
      rejected(kind);
      if (kind !== kinds.message) return;
      const now = performance.now();
      if (measuring) roundTrips.push(now - saidAt);
      saidAt = now;
      if (running) session.say(text);
    };
    session.say(text);
  }
  await sleep(task.warmUpMs);
  const [usedSince, clientBefore, begun] = [
    watchProcesses(processesOf(task.pids)),
    process.cpuUsage(),
    performance.now(),
  ];
  measuring = true;
  await sleep(task.measureMs);
  measuring = false;
  const seconds = (performance.now() - begun) / 1000;
  const thousands = roundTrips.length / 1000;
  const client = process.cpuUsage(clientBefore);
  const figures = {
    roundTripMs: percentiles(roundTrips),
    messagesPerSecond: roundTrips.length / seconds,
    clientCpuSecondsPer1000: (client.user + client.system) / 1e6 / thousands,
    processes: usedSince(thousands),
  };
  running = false;
  const lag = task.projector === undefined ? {} : { lag: await watchLag(task.projector) };
  await Promise.all(sessions.map((session) => session.close()));
  return { ...figures, ...lag };
}

/** Every client says one thing and watches the pieces of its reply come in: first all at the same moment, then spread over a second. */
async function pieces(task: Task & { task: 'pieces' }): Promise<PiecesFigures> {
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
async function connects(task: Task & { task: 'connects' }): Promise<ConnectsFigures> {
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
async function pages(task: Task & { task: 'pages' }): Promise<Percentiles> {
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

function run(task: Task): Promise<object> {
  switch (task.task) {
    case 'loop':
      return loop(task);
    case 'pieces':
      return pieces(task);
    case 'connects':
      return connects(task);
    case 'pages':
      return pages(task);
    case 'ways':
      return measureWays(task.address, task.ways, task.calls, task.replies);
    default:
      return task satisfies never;
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}'))));

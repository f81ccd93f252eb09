import { aimsSection, atLeast, atMost, number, originLine, tableOf } from '../markdown.ts';
import type { Aim } from '../result.ts';
import type { Percentiles } from '../system/percentiles.ts';
import type { ProcessesFigures, ProcessFigures } from '../system/process-figures.ts';
import type { LoopFigures, PiecesFigures } from './client.ts';
import type { DistributedFigures, EmbeddedFigures, SizeFigures } from './figures.ts';

const own = ['gateway', 'worker', 'projector'] as const;
const engines = ['kafka', 'mongodb', 'nats', 's3'] as const;
/** Of one message: received, attempt started, reply completed. */
const recordsPerMessage = 3;
/** Clients of a loop. */
const counts = [
  { count: 'one', clients: 1 },
  { count: 'fifty', clients: 50 },
] as const;

/** The embedded profile is one process. */
function serverOf({ processes }: { readonly processes: ProcessesFigures }): ProcessFigures {
  const { server } = processes;
  if (server === undefined) throw new Error('these figures are not of a server in one process');
  return server;
}

/** Largest over smallest log, so that 1 is flat. */
function growth(sizes: readonly SizeFigures[], of: (size: SizeFigures) => number): number {
  const [first, last] = [sizes[0], sizes.at(-1)];
  return first === undefined || last === undefined ? 1 : of(last) / of(first);
}

/** None where Envoy was not there. */
function envoyAims(ways: NonNullable<EmbeddedFigures['ways']>): readonly Aim[] {
  const { gRPC: direct, 'gRPC through Envoy': through } = ways;
  if (direct === undefined || through === undefined) return [];
  return [
    atMost('Envoy adds to a unary call, p50', 1, 'ms', through.unaryMs.p50 - direct.unaryMs.p50),
    atMost('Envoy adds to a piece, p50', 0.5, 'ms', through.firstPieceMs.p50 - direct.firstPieceMs.p50),
  ];
}

function embeddedAims({ parley: { one, fifty }, pieces, ways = {}, sizes }: EmbeddedFigures): readonly Aim[] {
  const refold = sizes.at(-1)?.refoldEventsPerSecond ?? 0;
  const pageGrowth = growth(sizes, ({ pageMs }) => pageMs.p50);
  const connectGrowth = growth(sizes, ({ connectMs }) => connectMs.p50);
  return [
    atLeast('Messages answered, 50 clients in a closed loop', 5_000, 'per second', fifty.messagesPerSecond),
    atMost('Round trip, 50 clients, p99', 25, 'ms', fifty.roundTripMs.p99),
    atMost('Round trip, 1 client, p50', 2, 'ms', one.roundTripMs.p50),
    atMost('First piece, 50 replies under way, p50', 3, 'ms', pieces.firstPieceMs.p50),
    atMost('Piece delay, p99', 10, 'ms', pieces.pieceDelayMs.p99),
    ...envoyAims(ways),
    atMost('Server CPU per 1,000 messages', 0.25, 's', serverOf(fifty).cpuSecondsPer1000),
    atMost('Resident memory after 50 clients in a closed loop', 200, 'MiB', serverOf(fifty).residentMib),
    atLeast('Refold by `parley audit`, largest log', 100_000, 'events per second', refold),
    atMost('History page p50, largest log over smallest', 1.5, 'times', pageGrowth),
    atMost('Connect p50, largest log over smallest', 1.5, 'times', connectGrowth),
  ];
}

function embeddedComparison({ echo, append, parley }: EmbeddedFigures): string {
  const loop = (what: string, clients: number, figures: LoopFigures) => ({
    what,
    clients,
    ms: figures.roundTripMs,
    perSecond: figures.messagesPerSecond,
    clientCpu: figures.clientCpuSecondsPer1000,
    server: serverOf(figures),
  });
  const rows = [
    ...counts.flatMap(({ count, clients }) => [
      loop('Bare grpc-js echo', clients, echo[count]),
      loop('Parley', clients, parley[count]),
    ]),
    ...counts.map(({ count, clients }) => {
      const { appendMs: ms, eventsPerSecond: perSecond } = append[count];
      return { what: 'Bare log append', clients, ms, perSecond, clientCpu: undefined, server: undefined };
    }),
  ];
  return tableOf(rows, {
    '': ({ what }) => what,
    clients: ({ clients }) => clients,
    'p50 ms': ({ ms }) => ms.p50,
    'p99 ms': ({ ms }) => ms.p99,
    'max ms': ({ ms }) => ms.max,
    'per second': ({ perSecond }) => perSecond,
    'server CPU s per 1,000': ({ server }) => server?.cpuSecondsPer1000,
    'client CPU s per 1,000': ({ clientCpu }) => clientCpu,
    'resident MiB': ({ server }) => server?.residentMib,
  });
}

function piecesTable({ firstPieceMs, firstPieceAtOnceMs, pieceDelayMs }: PiecesFigures): string {
  const rows: (readonly [string, Percentiles])[] = [
    ['first piece, spread over a second', firstPieceMs],
    ['first piece, all at the same moment', firstPieceAtOnceMs],
    ['piece delay', pieceDelayMs],
  ];
  return tableOf(rows, {
    '': ([name]) => name,
    'p50 ms': ([, { p50 }]) => p50,
    'p90 ms': ([, { p90 }]) => p90,
    'p99 ms': ([, { p99 }]) => p99,
    'max ms': ([, { max }]) => max,
    count: ([, { count }]) => count,
  });
}

/** What the template of docs/benchmarks.md says of the embedded profile. */
export function embeddedValues(figures: EmbeddedFigures): Readonly<Record<string, string>> {
  const { origin, echo, parley, pieces, ways = {}, sizes } = figures;
  return {
    'embedded.origin': originLine(origin),
    'embedded.aims': aimsSection(embeddedAims(figures)),
    'embedded.comparison': embeddedComparison(figures),
    'embedded.pieces': piecesTable(pieces),
    'embedded.piecesCpu': number(serverOf(pieces).cpuSecondsPer1000),
    'embedded.ways': tableOf(Object.entries(ways), {
      '': ([name]) => name,
      'unary p50 ms': ([, { unaryMs }]) => unaryMs.p50,
      'unary p99 ms': ([, { unaryMs }]) => unaryMs.p99,
      'first piece p50 ms': ([, { firstPieceMs }]) => firstPieceMs.p50,
      'first piece p99 ms': ([, { firstPieceMs }]) => firstPieceMs.p99,
    }),
    'embedded.connectsPerSecond': number(parley.connects.connectsPerSecond),
    'embedded.connectP50': number(parley.connects.connectMs.p50),
    'embedded.connectP99': number(parley.connects.connectMs.p99),
    'embedded.echoConnectsPerSecond': number(echo.connects.connectsPerSecond),
    'embedded.echoConnectP50': number(echo.connects.connectMs.p50),
    'embedded.sizes': tableOf(sizes, {
      messages: ({ messages }) => messages,
      events: ({ events }) => events,
      'first start ms': ({ firstStartMs }) => firstStartMs,
      'read models built ms': ({ builtMs }) => builtMs,
      'start ms': ({ startMs }) => startMs,
      'page p50 ms': ({ pageMs }) => pageMs.p50,
      'page p99 ms': ({ pageMs }) => pageMs.p99,
      'connect p50 ms': ({ connectMs }) => connectMs.p50,
      'resident MiB': ({ residentMib }) => residentMib,
      'refold events/s': ({ refoldEventsPerSecond }) => refoldEventsPerSecond,
    }),
  };
}

/** Of all processes but the engines, seconds for 1,000 messages. */
function ownCpu(processes: ProcessesFigures): number {
  const names = Object.keys(processes).filter((name) => !engines.some((engine) => engine === name));
  return cpuOf(processes, names);
}

function cpuOf(processes: ProcessesFigures, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (processes[name]?.cpuSecondsPer1000 ?? 0), 0);
}

/** How long ago, at the end of the load, what the read models lacked began to be written; or how long it took them, if that was longer. */
function behindSeconds({ lag, messagesPerSecond }: LoopFigures): number {
  if (lag === undefined) throw new Error('nobody has looked how far the read models are behind');
  return Math.max(lag.records / (messagesPerSecond * recordsPerMessage), lag.caughtUpAfterMs / 1000);
}

function distributedAims({ embedded, parley: { one, fifty }, pieces }: DistributedFigures): readonly Aim[] {
  const cpuRatio = ownCpu(fifty.processes) / ownCpu(embedded.fifty.processes);
  return [
    atLeast('Messages answered, 50 clients in a closed loop', 2_000, 'per second', fifty.messagesPerSecond),
    atMost('Round trip, 50 clients, p99', 60, 'ms', fifty.roundTripMs.p99),
    atMost('Round trip, 1 client, p50', 6, 'ms', one.roundTripMs.p50),
    atMost('First piece, 50 replies under way, p50', 6, 'ms', pieces.firstPieceMs.p50),
    atMost('Read models behind at the end of the load', 5, 's', behindSeconds(fifty)),
    atMost("CPU of its own processes per message, over the embedded profile's", 2, 'times', cpuRatio),
  ];
}

function distributedComparison({ kafka, nats, embedded, parley }: DistributedFigures): string {
  const rows = counts.flatMap(({ count, clients }) => [
    { ...nats[count], what: 'Bare NATS, published and heard', clients, cpu: nats[count].clientCpuSecondsPer1000 },
    { ...kafka[count], what: 'Bare kafkajs, appended and read', clients, cpu: kafka[count].clientCpuSecondsPer1000 },
    { ...parley[count], what: 'Parley, distributed', clients, cpu: ownCpu(parley[count].processes) },
    { ...embedded[count], what: 'Parley, embedded', clients, cpu: ownCpu(embedded[count].processes) },
  ]);
  return tableOf(rows, {
    '': ({ what }) => what,
    'at once': ({ clients }) => clients,
    'p50 ms': ({ roundTripMs }) => roundTripMs.p50,
    'p99 ms': ({ roundTripMs }) => roundTripMs.p99,
    'max ms': ({ roundTripMs }) => roundTripMs.max,
    'per second': ({ messagesPerSecond }) => messagesPerSecond,
    'own CPU s per 1,000': ({ cpu }) => cpu,
  });
}

/** Parley over what it cannot be faster than: its message is two records that wait for each other and a message over the bus. */
function ratios({ kafka, nats, embedded, parley }: DistributedFigures): string {
  const rows = counts.map(({ count, clients }) => ({
    clients,
    floorMs: 2 * kafka[count].roundTripMs.p50 + nats[count].roundTripMs.p50,
    kafka: kafka[count],
    embedded: embedded[count],
    parley: parley[count],
  }));
  return tableOf(rows, {
    'at once': ({ clients }) => clients,
    'p50 over two of kafkajs and one of NATS': (row) => row.parley.roundTripMs.p50 / row.floorMs,
    "records per second over kafkajs's": (row) =>
      (row.parley.messagesPerSecond * recordsPerMessage) / row.kafka.messagesPerSecond,
    "p50 over the embedded profile's": (row) => row.parley.roundTripMs.p50 / row.embedded.roundTripMs.p50,
    'messages per second over its': (row) => row.parley.messagesPerSecond / row.embedded.messagesPerSecond,
    'own CPU over its': (row) => ownCpu(row.parley.processes) / ownCpu(row.embedded.processes),
  });
}

/** Who takes the cores. */
function processesTable({ one, fifty }: DistributedFigures['parley']): string {
  const rows = [...own, ...engines].map((name) => ({
    name: name as string,
    one: one.processes[name]?.cpuSecondsPer1000 ?? 0,
    fifty: fifty.processes[name]?.cpuSecondsPer1000 ?? 0,
    residentMib: fifty.processes[name]?.residentMib ?? (0 as number | undefined),
  }));
  const { clientCpuSecondsPer1000: ofOne } = one;
  rows.push({ name: 'clients', one: ofOne, fifty: fifty.clientCpuSecondsPer1000, residentMib: undefined });
  return tableOf(rows, {
    '': ({ name }) => name,
    'CPU s per 1,000, 1 client': (row) => row.one,
    'CPU s per 1,000, 50 clients': (row) => row.fifty,
    'resident MiB': ({ residentMib }) => residentMib,
  });
}

/** What the template of docs/benchmarks.md says of the distributed profile. */
export function distributedValues(figures: DistributedFigures): Readonly<Record<string, string>> {
  const { origin, parley, pieces, grown } = figures;
  const { lag } = parley.fifty;
  return {
    'distributed.origin': originLine(origin),
    'distributed.aims': aimsSection(distributedAims(figures)),
    'distributed.comparison': distributedComparison(figures),
    'distributed.ratios': ratios(figures),
    'distributed.processes': processesTable(parley),
    'distributed.lagRecords': number(lag?.records ?? 0),
    'distributed.caughtUpMs': number(lag?.caughtUpAfterMs ?? 0),
    'distributed.pieces': piecesTable(pieces),
    'distributed.piecesOwnCpu': number(ownCpu(pieces.processes)),
    'distributed.piecesEnginesCpu': number(cpuOf(pieces.processes, engines)),
    'distributed.connectsPerSecond': number(parley.connects.connectsPerSecond),
    'distributed.connectP50': number(parley.connects.connectMs.p50),
    'distributed.connectP99': number(parley.connects.connectMs.p99),
    'distributed.grown': tableOf([grown], {
      messages: ({ messages }) => messages,
      events: ({ events }) => events,
      'read models built ms': ({ builtMs }) => builtMs,
      'gateway starts ms': ({ startMs }) => startMs,
      'connect p50 ms': ({ connectMs }) => connectMs.p50,
      'refold events/s': ({ refoldEventsPerSecond }) => refoldEventsPerSecond,
    }),
  };
}

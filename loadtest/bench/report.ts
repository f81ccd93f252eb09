import { aimsSection, atLeast, atMost, originLine } from '../markdown.ts';
import type { Aim } from '../result.ts';
import type { ProcessesFigures, ProcessFigures } from '../system/process-figures.ts';
import type { LoopFigures } from './client.ts';
import type { DistributedFigures } from './distributed.ts';
import type { EmbeddedFigures } from './embedded.ts';

const engines = ['kafka', 'mongodb', 'nats', 's3'] as const;
/** Of one message: received, attempt started, reply completed. */
const recordsPerMessage = 3;
/** The embedded profile is one process. */
function serverOf({ processes }: { readonly processes: ProcessesFigures }): ProcessFigures {
  const { server } = processes;
  if (server === undefined) throw new Error('these figures are not of a server in one process');
  return server;
}

/** Largest over smallest log, so that 1 is flat. */
function growth(sizes: EmbeddedFigures['sizes'], of: (size: EmbeddedFigures['sizes'][number]) => number): number {
  const [first, last] = [sizes[0], sizes.at(-1)];
  return first === undefined || last === undefined ? 1 : of(last) / of(first);
}

/** None where Envoy was not there. */
function envoyAims(ways: EmbeddedFigures['ways']): readonly Aim[] {
  const { gRPC: direct, 'gRPC through Envoy': through } = ways;
  if (direct === undefined || through === undefined) return [];
  return [
    atMost('Envoy adds to a unary call, p50', 1, 'ms', through.unaryMs.p50 - direct.unaryMs.p50),
    atMost('Envoy adds to a piece, p50', 0.5, 'ms', through.firstPieceMs.p50 - direct.firstPieceMs.p50),
  ];
}

function embeddedAims({ parley: { one, fifty }, pieces, ways, sizes }: EmbeddedFigures): readonly Aim[] {
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

/** What the template of docs/benchmarks.md says of the embedded profile. */
export function embeddedValues(figures: EmbeddedFigures): object {
  return { ...figures, origin: originLine(figures.origin), aims: aimsSection(embeddedAims(figures)) };
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

/** Parley over what it cannot be faster than: its message is two records that wait for each other and a message over the bus. */
function ratiosOf({ kafka, nats, embedded, parley }: DistributedFigures, count: 'one' | 'fifty'): object {
  const floorMs = 2 * kafka[count].roundTripMs.p50 + nats[count].roundTripMs.p50;
  const [ours, theirs] = [parley[count], embedded[count]];
  return {
    p50OverFloor: ours.roundTripMs.p50 / floorMs,
    recordsOverKafka: (ours.messagesPerSecond * recordsPerMessage) / kafka[count].messagesPerSecond,
    p50OverEmbedded: ours.roundTripMs.p50 / theirs.roundTripMs.p50,
    perSecondOverEmbedded: ours.messagesPerSecond / theirs.messagesPerSecond,
    ownCpuOverEmbedded: ownCpu(ours.processes) / ownCpu(theirs.processes),
  };
}

/** What the template of docs/benchmarks.md says of the distributed profile. */
export function distributedValues(figures: DistributedFigures): object {
  const { parley, embedded, pieces } = figures;
  const ownCpuOf = ({ one, fifty }: Record<'one' | 'fifty', LoopFigures>) => ({
    one: ownCpu(one.processes),
    fifty: ownCpu(fifty.processes),
  });
  return {
    ...figures,
    origin: originLine(figures.origin),
    aims: aimsSection(distributedAims(figures)),
    ratios: { one: ratiosOf(figures, 'one'), fifty: ratiosOf(figures, 'fifty') },
    ownCpu: { parley: ownCpuOf(parley), embedded: ownCpuOf(embedded), pieces: ownCpu(pieces.processes) },
    enginesCpuOfPieces: cpuOf(pieces.processes, engines),
  };
}

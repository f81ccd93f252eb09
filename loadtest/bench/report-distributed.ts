import { atLeast, atMost, number, originLine, type Target, table, targetsSection } from '../markdown.ts';
import type { ProcessesFigures } from '../system/process-figures.ts';
import type { BareFigures } from './bare-loop.ts';
import type { LoopFigures } from './client.ts';
import type { DistributedFigures, GrownFigures, OneAndFifty } from './figures.ts';
import { piecesTable } from './pieces-table.ts';

const own = ['gateway', 'worker', 'projector'] as const;
const engines = ['kafka', 'mongodb', 'nats', 's3'] as const;
/** Of one message: received, attempt started, reply completed. */
const recordsPerMessage = 3;

function targets({ embedded, parley, pieces }: DistributedFigures): readonly Target[] {
  const { one, fifty } = parley;
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

function comparison({ kafka, nats, embedded, parley }: DistributedFigures): string {
  const rows = (['one', 'fifty'] as const).flatMap((count) => {
    const clients = count === 'one' ? '1' : '50';
    return [
      [
        'Bare NATS, published and heard',
        clients,
        ...speedCells(nats[count]),
        number(nats[count].clientCpuSecondsPer1000),
      ],
      [
        'Bare kafkajs, appended and read',
        clients,
        ...speedCells(kafka[count]),
        number(kafka[count].clientCpuSecondsPer1000),
      ],
      ['Parley, distributed', clients, ...speedCells(parley[count]), number(ownCpu(parley[count].processes))],
      ['Parley, embedded', clients, ...speedCells(embedded[count]), number(ownCpu(embedded[count].processes))],
    ];
  });
  return table(['', 'at once', 'p50 ms', 'p99 ms', 'max ms', 'per second', 'own CPU s per 1,000'], rows);
}

function speedCells({ roundTripMs, messagesPerSecond }: Pick<BareFigures, 'roundTripMs' | 'messagesPerSecond'>) {
  const { p50, p99, max } = roundTripMs;
  return [p50, p99, max, messagesPerSecond].map(number);
}

/** Parley over what it cannot be faster than: its message is two records that wait for each other and a word over the bus. */
function ratios({ kafka, nats, embedded, parley }: DistributedFigures): string {
  const rows = (['one', 'fifty'] as const).map((count) => {
    const floorMs = 2 * kafka[count].roundTripMs.p50 + nats[count].roundTripMs.p50;
    return [
      count === 'one' ? '1' : '50',
      number(parley[count].roundTripMs.p50 / floorMs),
      number((parley[count].messagesPerSecond * recordsPerMessage) / kafka[count].messagesPerSecond),
      number(parley[count].roundTripMs.p50 / embedded[count].roundTripMs.p50),
      number(parley[count].messagesPerSecond / embedded[count].messagesPerSecond),
      number(ownCpu(parley[count].processes) / ownCpu(embedded[count].processes)),
    ];
  });
  const head = [
    'at once',
    'p50 over two of kafkajs and one of NATS',
    "records per second over kafkajs's",
    "p50 over the embedded profile's",
    'messages per second over its',
    'own CPU over its',
  ];
  return table(head, rows);
}

function processesTable({ one, fifty }: OneAndFifty<LoopFigures>): string {
  const rows = [...own, ...engines].map((name) => [
    name,
    number(one.processes[name]?.cpuSecondsPer1000 ?? 0),
    number(fifty.processes[name]?.cpuSecondsPer1000 ?? 0),
    number(fifty.processes[name]?.residentMib ?? 0),
  ]);
  const clients = ['clients', number(one.clientCpuSecondsPer1000), number(fifty.clientCpuSecondsPer1000), ''];
  return table(['', 'CPU s per 1,000, 1 client', 'CPU s per 1,000, 50 clients', 'resident MiB'], [...rows, clients]);
}

function cpuPerPieces(processes: ProcessesFigures): string {
  const [ours, theirs] = [ownCpu(processes), cpuOf(processes, engines)].map(number);
  return `CPU for 1,000 pieces: ${ours} s in its own processes, ${theirs} s in the engines.`;
}

function grownTable({ messages, events, builtMs, startMs, connectMs, refoldEventsPerSecond }: GrownFigures): string {
  const head = ['messages', 'events', 'read models built ms', 'gateway starts ms', 'connect p50 ms', 'refold events/s'];
  return table(head, [[messages, events, builtMs, startMs, connectMs.p50, refoldEventsPerSecond].map(number)]);
}

/** The distributed profile's part of docs/benchmarks.md. */
export function distributedReport(figures: DistributedFigures): string {
  const { origin, parley, pieces, grown } = figures;
  const { lag } = parley.fifty;
  return `${originLine(origin)}
One gateway, one worker and one projector, each a process of its own; Kafka of one broker, a stand-in for MongoDB, NATS and an S3 server; the clients.
All of them share these cores, so that whatever one uses, another lacks. The bot answers at once (\`PARLEY_SIMULATED_TEXT_DELAY_MS=0\`), every event is
acknowledged by all replicas, which is one, before it is told.

### Targets

${targetsSection(targets(figures))}

### Beside what it is built on

One message is a round trip, as above: two records of the log that wait for each other, a third beside them, and words over the bus. Bare kafkajs
appends a record and reads it back, by its public interface as it was found to be fastest: idempotent, one batch under way that takes what
gathered meanwhile, a consumer in a group of its own. Bare NATS publishes on one connection and hears on another. The embedded profile is
measured beside it. All in one run, in turn.

${comparison(figures)}

Each over what stands above it:

${ratios(figures)}

### Who takes the cores

${processesTable(parley)}

When 50 clients stop, the read models are ${number(lag?.records ?? 0)} records behind, and have them all after ${number(lag?.caughtUpAfterMs ?? 0)} ms.

### Pieces

As above: 50 replies of 100 pieces at 10 ms.

${piecesTable(pieces)}

${cpuPerPieces(pieces.processes)}

### Connecting

From a new TCP connection to Welcome, then goodbye, ten at once: ${number(parley.connects.connectsPerSecond)} per second, p50 ${number(parley.connects.connectMs.p50)} ms,
p99 ${number(parley.connects.connectMs.p99)} ms.

### With much behind it

The log is a copy of an embedded one (\`parley copy-log\`). Pages of history are not measured: the stand-in for MongoDB sorts whole conversations for them.

${grownTable(grown)}`;
}

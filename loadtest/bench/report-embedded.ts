import { atLeast, atMost, number, originLine, type Target, table, targetsSection } from '../markdown.ts';
import type { ProcessesFigures, ProcessFigures } from '../system/process-figures.ts';
import type { EmbeddedFigures, SizeFigures } from './figures.ts';
import { piecesTable } from './pieces-table.ts';
import type { WaysFigures } from './ways.ts';

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
function envoyTargets(ways: WaysFigures = {}): readonly Target[] {
  const { gRPC: direct, 'gRPC through Envoy': through } = ways;
  if (direct === undefined || through === undefined) return [];
  return [
    atMost('Envoy adds to a unary call, p50', 1, 'ms', through.unaryMs.p50 - direct.unaryMs.p50),
    atMost('Envoy adds to a piece, p50', 0.5, 'ms', through.firstPieceMs.p50 - direct.firstPieceMs.p50),
  ];
}

function targets({ parley, pieces, ways, sizes }: EmbeddedFigures): readonly Target[] {
  const { one, fifty } = parley;
  const refold = sizes.at(-1)?.refoldEventsPerSecond ?? 0;
  return [
    atLeast('Messages answered, 50 clients in a closed loop', 5_000, 'per second', fifty.messagesPerSecond),
    atMost('Round trip, 50 clients, p99', 25, 'ms', fifty.roundTripMs.p99),
    atMost('Round trip, 1 client, p50', 2, 'ms', one.roundTripMs.p50),
    atMost('First piece, 50 replies under way, p50', 3, 'ms', pieces.firstPieceMs.p50),
    atMost('Piece delay, p99', 10, 'ms', pieces.pieceDelayMs.p99),
    ...envoyTargets(ways),
    atMost('Server CPU per 1,000 messages', 0.25, 's', serverOf(fifty).cpuSecondsPer1000),
    atMost('Resident memory after 50 clients in a closed loop', 200, 'MiB', serverOf(fifty).residentMib),
    atLeast('Refold by `parley audit`, largest log', 100_000, 'events per second', refold),
    atMost(
      'History page p50, largest log over smallest',
      1.5,
      'times',
      growth(sizes, (size) => size.pageMs.p50),
    ),
    atMost(
      'Connect p50, largest log over smallest',
      1.5,
      'times',
      growth(sizes, (size) => size.connectMs.p50),
    ),
  ];
}

function comparison({ echo, append, parley }: EmbeddedFigures): string {
  const loops = (['one', 'fifty'] as const).flatMap((count) => [
    ['Bare grpc-js echo', count, echo[count]] as const,
    ['Parley', count, parley[count]] as const,
  ]);
  const ms = (value: number) => number(value);
  const appends = (['one', 'fifty'] as const).map((count) => {
    const { appendMs, eventsPerSecond } = append[count];
    return [
      'Bare log append',
      count === 'one' ? '1' : '50',
      ms(appendMs.p50),
      ms(appendMs.p99),
      ms(appendMs.max),
      number(eventsPerSecond),
      '',
      '',
      '',
    ];
  });
  const rows = loops.map(([what, count, loop]) => [
    what,
    count === 'one' ? '1' : '50',
    ms(loop.roundTripMs.p50),
    ms(loop.roundTripMs.p99),
    ms(loop.roundTripMs.max),
    number(loop.messagesPerSecond),
    number(serverOf(loop).cpuSecondsPer1000),
    number(loop.clientCpuSecondsPer1000),
    number(serverOf(loop).residentMib),
  ]);
  const head = [
    '',
    'clients',
    'p50 ms',
    'p99 ms',
    'max ms',
    'per second',
    'server CPU s per 1,000',
    'client CPU s per 1,000',
    'resident MiB',
  ];
  return table(head, [...rows, ...appends]);
}

function sizesTable(sizes: readonly SizeFigures[]): string {
  const head = [
    'messages',
    'events',
    'first start ms',
    'read models built ms',
    'start ms',
    'page p50 ms',
    'page p99 ms',
    'connect p50 ms',
    'resident MiB',
    'refold events/s',
  ];
  const rows = sizes.map((size) =>
    [
      size.messages,
      size.events,
      size.firstStartMs,
      size.builtMs,
      size.startMs,
      size.pageMs.p50,
      size.pageMs.p99,
      size.connectMs.p50,
      size.residentMib,
      size.refoldEventsPerSecond,
    ].map(number),
  );
  return table(head, rows);
}

function waysSection(ways: WaysFigures): string {
  const rows = Object.entries(ways).map(([name, { unaryMs, firstPieceMs }]) => [
    name,
    ...[unaryMs.p50, unaryMs.p99, firstPieceMs.p50, firstPieceMs.p99].map(number),
  ]);
  return `### Ways in

The same server by each way, in turns, one call at a time: \`DescribeSignIn\`, and from the moment something is said (always by gRPC) to the first
piece of its reply on a stream of that way. Envoy is as deployed (gateway/envoy), without TLS and on one thread.

${table(['', 'unary p50 ms', 'unary p99 ms', 'first piece p50 ms', 'first piece p99 ms'], rows)}

`;
}

/** The embedded profile's part of docs/benchmarks.md. */
export function embeddedReport(figures: EmbeddedFigures): string {
  const { origin, echo, parley, pieces, ways, sizes } = figures;
  return `${originLine(origin)}
Server and clients share these cores. The bot answers at once (\`PARLEY_SIMULATED_TEXT_DELAY_MS=0\`), every event is synced before it is told.

### Targets

${targetsSection(targets(figures))}

### Beside what it is built on

One message is a round trip: said, in the log, answered, the reply in the log, the whole reply at the client. The echo sends the message back and
does nothing else, in the same frames and generated code; the append is one synced event per round. All in one run, one after the other.

${comparison(figures)}

The clients encode with the generated code, and read of each frame only which event it is.

### Pieces

50 clients each say something, each reply comes in 100 pieces at 10 ms: first all at the same moment, then one after the other within a second, so
that all 50 replies are under way together. The first piece counts from when the message is said; delay is what the time between two
pieces is over 10 ms, as the client sees it.

${piecesTable(pieces)}

Server CPU: ${number(serverOf(pieces).cpuSecondsPer1000)} s per 1,000 pieces.

${ways === undefined ? '' : waysSection(ways)}### Connecting

From a new TCP connection to Welcome, then goodbye, ten at once: ${number(parley.connects.connectsPerSecond)} per second, p50 ${number(parley.connects.connectMs.p50)} ms,
p99 ${number(parley.connects.connectMs.p99)} ms. The echo, which admits everybody: ${number(echo.connects.connectsPerSecond)} per second, p50 ${number(echo.connects.connectMs.p50)} ms.

### With much behind it

A tenth of the messages is in one conversation, whose newest page of 20 is read; the others are in conversations of 100.

${sizesTable(sizes)}`;
}

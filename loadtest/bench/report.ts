import type { Figures, SizeFigures } from './figures.ts';

interface Target {
  readonly what: string;
  readonly aim: string;
  readonly figure: string;
  readonly met: boolean;
}

function atMost(what: string, limit: number, unit: string, value: number): Target {
  return { what, aim: `≤ ${number(limit)} ${unit}`, figure: `${number(value)} ${unit}`, met: value <= limit };
}

function atLeast(what: string, limit: number, unit: string, value: number): Target {
  return { what, aim: `≥ ${number(limit)} ${unit}`, figure: `${number(value)} ${unit}`, met: value >= limit };
}

function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

/** Largest over smallest log, so that 1 is flat. */
function growth(sizes: readonly SizeFigures[], of: (size: SizeFigures) => number): number {
  const [first, last] = [sizes[0], sizes.at(-1)];
  return first === undefined || last === undefined ? 1 : of(last) / of(first);
}

function targets({ parley, pieces, sizes }: Figures): readonly Target[] {
  const { one, fifty } = parley;
  const refold = sizes.at(-1)?.refoldEventsPerSecond ?? 0;
  return [
    atLeast('Messages answered, 50 clients in a closed loop', 5_000, 'per second', fifty.messagesPerSecond),
    atMost('Round trip, 50 clients, p99', 25, 'ms', fifty.roundTripMs.p99),
    atMost('Round trip, 1 client, p50', 2, 'ms', one.roundTripMs.p50),
    atMost('First piece, 50 replies under way, p50', 3, 'ms', pieces.firstPieceMs.p50),
    atMost('Piece delay, p99', 10, 'ms', pieces.pieceDelayMs.p99),
    atMost('Server CPU per 1,000 messages', 0.25, 's', fifty.serverCpuSecondsPer1000),
    atMost('Resident memory after 50 clients in a closed loop', 200, 'MiB', fifty.residentMib),
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

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [
    row(...head),
    row(...head.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map((cells) => row(...cells)),
  ].join('\n');
}

function comparison({ echo, append, parley }: Figures): string {
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
    number(loop.serverCpuSecondsPer1000),
    number(loop.clientCpuSecondsPer1000),
    number(loop.residentMib),
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

/** docs/benchmarks.md, from one run. */
export function report(figures: Figures): string {
  const { origin, echo, parley, pieces, sizes } = figures;
  const goals = targets(figures);
  const missed = goals.filter((goal) => !goal.met).length;
  return `# Benchmarks

Written by \`npm run bench\`; the figures of the last run are in \`loadtest/baselines/embedded.json\`.

${origin.cpu}, ${origin.cores} cores, ${origin.memoryGib} GiB, ${origin.system}, Node ${origin.node}; commit ${origin.commit}, ${origin.date}.
Server and clients share these cores. The bot answers at once (\`PARLEY_SIMULATED_TEXT_DELAY_MS=0\`), every event is synced before it is told.

## Targets

${missed === 0 ? 'All are met.' : `${missed} of ${goals.length} are missed.`}

${table(
  ['', 'aim', 'figure', ''],
  goals.map((goal) => [goal.what, goal.aim, goal.figure, goal.met ? 'met' : '**missed**']),
)}

## Beside what it is built on

One message is a round trip: said, in the log, answered, the reply in the log, the whole reply at the client. The echo sends the message back and
does nothing else, in the same frames and generated code; the append is one synced event per round. All in one run, one after the other.

${comparison(figures)}

The clients encode with the generated code, and read of each frame only which event it is.

## Pieces

50 clients each say something, each reply comes in 100 pieces at 10 ms: first all at the same moment, then one after the other within a second, so
that all 50 replies are under way together. The first piece counts from when the message is said; delay is what the time between two
pieces is over 10 ms, as the client sees it.

${table(
  ['', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'count'],
  [
    ['first piece, spread over a second', ...percentileCells(pieces.firstPieceMs)],
    ['first piece, all at the same moment', ...percentileCells(pieces.firstPieceAtOnceMs)],
    ['piece delay', ...percentileCells(pieces.pieceDelayMs)],
  ],
)}

Server CPU: ${number(pieces.serverCpuSecondsPer1000Pieces)} s per 1,000 pieces.

## Connecting

From a new TCP connection to Welcome, then goodbye, ten at once: ${number(parley.connects.connectsPerSecond)} per second, p50 ${number(parley.connects.connectMs.p50)} ms,
p99 ${number(parley.connects.connectMs.p99)} ms. The echo, which admits everybody: ${number(echo.connects.connectsPerSecond)} per second, p50 ${number(echo.connects.connectMs.p50)} ms.

## With much behind it

A tenth of the messages is in one conversation, whose newest page of 20 is read; the others are in conversations of 100.

${sizesTable(sizes)}
`;
}

function percentileCells({
  p50,
  p90,
  p99,
  max,
  count,
}: {
  p50: number;
  p90: number;
  p99: number;
  max: number;
  count: number;
}): string[] {
  return [p50, p90, p99, max, count].map(number);
}

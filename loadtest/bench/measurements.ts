import { runJson } from '../system/processes.ts';
import type { Tasks } from './client.ts';
import { type Plan, pieceIntervalMs } from './plan.ts';

type Options<Name extends keyof Tasks> = Parameters<Tasks[Name]>[0];

/** Servers under measurement: where clients connect, and the processes whose use is read. */
export type Measured = Pick<Options<'loop'>, 'address' | 'pids' | 'projector'>;

/** Waits for a figure and shows it, so that a long run shows its progress. */
export async function shown<T extends object>(what: string, figure: Promise<T>): Promise<T> {
  const settled = await figure;
  const short = JSON.stringify(settled, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value,
  );
  console.log(`${what.padEnd(28)} ${short}`);
  return settled;
}

/** Runs one task of the load in a process of its own. */
export function runClient<Name extends keyof Tasks>(name: Name, options: Options<Name>): ReturnType<Tasks[Name]> {
  return runJson('loadtest/bench/client.ts', [name, JSON.stringify(options)]) as ReturnType<Tasks[Name]>;
}

export function loop(servers: Measured, clients: number, { warmUpMs, measureMs }: Plan) {
  return runClient('loop', { ...servers, clients, warmUpMs, measureMs });
}

/** Of servers whose replies come slowly in pieces. */
export function pieces({ address, pids }: Measured, { pieceRounds }: Plan) {
  return runClient('pieces', { address, pids, clients: 50, rounds: pieceRounds, intervalMs: pieceIntervalMs });
}

export function connects({ address }: Pick<Measured, 'address'>, count: number) {
  return runClient('connects', { address, connects: count, atOnce: 10 });
}

/** A log that was filled, as src/testing/bench/log.ts describes it. */
export interface FilledLog {
  readonly events: number;
  readonly conversationId: string;
  /** The last message of each partition. */
  readonly ends: readonly { readonly conversationId: string; readonly sequence: number }[];
}

/** Makes a log with so many messages in it. */
export function filledLog(dataDir: string, messages: number): Promise<FilledLog> {
  return runJson('src/testing/bench/log.ts', ['fill', dataDir, String(messages)]);
}

/** Events a second that `parley audit` folds. */
export async function refoldsPerSecond(settings: Readonly<Record<string, string>>): Promise<number> {
  const audit = await runJson<{ recordsPerSecond: number }>('src/main/parley.ts', ['audit', '--json'], settings);
  return audit.recordsPerSecond;
}

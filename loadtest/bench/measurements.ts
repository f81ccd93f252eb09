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

import { runJson } from '../system/processes.ts';
import type { ConnectsFigures, LoopFigures, PiecesFigures, Task } from './client.ts';
import { type Plan, pieceIntervalMs } from './plan.ts';

/** Servers under measurement: where clients connect, and the processes whose use is read. */
export type Measured = Pick<Task & { readonly task: 'loop' }, 'address' | 'pids' | 'projector'>;

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
export function runClient<T>(task: Task): Promise<T> {
  return runJson<T>('loadtest/bench/client.ts', [JSON.stringify(task)]);
}

export function loop(servers: Measured, clients: number, { warmUpMs, measureMs }: Plan): Promise<LoopFigures> {
  return runClient({ task: 'loop', ...servers, clients, warmUpMs, measureMs });
}

/** Of servers whose replies come slowly in pieces. */
export function pieces({ address, pids }: Measured, { pieceRounds }: Plan): Promise<PiecesFigures> {
  return runClient({ task: 'pieces', address, pids, clients: 50, rounds: pieceRounds, intervalMs: pieceIntervalMs });
}

export function connects({ address }: Pick<Measured, 'address'>, count: number): Promise<ConnectsFigures> {
  return runClient({ task: 'connects', address, connects: count, atOnce: 10 });
}

import { runJson } from '../system/processes.ts';
import type { Task } from './client.ts';

/** Runs one task of the load. */
export function runClient<T>(task: Task): Promise<T> {
  return runJson<T>('loadtest/bench/client.ts', [JSON.stringify(task)]);
}

import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves when an attack is to begin (milliseconds of the wall clock), in a process of the lowest priority: whoever attacks has machines of his own, and what
 * is measured is what the server has to do. A process that loads costs as much as an attack, so it loads before. Linux.
 */
export async function attackFrom(beginMs: number): Promise<void> {
  // Node has begun threads of V8 before this, and Linux gives each thread a priority of its own.
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), constants.priority.PRIORITY_LOW);
  await sleep(Math.max(0, beginMs - Date.now()));
}

import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 20;
const waitTimeoutMs = 30_000;

/** Resolves once the condition holds; rejects when it does not for very long. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitTimeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so within ${waitTimeoutMs} ms: ${String(condition)}`);
    await sleep(pollMs);
  }
}

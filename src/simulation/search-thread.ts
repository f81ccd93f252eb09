import { parentPort } from 'node:worker_threads';
import { scenarioOf } from './scenario.ts';
import type { Verdict } from './search.ts';
import { simulate } from './simulate.ts';

// A thread of a search: takes a seed, answers with what its history came to.
parentPort?.on('message', (seed: number) => {
  void simulate(scenarioOf(seed)).then(({ digest, findings, elapsedMs, tasks, faults }) => {
    const struck = [...faults.values()].reduce((sum, count) => sum + count, 0);
    const verdict: Verdict = { seed, digest, findings, elapsedMs, tasks, faults: struck };
    parentPort?.postMessage(verdict);
  });
});

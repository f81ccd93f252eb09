/** The thread that checks a log as a whole beside its writer, at half a core's pace, and tells its damages. */
import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { LogDamage } from './errors.ts';
import { logFiles } from './schema.ts';
import { verifyLog } from './verify.ts';

if (parentPort === null) throw new Error('this is a worker thread');
const folder = workerData as string;
const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let begunMs = performance.now();
const rest = () => {
  Atomics.wait(never, 0, 0, performance.now() - begunMs);
  begunMs = performance.now();
};
const { damages } = verifyLog(folder, { afterStep: rest });
// The next start checks everything before it serves.
if (damages.length > 0) closeSync(openSync(logFiles(folder).suspect, 'w'));
parentPort.postMessage(damages satisfies readonly LogDamage[]);

import { Worker } from 'node:worker_threads';
import { type LogDamage, LogDamagedAtOpen } from './errors.ts';
import { threadUrl } from './writer-client.ts';

/** A check of a whole log that runs beside its writer. */
export interface CheckBeside {
  /** Resolves when the check has ended, with what is wrong with the log, or undefined: nothing, or it was stopped. */
  readonly damage: Promise<Error | undefined>;
  stop(): Promise<void>;
}

/** Checks everything in a log's folder in a thread of its own. */
export function checkBeside(folder: string): CheckBeside {
  const worker = new Worker(threadUrl('check-thread'), { workerData: folder });
  const damage = new Promise<Error | undefined>((resolve) => {
    worker.once('message', (damages: readonly LogDamage[]) =>
      resolve(damages.length > 0 ? new LogDamagedAtOpen(folder, damages) : undefined),
    );
    worker.once('error', resolve);
    worker.once('exit', () => resolve(undefined));
  });
  return {
    damage,
    async stop() {
      await worker.terminate();
    },
  };
}

import { backOffMs, pause } from '../app/back-off.ts';
import type { Journal } from '../app/journal.ts';
import type { Clock } from '../ports/clock.ts';
import { LogUnavailable } from '../ports/event-log.ts';
import type { Logger } from '../ports/telemetry.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs, releaseWaitMs } from './limits.ts';

export interface ReleaseDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly workerId: string;
}

/**
 * Appends WorkerReleased: otherwise the next owner would count messages in processing as having lost a worker. In the background, and for as long as the
 * log is unavailable: a release counts also after the next claim, and partitions are lost just when the log is in trouble.
 */
export class Releases {
  readonly #deps: ReleaseDeps;
  readonly #ended = new AbortController();
  readonly #writing = new Set<Promise<void>>();

  constructor(deps: ReleaseDeps) {
    this.#deps = deps;
  }

  add(partition: number, claimId: string): void {
    const writing = this.#write(partition, claimId).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Resolves when all are in the log, or after a while; nothing is tried then. */
  async end(): Promise<void> {
    const inTime = new AbortController();
    const written = Promise.all(this.#writing);
    await Promise.race([written, pause(this.#deps.clock, releaseWaitMs, inTime.signal)]);
    inTime.abort();
    this.#ended.abort();
  }

  /** Never rejects. */
  async #write(partition: number, claimId: string): Promise<void> {
    const { journal, clock, random, logger, workerId } = this.#deps;
    const { signal } = this.#ended;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await journal.appendConversation(partition, '', [{ type: 'WorkerReleased', partition, workerId, claimId }]);
        return;
      } catch (error) {
        logger.warn({ partition, err: error }, 'that a partition was given up was not written');
        if (!(error instanceof LogUnavailable)) return;
        await pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), signal);
      }
    }
  }
}

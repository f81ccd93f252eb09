import { backOffMs, pause } from '../app/back-off.ts';
import type { Journal } from '../app/journal.ts';
import { Watchdog } from '../app/watchdog.ts';
import type { Clock } from '../ports/clock.ts';
import { LogUnavailable } from '../ports/event-log.ts';
import type { GroupMember } from '../ports/partition-groups.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { WorkerDeps } from './deps.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs, reclaimMs, releaseWaitMs, watchdogTickMs } from './limits.ts';
import { type PartitionUsage, PartitionWorker } from './partition-worker.ts';

/** A worker over the partitions that its group gives it. */
export interface RunningWorker {
  /** Resolves when the worker was drained. Rejects with the first fault (LogDamaged, or a defect); the other partitions go on. */
  readonly ended: Promise<void>;
  /** Of each partition it has, as far as it was read. */
  usage(): readonly PartitionUsage[];
  /**
   * Starts nothing more, lets work in progress finish for at most this long, commits, releases what is left, and leaves the group so that others take
   * over at once.
   */
  drain(timeoutMs: number): Promise<void>;
}

/** One partition that this worker has. */
interface Held {
  worker: PartitionWorker;
  readonly leaving: AbortController;
  readonly done: Promise<void>;
}

/** Joins the group and answers what is pending in the partitions that it is given. */
export function startWorker(deps: WorkerDeps): RunningWorker {
  const worker = new GroupWorker(deps);
  worker.start();
  return worker;
}

class GroupWorker implements RunningWorker {
  readonly #deps: WorkerDeps;
  readonly #attempts;
  readonly #releases: Releases;
  readonly #held = new Map<number, Held>();
  /** Runs of partitions that were given up and have not ended yet: the next one of the same partition waits for it. */
  readonly #ending = new Map<number, Promise<void>>();
  readonly #end = Promise.withResolvers<void>();
  readonly #unserve: () => void;
  #member: Promise<GroupMember> | undefined;
  #draining = false;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#releases = new Releases(deps);
    const { clock, settings, journal, ids, bus } = deps;
    this.#attempts = { clock, settings, watchdog: new Watchdog(clock, watchdogTickMs) };
    const count = journal.log.partitions(journal.topics.conversations);
    this.#unserve = bus.serveDrafts(
      (conversationId) => this.#held.get(ids.partition(conversationId, count))?.worker.drafts(conversationId) ?? [],
    );
    // The error is logged, also if `ended` is not awaited.
    this.#end.promise.catch(() => undefined);
  }

  get ended(): Promise<void> {
    return this.#end.promise;
  }

  start(): void {
    const { groups, group, journal } = this.#deps;
    this.#member = groups.join(`${group}.members`, journal.topics.conversations, (partitions) =>
      this.#keep(partitions),
    );
    this.#member.catch(this.#end.reject);
  }

  usage(): readonly PartitionUsage[] {
    return [...this.#held.values()].map(({ worker }) => worker.usage());
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const inTime = new AbortController();
    const idle = Promise.all([...this.#held.values()].map(({ worker }) => worker.drain()));
    await Promise.race([idle, pause(this.#deps.clock, timeoutMs, inTime.signal)]);
    inTime.abort();
    for (const partition of [...this.#held.keys()]) this.#giveUp(partition);
    await Promise.allSettled(this.#ending.values());
    // Before others take over: the next owner then knows from the start that no worker was lost.
    await this.#releases.end();
    this.#unserve();
    // A member that never joined has nothing to leave; `ended` reported why.
    const member = await this.#member?.catch(() => undefined);
    await member?.[Symbol.asyncDispose]();
    this.#end.resolve();
  }

  /** These are the worker's partitions from now on. */
  #keep(partitions: readonly number[]): void {
    const given = new Set(this.#draining ? [] : partitions);
    for (const partition of [...this.#held.keys()])
      if (!given.has(partition) && !this.#draining) this.#giveUp(partition);
    for (const partition of given) if (!this.#held.has(partition)) this.#take(partition);
    this.#deps.logger.debug({ partitions: [...this.#held.keys()] }, 'partitions assigned');
  }

  #take(partition: number): void {
    const leaving = new AbortController();
    const held: Held = { worker: this.#newWorker(partition), leaving, done: Promise.resolve() };
    const before = this.#ending.get(partition) ?? Promise.resolve();
    const done = before.then(() => this.#run(partition, held));
    this.#held.set(partition, Object.assign(held, { done }));
    done.catch(this.#end.reject);
  }

  #giveUp(partition: number): void {
    const held = this.#held.get(partition);
    if (held === undefined) return;
    this.#held.delete(partition);
    held.leaving.abort();
    const ending = held.done
      .catch(() => undefined)
      .then(() => {
        if (this.#ending.get(partition) === ending) this.#ending.delete(partition);
      });
    this.#ending.set(partition, ending);
  }

  /**
   * Works until the partition is given up. Another worker's claim ends a run, and with it the right to answer: but one that had the partition
   * before may have claimed it late. As long as the group says that it is this worker's, it is claimed again after a while.
   */
  async #run(partition: number, held: Held): Promise<void> {
    const { signal } = held.leaving;
    while (!signal.aborted) {
      const left = await held.worker.run(signal);
      if (left !== undefined) this.#releases.add(partition, left);
      await pause(this.#deps.clock, reclaimMs, signal);
      if (!signal.aborted && !this.#draining) held.worker = this.#newWorker(partition);
      else return;
    }
  }

  #newWorker(partition: number): PartitionWorker {
    return new PartitionWorker(this.#deps, partition, this.#attempts);
  }
}

interface ReleaseDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly workerId: string;
}

/**
 * Writes that claims were given up in order: the next owner would count what was in processing as having lost a worker. In the background, and
 * for as long as the log is away: a release counts also behind the next claim, and partitions are lost just when the log is in trouble.
 */
class Releases {
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
        logger.warn({ partition, err: error }, 'the release of the partition was not appended');
        if (!(error instanceof LogUnavailable)) return;
        await pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), signal);
      }
    }
  }
}

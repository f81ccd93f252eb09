import { pause } from '../app/back-off.ts';
import { Watchdog } from '../app/watchdog.ts';
import type { GroupMember } from '../ports/partition-groups.ts';
import type { WorkerDeps } from './deps.ts';
import { reclaimMs, watchdogTickMs } from './limits.ts';
import { type PartitionUsage, PartitionWorker } from './partition-worker.ts';
import { Releases } from './releases.ts';

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
    this.#deps.logger.debug({ partitions: [...this.#held.keys()] }, 'works on partitions');
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

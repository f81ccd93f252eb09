import type { GroupMember, PartitionGroups } from '../../src/ports/partition-groups.ts';
import { type ProjectorOptions, runProjector } from './runner.ts';

export interface GroupProjectorOptions extends Omit<ProjectorOptions, 'signal' | 'isOwn'> {
  readonly groups: PartitionGroups;
  /** Members share the partitions of both topics: `<group>.<topic>` is joined for each. */
  readonly group: string;
  /** A fold failed in a way that repeating does not mend. */
  readonly onEnded: (error: unknown) => void;
}

/**
 * A projector of the partitions that its groups give it. Whenever those change, it begins again from the checkpoints: what another has
 * folded meanwhile is in the store, and what both fold for a moment is the same and changes nothing.
 */
export class GroupProjector implements AsyncDisposable {
  readonly #options: GroupProjectorOptions;
  readonly #own = new Map<string, ReadonlySet<number>>();
  #members: Promise<readonly GroupMember[]> = Promise.resolve([]);
  #current = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: GroupProjectorOptions) {
    this.#options = options;
  }

  /** Joins the groups. */
  start(): void {
    const { groups, group, journal, onEnded } = this.#options;
    const topics = Object.values(journal.topics) as readonly string[];
    this.#members = Promise.all(
      topics.map((topic) => groups.join(`${group}.${topic}`, topic, (partitions) => this.#keep(topic, partitions))),
    );
    this.#members.catch(onEnded);
  }

  /** Ends after the batches in hand, and leaves the groups. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#current.abort();
    await this.#running;
    // A member that could not join has nothing to leave; `onEnded` reported why.
    const members = await this.#members.catch(() => []);
    await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
  }

  #keep(topic: string, partitions: readonly number[]): void {
    this.#own.set(topic, new Set(partitions));
    if (this.#stopped) return;
    this.#current.abort();
    const current = new AbortController();
    this.#current = current;
    const own = new Map(this.#own);
    const { onEnded } = this.#options;
    this.#running = this.#running.then(() => this.#run(own, current.signal)).catch(onEnded);
  }

  async #run(own: ReadonlyMap<string, ReadonlySet<number>>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const isOwn = (topic: string, partition: number) => own.get(topic)?.has(partition) === true;
    await runProjector({ ...this.#options, signal, isOwn });
  }
}

import type { MessageReceived } from '../../domain/conversation/events.ts';
import { type PartitionState, pendingMessage } from '../../domain/conversation/partition-state.ts';
import type { PendingMessage } from '../../domain/conversation/pending-messages.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import { SharedRuns } from '../shared-runs.ts';
import { Watchdog } from '../watchdog.ts';
import { followedWithinMs, overdueTickMs } from './limits.ts';
import { type FollowerDeps, PartitionFollower } from './partition-follower.ts';
import { type FollowedRecord, isAboutMessage } from './recent-records.ts';

export interface FollowingDeps extends FollowerDeps {
  readonly ids: Pick<Ids, 'partition'>;
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: unknown) => void;
}

/** Told what concerns one client, in log order in each partition. */
export interface ClientListener {
  /** A record about a message or a conversation of the client counts; one about a conversation whose owner is not known here may be another's. */
  followed(record: FollowedRecord): void;
  /** A message of the client was appended that was in the log already. */
  repeated(event: MessageReceived): void;
  /** A partition has lost its end, from this offset on. */
  shortened(partition: number, endOffset: number): void;
}

/**
 * The conversations topic as this process follows it: one fold per partition, shared by all sessions. So all of them get events in log order, without
 * queries for what is unanswered.
 */
export class Following {
  readonly #deps: FollowingDeps;
  readonly #partitions: readonly PartitionFollower[];
  readonly #listeners = new Map<string, Set<ClientListener>>();
  readonly #stopping = new AbortController();
  readonly #watchdog: Watchdog;
  #running: Promise<unknown> = Promise.resolve();
  readonly #ends = new SharedRuns(() => this.#ask());

  constructor(deps: FollowingDeps) {
    this.#deps = deps;
    this.#watchdog = new Watchdog(deps.clock, overdueTickMs);
    const { log, topics } = deps.journal;
    const listener = {
      followed: (record: FollowedRecord) => {
        for (const one of this.#listenersTo(record)) one.followed(record);
      },
      repeated: (event: MessageReceived) => {
        for (const one of this.#listenersOf(event.clientId)) one.repeated(event);
      },
      shortened: (partition: number, endOffset: number) => {
        for (const listeners of this.#listeners.values())
          for (const one of listeners) one.shortened(partition, endOffset);
      },
    };
    this.#partitions = Array.from(
      { length: log.partitions(topics.conversations) },
      (_, partition) => new PartitionFollower(deps, partition),
    );
    for (const partition of this.#partitions) partition.listen(listener);
  }

  start(): void {
    const { signal } = this.#stopping;
    this.#running = Promise.all(this.#partitions.map((partition) => partition.run(signal))).catch(this.#deps.onFault);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  get partitions(): readonly PartitionFollower[] {
    return this.#partitions;
  }

  /** The partition that holds the conversation. */
  partitionOf(conversationId: string): number {
    return this.#deps.ids.partition(conversationId, this.#partitions.length);
  }

  /** Where a message of the conversation will stand that is not in the log yet: in this partition, at this offset or behind. */
  nextPlace(conversationId: string): { readonly partition: number; readonly fromOffset: number } {
    const partition = this.partitionOf(conversationId);
    return { partition, fromOffset: this.at(partition).next };
  }

  /** The fold of the partition that holds the conversation. */
  of(conversationId: string): PartitionFollower {
    return this.at(this.partitionOf(conversationId));
  }

  at(partition: number): PartitionFollower {
    const follower = this.#partitions[partition];
    if (follower === undefined) throw new RangeError(`there is no partition ${partition}`);
    return follower;
  }

  /** The client's message, if it has no end yet. */
  pendingMessage(messageId: string): PendingMessage | undefined {
    for (const { state } of this.#partitions) {
      const message = pendingMessage(state, messageId);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** How many messages of the client have no end yet. */
  pendingCount(clientId: string): number {
    return this.#partitions.reduce((sum, { state }) => sum + pendingIn(state, clientId), 0);
  }

  /** Tells what concerns the client from now on. Returns the way to stop. */
  listen(clientId: string, listener: ClientListener): () => void {
    const listeners = this.#listeners.get(clientId) ?? new Set();
    this.#listeners.set(clientId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(clientId) === listeners) this.#listeners.delete(clientId);
    };
  }

  /** Resolves when everything is folded that the log holds now. Rejects with LogUnavailable, also when that takes too long. */
  caughtUp(): Promise<void> {
    return this.#inTime(this.#readOn());
  }

  /** As `PartitionFollower.folded`, with the time limit of whoever waits for it. */
  async folded(partition: number, offset: number): Promise<void> {
    const fold = this.at(partition);
    // Usually the offset is reached already: then no timer is needed.
    if (fold.next < offset) await this.#inTime(fold.folded(offset));
  }

  async #readOn(): Promise<void> {
    const ends = await this.#ends.next();
    await Promise.all(ends.map((end, partition) => this.at(partition).folded(end)));
  }

  #inTime(folded: Promise<unknown>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watched = {
      deadlineMs: this.#deps.clock.monotonicMs() + followedWithinMs,
      expire: () => reject(new LogUnavailable('the log is read too slowly', 'unknown')),
    };
    this.#watchdog.watch(watched);
    folded.then(
      () => {
        this.#watchdog.unwatch(watched);
        resolve();
      },
      (error: unknown) => {
        this.#watchdog.unwatch(watched);
        reject(error);
      },
    );
    return promise;
  }

  #ask(): Promise<readonly number[]> {
    const { log, topics } = this.#deps.journal;
    return Promise.all(this.#partitions.map((_, partition) => log.endOffset(topics.conversations, partition)));
  }

  #listenersTo(record: FollowedRecord): Iterable<ClientListener> {
    if (isAboutMessage(record)) return this.#listenersOf(record.message.clientId);
    const { conversationId } = record.event;
    const owner = this.of(conversationId).index.ownerOf(conversationId);
    // Each listener knows its conversation: a session must not miss a deletion because the conversation has been idle for long.
    return owner === undefined ? [...this.#listeners.values()].flatMap((each) => [...each]) : this.#listenersOf(owner);
  }

  #listenersOf(clientId: string): Iterable<ClientListener> {
    return this.#listeners.get(clientId) ?? [];
  }
}

function pendingIn({ turns }: PartitionState, clientId: string): number {
  return turns.get(clientId)?.pending ?? 0;
}

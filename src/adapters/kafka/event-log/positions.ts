import { LogUnavailable } from '../../../ports/event-log.ts';
import type { Brokers, NodeId } from './brokers.ts';
import { commitIntervalMs } from './limits.ts';
import { byTopic } from './messages.ts';
import { errorCode } from './protocol-errors.ts';
import { withRetries } from './retries.ts';
import { api, describeError, WireBroken } from './wire.ts';

interface Place {
  readonly topic: string;
  readonly partition: number;
}

interface FetchedOffsets {
  readonly errorCode: number;
  readonly responses: readonly {
    readonly partitions: readonly { readonly errorCode: number; readonly offset: string }[];
  }[];
}

interface CommittedOffsets {
  readonly responses: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[];
}

interface Waiting {
  readonly offsets: Map<string, Place & { offset: number }>;
  readonly done: PromiseWithResolvers<void>;
}

/** Without members, a group is a name under which offsets are kept: whoever commits is of no generation. */
const noGeneration = -1;

/** The positions of consumer groups that have no members, as their coordinator keeps them. */
export class Positions {
  readonly #brokers: Brokers;
  readonly #coordinators = new Map<string, NodeId>();
  readonly #gathering = new Map<string, Waiting>();
  /** The commits of one group go one after the other. */
  readonly #committing = new Map<string, Promise<void>>();
  #closed = false;

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** Where the group is; 0 when it never committed. Rejects with LogUnavailable. */
  committed(group: string, topic: string, partition: number): Promise<number> {
    const topics = [{ topic, partitions: [{ partition }] }];
    return withRetries(`positions of ${group}`, 'not-written', async () => {
      const answer = await this.#ask<FetchedOffsets>(group, api.offsetFetch, { groupId: group, topics });
      const found = answer.responses[0]?.partitions[0];
      this.#check(group, found?.errorCode ?? answer.errorCode);
      return Math.max(0, Number(found?.offset ?? 0));
    });
  }

  /** Keeps a position, together with what others of the group commit within 200 ms. Rejects with LogUnavailable. */
  commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    if (this.#closed) return Promise.reject(new LogUnavailable('the log is closed', 'not-written'));
    let waiting = this.#gathering.get(group);
    if (waiting === undefined) {
      waiting = { offsets: new Map(), done: Promise.withResolvers() };
      this.#gathering.set(group, waiting);
      setTimeout(() => this.#flush(group), commitIntervalMs);
    }
    waiting.offsets.set(`${topic}/${partition}`, { topic, partition, offset });
    return waiting.done.promise;
  }

  /** Keeps what was committed, or finds that it cannot. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const group of this.#gathering.keys()) this.#flush(group);
    await Promise.all(this.#committing.values());
  }

  #flush(group: string): void {
    const waiting = this.#gathering.get(group);
    if (waiting === undefined) return;
    this.#gathering.delete(group);
    const before = this.#committing.get(group) ?? Promise.resolve();
    const committing = before
      .then(() => this.#commit(group, [...waiting.offsets.values()]))
      .then(waiting.done.resolve, waiting.done.reject);
    this.#committing.set(group, committing);
  }

  #commit(group: string, offsets: readonly (Place & { readonly offset: number })[]): Promise<void> {
    const topics = byTopic(offsets, ({ partition, offset }) => ({ partition, offset: String(offset) }));
    const options = { groupId: group, groupGenerationId: noGeneration, memberId: '', topics };
    return withRetries(`positions of ${group}`, 'unknown', async () => {
      const { responses } = await this.#ask<CommittedOffsets>(group, api.offsetCommit, options);
      for (const { partitions } of responses) for (const one of partitions) this.#check(group, one.errorCode);
    });
  }

  async #ask<Answer>(
    group: string,
    which: typeof api.offsetFetch | typeof api.offsetCommit,
    options: object,
  ): Promise<Answer> {
    try {
      const coordinator = this.#coordinators.get(group) ?? (await this.#brokers.coordinator(group));
      this.#coordinators.set(group, coordinator);
      const wire = await this.#brokers.wire(coordinator, 'committing');
      return await wire.ask<Answer>(which, options);
    } catch (error) {
      this.#coordinators.delete(group);
      throw error;
    }
  }

  #check(group: string, code: number): void {
    if (code === errorCode.none) return;
    this.#coordinators.delete(group);
    throw new WireBroken(`positions of ${group}: ${describeError(code)}`);
  }
}

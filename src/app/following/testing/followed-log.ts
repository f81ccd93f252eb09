import { nodeCryptoIds } from '../../../adapters/node/node-crypto-ids.ts';
import type { ConversationEvent } from '../../../domain/conversation/events.ts';
import type { Tracer } from '../../../ports/tracing.ts';
import { eventCodec } from '../../../testing/event-codec.ts';
import { FaultyLog } from '../../../testing/faulty-log.ts';
import { MemoryLogServer } from '../../../testing/memory/event-log/memory-log.ts';
import { StandingClock } from '../../../testing/standing-clock.ts';
import { Journal } from '../../journal.ts';
import { tracedLog } from '../../traced-log.ts';
import { Following, type FollowingDeps } from '../following.ts';

const topic = 'test.conversations';
const groups = { group: 'test.workers', readGroup: 'test.workers.read' };

/** A log in memory that fails as told, time that stands still, and whoever follows the log. */
export class FollowedLog implements AsyncDisposable {
  readonly partitions: number;
  readonly clock = new StandingClock();
  readonly server: MemoryLogServer;
  readonly log: FaultyLog;
  readonly journal: Journal;
  readonly faults: unknown[] = [];
  readonly logged: { readonly level: 'warn' | 'error'; readonly fields: object }[] = [];
  readonly #followings: Following[] = [];
  #goOn = () => {};

  constructor(partitions = 1, tracer?: Tracer) {
    this.partitions = partitions;
    this.server = new MemoryLogServer({ 'test.connections': 1, [topic]: partitions }, () => this.clock.nowMs());
    this.log = new FaultyLog(this.server.handle());
    this.journal = new Journal(tracedLog(this.log, tracer), eventCodec, 'test');
  }

  get logger() {
    const silent = () => {};
    const keep = (level: 'warn' | 'error') => (fields: object) => void this.logged.push({ level, fields });
    return { debug: silent, info: silent, warn: keep('warn'), error: keep('error') };
  }

  /** Begins to follow the log. */
  follow(over: Partial<FollowingDeps> = {}): Following {
    const { journal, clock, logger } = this;
    const following = new Following({
      ...{ journal, clock, logger, ...groups, ids: nodeCryptoIds, random: () => 0 },
      lookBackRecords: 1_000,
      windowIds: 1_000,
      onFault: (error) => this.faults.push(error),
      ...over,
    });
    this.#followings.push(following);
    following.start();
    return following;
  }

  partitionOf(conversationId: string): number {
    return nodeCryptoIds.partition(conversationId, this.partitions);
  }

  /** Appends events, each to the partition of its conversation; answers with the offset of the last. */
  async append(...events: readonly ConversationEvent[]): Promise<number> {
    let offset = -1;
    for (const event of events) {
      const conversationId = 'conversationId' in event ? event.conversationId : '';
      const partition = this.partitionOf(conversationId);
      const [at] = await this.journal.appendConversation(partition, conversationId, [event]);
      offset = at?.offset ?? offset;
    }
    return offset;
  }

  /** Appends something that nobody can read, so many times. */
  async appendUnreadable(count = 1): Promise<void> {
    const record = { topic, partition: 0, key: '', headers: {}, value: Buffer.from('?') };
    await this.log.append(Array.from({ length: count }, () => record));
  }

  /** The workers have committed a position of the first partition, when they had read so far. */
  async commit(committed: number, read = committed): Promise<void> {
    await this.log.commit(groups.group, topic, 0, committed);
    await this.log.commit(groups.readGroup, topic, 0, read);
  }

  /** Takes the end of the first partition away. */
  truncate(toOffset: number): void {
    this.server.truncate(topic, 0, toOffset);
  }

  /** What is appended is not read until `goOn`. */
  stall(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.log.stalled = promise;
    this.#goOn = resolve;
  }

  goOn(): void {
    this.log.stalled = undefined;
    this.#goOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goOn();
    await Promise.all(this.#followings.map((following) => following.stop()));
  }
}

/** Everything that can go on has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

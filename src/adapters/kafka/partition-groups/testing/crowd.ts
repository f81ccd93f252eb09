import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { GroupMember } from '../../../../ports/partition-groups.ts';
import { systemClock } from '../../../node/system-clock.ts';
import { kafkaPartitionGroups } from '../kafka-partition-groups.ts';

/** Members of one process, so that what they are told has one order. */
export class Crowd implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #group = `group.${randomUUID()}`;
  readonly #members = new Map<GroupMember, { readonly id: number }>();
  readonly #has = new Map<number, readonly number[]>();
  readonly overlaps: string[] = [];
  #joined = 0;

  constructor(brokers: string, topic: string) {
    this.#kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 2 } });
    this.#topic = topic;
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  /** What each has that was told anything. */
  has(): readonly (readonly number[])[] {
    return [...this.#has.values()];
  }

  async join(): Promise<void> {
    this.#joined += 1;
    const id = this.#joined;
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const groups = kafkaPartitionGroups({ kafka: this.#kafka, logger, clock: systemClock, heartbeatMs: 100 });
    const member = await groups.join(this.#group, this.#topic, (partitions) => this.#hear(id, partitions));
    this.#members.set(member, { id });
  }

  #hear(id: number, partitions: readonly number[]): void {
    this.#has.set(id, partitions);
    for (const [other, others] of this.#has) {
      const both = others.filter((partition) => other !== id && partitions.includes(partition));
      if (both.length > 0) this.overlaps.push(`${both.join()} of ${id} and ${other}`);
    }
  }

  async leave(place: number): Promise<void> {
    const [member, { id }] = [...this.#members][place] ?? [undefined, { id: 0 }];
    if (member === undefined) return;
    this.#members.delete(member);
    this.#has.delete(id);
    await member[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.size > 0) await this.leave(0);
  }
}

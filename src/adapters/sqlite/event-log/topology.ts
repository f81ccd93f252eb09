/** A topic as the log holds it. */
export interface Topic {
  /** Stands in its frames. */
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
}

/** One partition of one topic. */
export interface Partition {
  readonly topic: Topic;
  readonly partition: number;
}

/**
 * All topics, and their partitions in one row: a partition's place in it is its slot, by which arrays of ends and feeds
 * are indexed.
 */
export class Topology {
  readonly topics: readonly Topic[];
  readonly partitions: readonly Partition[];
  readonly #byName: ReadonlyMap<string, { readonly topic: Topic; readonly firstSlot: number }>;
  readonly #firstSlotById: ReadonlyMap<number, number>;

  constructor(topics: readonly Topic[]) {
    this.topics = [...topics].sort((one, other) => one.id - other.id);
    const partitions: Partition[] = [];
    const byName = new Map<string, { topic: Topic; firstSlot: number }>();
    for (const topic of this.topics) {
      byName.set(topic.name, { topic, firstSlot: partitions.length });
      for (let partition = 0; partition < topic.partitions; partition += 1) partitions.push({ topic, partition });
    }
    this.partitions = partitions;
    this.#byName = byName;
    this.#firstSlotById = new Map([...byName.values()].map(({ topic, firstSlot }) => [topic.id, firstSlot]));
  }

  /** Throws RangeError when there is no such topic. */
  topic(name: string): Topic {
    return this.#entry(name).topic;
  }

  /** How many the topic has; 0: there is no such topic. */
  partitionsOf(name: string): number {
    return this.#byName.get(name)?.topic.partitions ?? 0;
  }

  /** Throws RangeError when there is no such topic or partition. */
  slot(name: string, partition: number): number {
    const { topic, firstSlot } = this.#entry(name);
    if (!Number.isInteger(partition) || partition < 0 || partition >= topic.partitions) {
      throw new RangeError(`topic ${name} has partitions 0 to ${topic.partitions - 1}, not ${partition}`);
    }
    return firstSlot + partition;
  }

  /** The slot of a partition by its topic's id; undefined when there is no such partition. */
  slotById(topicId: number, partition: number): number | undefined {
    const firstSlot = this.#firstSlotById.get(topicId);
    if (firstSlot === undefined) return undefined;
    const slot = firstSlot + partition;
    return this.partitions[slot]?.topic.id === topicId ? slot : undefined;
  }

  #entry(name: string): { readonly topic: Topic; readonly firstSlot: number } {
    const entry = this.#byName.get(name);
    if (entry === undefined) throw new RangeError(`the log has no topic ${name}`);
    return entry;
  }
}

/** Topics and how many partitions each has. */
export class Topology {
  readonly #topics: ReadonlyMap<string, number>;

  constructor(topics: ReadonlyMap<string, number>) {
    this.#topics = topics;
  }

  /** Throws RangeError when there is no such topic. */
  partitions(topic: string): number {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new RangeError(`the log has no topic ${topic}`);
    return partitions;
  }

  /** Throws RangeError when there is no such partition. */
  check(topic: string, partition: number): void {
    const partitions = this.partitions(topic);
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions)
      throw new RangeError(`topic ${topic} has partitions 0 to ${partitions - 1}, not ${partition}`);
  }
}

import { replicationTimeoutMs } from './limits.ts';

/** A batch for one partition. */
export interface BatchToProduce {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

/** A partition to fetch from an offset on. */
export interface PartitionToFetch {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: number;
  readonly maxBytes: number;
}

const string = (text: string) => 2 + Buffer.byteLength(text);

/**
 * Batches to append once all replicas in sync have them, version 7:
 *
 *     request   = transaction:-1:int16 acks:-1:int16 timeoutMs:int32 topics:int32 topic*
 *     topic     = name:string partitions:int32 (partition:int32 length:int32 byte*)*
 */
export function encodeProduce(batches: readonly BatchToProduce[]): Buffer {
  const topics = byTopic(batches, (batch) => batch);
  const names = topics.reduce((sum, { topic }) => sum + string(topic) + 4, 0);
  const body = new Body(12 + names + batches.reduce((sum, { batch }) => sum + 8 + batch.length, 0));
  body.int16(-1).int16(-1).int32(replicationTimeoutMs).int32(topics.length);
  for (const { topic, partitions } of topics) {
    body.string(topic).int32(partitions.length);
    for (const { partition, batch } of partitions) body.int32(partition).int32(batch.length).bytes(batch);
  }
  return body.buffer;
}

/**
 * Committed records, for a consumer that is no replica and in no rack, and outside of fetch sessions, version 11:
 *
 *     request   = replica:-1:int32 maxWaitMs:int32 minBytes:1:int32 maxBytes:int32 committed:1:int8 session:0:int32 epoch:-1:int32
 *                 topics:int32 topic* forgotten:0:int32 rack:string
 *     topic     = name:string partitions:int32 partition*
 *     partition = partition:int32 leaderEpoch:-1:int32 offset:int64 logStart:-1:int64 maxBytes:int32
 */
export function encodeFetch(partitions: readonly PartitionToFetch[], maxBytes: number, maxWaitMs: number): Buffer {
  const topics = byTopic(partitions, (partition) => partition);
  const names = topics.reduce((sum, { topic }) => sum + string(topic) + 4, 0);
  const body = new Body(29 + names + partitions.length * 28 + 6);
  body.int32(-1).int32(maxWaitMs).int32(1).int32(maxBytes).int8(1).int32(0).int32(-1).int32(topics.length);
  for (const group of topics) {
    body.string(group.topic).int32(group.partitions.length);
    for (const { partition, fromOffset, maxBytes: partitionBytes } of group.partitions)
      body.int32(partition).int32(-1).int64(fromOffset).int64(-1).int32(partitionBytes);
  }
  return body.int32(0).string('').buffer;
}

/** Groups as Kafka's messages do. */
export function byTopic<T extends { readonly topic: string }, U>(
  items: readonly T[],
  of: (item: T) => U,
): readonly { readonly topic: string; readonly partitions: readonly U[] }[] {
  const groups = new Map<string, U[]>();
  for (const item of items) {
    const group = groups.get(item.topic);
    if (group === undefined) groups.set(item.topic, [of(item)]);
    else group.push(of(item));
  }
  return [...groups].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Numbers and strings one after the other, of a length that is known. */
class Body {
  readonly buffer: Buffer;
  #at = 0;

  constructor(length: number) {
    this.buffer = Buffer.allocUnsafe(length);
  }

  int8(value: number): this {
    this.#at = this.buffer.writeInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#at = this.buffer.writeInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#at = this.buffer.writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: number): this {
    return this.int32(Math.floor(value / 2 ** 32)).int32(value | 0);
  }

  string(text: string): this {
    this.int16(Buffer.byteLength(text));
    this.#at += this.buffer.write(text, this.#at);
    return this;
  }

  bytes(bytes: Buffer): this {
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }
}

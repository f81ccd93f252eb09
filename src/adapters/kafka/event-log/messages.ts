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

/** What a broker answered for one partition of a fetch. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** 0: none. Kafka's own numbers otherwise. */
  readonly errorCode: number;
  /** Record batches, the last of which may be cut off. */
  readonly records: Buffer;
}

/**
 * A fetch's answer, version 11:
 *
 *     answer    = throttleMs:int32 error:int16 session:int32 topics:int32 topic*
 *     topic     = name:string partitions:int32 partition*
 *     partition = partition:int32 error:int16 highWatermark:int64 lastStable:int64 logStart:int64
 *                 aborted:int32 (producer:int64 first:int64)* replica:int32 length:int32 byte*
 */
export function decodeFetch(bytes: Buffer): readonly FetchedPartition[] {
  const found: FetchedPartition[] = [];
  const topics = bytes.readInt32BE(10);
  let at = 14;
  for (let read = 0; read < topics; read += 1) {
    const nameEnd = at + 2 + bytes.readInt16BE(at);
    const topic = bytes.toString('utf8', at + 2, nameEnd);
    const partitions = bytes.readInt32BE(nameEnd);
    at = nameEnd + 4;
    for (let index = 0; index < partitions; index += 1) {
      const abortedAt = at + 30;
      const lengthAt = abortedAt + 4 + 16 * Math.max(0, bytes.readInt32BE(abortedAt)) + 4;
      const end = lengthAt + 4 + Math.max(0, bytes.readInt32BE(lengthAt));
      const records = bytes.subarray(lengthAt + 4, end);
      found.push({ topic, partition: bytes.readInt32BE(at), errorCode: bytes.readInt16BE(at + 4), records });
      at = end;
    }
  }
  return found;
}

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

import { LogDamaged } from '../../../ports/event-log.ts';
import { retryFirstMs, retryLongestMs } from './limits.ts';
import { decodeBatches, type StoredRecord } from './record-batch.ts';
import type { TailQueue } from './tail-queue.ts';

/** Tails of one partition at the same offset: fetched records go to all of them. */
export class FetchSession {
  readonly topic: string;
  readonly partition: number;
  /** Records may be missing between others: the topic is compacted. */
  readonly isSparse: boolean;
  readonly tails = new Set<TailQueue>();
  /** The offset of the next record. */
  position: number;
  /** Its position was beyond the end when it was last fetched. */
  isSuspect = false;
  /** A fetch for it is under way. */
  busy = false;
  /** Not fetched before this time of `performance.now()`. */
  notBeforeMs = 0;
  #failures = 0;

  constructor(topic: string, partition: number, position: number, isSparse: boolean) {
    this.topic = topic;
    this.partition = partition;
    this.position = position;
    this.isSparse = isSparse;
  }

  /** Hands on what was fetched; throws LogDamaged behind the last good record. */
  deliver(bytes: Buffer): void {
    const { records, nextOffset, damage } = decodePartition(this, bytes, this.position);
    this.#failures = 0;
    this.position = nextOffset;
    if (records.length > 0) for (const tail of this.tails) tail.offer(records);
    if (damage !== undefined) throw new LogDamaged(this.topic, this.partition, nextOffset, damage);
  }

  /** Something failed: the next try is put off, and each time longer. Returns until when. */
  backOff(nowMs: number): number {
    this.notBeforeMs = nowMs + Math.min(retryFirstMs * 1.5 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 20);
    return this.notBeforeMs;
  }
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly isSparse: boolean;
}

/** What a fetch brought, up to the first record that is damaged or missing. */
export function decodePartition(
  { isSparse }: Pick<Place, 'isSparse'>,
  bytes: Buffer,
  fromOffset: number,
): { records: readonly StoredRecord[]; nextOffset: number; damage: string | undefined } {
  const decoded = decodeBatches(bytes, fromOffset);
  const { records, nextOffset } = decoded;
  if (isSparse || nextOffset === fromOffset + records.length) return decoded;
  const first = records.findIndex(({ offset }, index) => offset !== fromOffset + index);
  const whole = first < 0 ? records : records.slice(0, first);
  return { records: whole, nextOffset: fromOffset + whole.length, damage: 'it is missing' };
}

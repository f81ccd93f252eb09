import { LogDamaged } from '../../../ports/event-log.ts';
import { maxTailQueueBytes, maxTailQueueRecords, retryFirstMs, retryLongestMs } from './limits.ts';
import { decodeBatches, type StoredRecord } from './record-batch.ts';

/** What a record costs to hold besides its value. */
const overheadBytes = 256;

/** What was fetched for one tail and not yet taken by it. */
export class TailQueue {
  /** Called whenever there is room again. */
  readonly #onRoom: () => void;
  #records: StoredRecord[] = [];
  #taken = 0;
  #bytes = 0;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** It takes more. */
  get hasRoom(): boolean {
    return this.#bytes < maxTailQueueBytes && this.#records.length - this.#taken < maxTailQueueRecords;
  }

  offer(records: readonly StoredRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeOf(record);
    }
    this.#wake();
  }

  /** Ends the tail, once what it has is taken. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  /** Up to so many records, as soon as there is one; none when the signal aborts. Rejects with what the tail ended with. */
  async take(maxRecords: number, signal: AbortSignal): Promise<readonly StoredRecord[]> {
    while (this.#records.length === this.#taken) {
      if (signal.aborted) return [];
      if (this.#error !== undefined) throw this.#error;
      await this.#change(signal);
    }
    const hadRoom = this.hasRoom;
    const records = this.#records.slice(this.#taken, this.#taken + maxRecords);
    this.#taken += records.length;
    for (const record of records) this.#bytes -= sizeOf(record);
    if (this.#taken === this.#records.length) {
      this.#records = [];
      this.#taken = 0;
    }
    if (!hadRoom && this.hasRoom) this.#onRoom();
    return records;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#wake = () => {};
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}

function sizeOf({ value }: StoredRecord): number {
  return (value?.length ?? 0) + overheadBytes;
}

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

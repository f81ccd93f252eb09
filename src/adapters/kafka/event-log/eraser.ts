import type { Erasure } from '../../../ports/event-log.ts';
import type { KeyRing } from './key-ring.ts';
import { expectedRecordBytes, maxTombstones } from './limits.ts';
import type { Producer } from './producer.ts';
import type { Reader } from './reader.ts';
import type { StoredRecord } from './record-batch.ts';
import { sealOf } from './sealing.ts';

/** Records per request: those of a conversation are often close to each other. */
const recordsPerLook = 32;

/** Erases words by destroying their keys. */
export class Eraser {
  readonly #reader: Reader;
  readonly #producer: Producer;
  readonly #ring: KeyRing | undefined;
  readonly #keysTopic: string;

  constructor(reader: Reader, producer: Producer, ring: KeyRing | undefined, keysTopic: string) {
    this.#reader = reader;
    this.#producer = producer;
    this.#ring = ring;
    this.#keysTopic = keysTopic;
  }

  /** As EventLog.erase: resolves when the keys are deleted and this process returns the content no more. */
  async erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void> {
    const keyIds = new Set<string>();
    const looked = new Map<number, StoredRecord>();
    for (const { offset, value } of [...erasures].sort((one, other) => one.offset - other.offset)) {
      const record = await this.#record(topic, partition, offset, looked);
      if (record === undefined) throw new RangeError(`${topic}/${partition} has no record at offset ${offset}`);
      const keyId = keyToDestroy(record, value);
      if (keyId !== undefined) keyIds.add(keyId);
    }
    await this.#destroy([...keyIds]);
  }

  async #record(
    topic: string,
    partition: number,
    offset: number,
    looked: Map<number, StoredRecord>,
  ): Promise<StoredRecord | undefined> {
    if (!Number.isInteger(offset) || offset < 0) return undefined;
    const known = looked.get(offset);
    if (known !== undefined) return known;
    const { records } = await this.#reader.page(topic, partition, offset, recordsPerLook * expectedRecordBytes);
    looked.clear();
    for (const record of records) looked.set(record.offset, record);
    return looked.get(offset);
  }

  async #destroy(keyIds: readonly string[]): Promise<void> {
    const ring = this.#ring;
    if (ring === undefined || keyIds.length === 0) return;
    await ring.sync();
    const living = keyIds.filter((id) => ring.has(id));
    if (living.length === 0) return;
    for (let start = 0; start < living.length; start += maxTombstones) {
      const tombstones = living.slice(start, start + maxTombstones).map((id) => ({
        topic: this.#keysTopic,
        partition: 0,
        record: { key: id, value: null, headers: {} },
      }));
      await this.#producer.append(tombstones);
    }
    await ring.sync();
  }
}

/** The key whose end leaves this much of the record; undefined when it has no words, now or ever. Throws RangeError when it cannot be left so. */
function keyToDestroy({ offset, value, headers }: StoredRecord, remains: Uint8Array): string | undefined {
  const sealed = sealOf(headers);
  const stored = value ?? new Uint8Array();
  const beginning = sealed === undefined ? stored : stored.subarray(0, sealed.contentOffset);
  if (Buffer.compare(beginning, remains) !== 0)
    throw new RangeError(
      `the record at offset ${offset} cannot be left with that value: it is not what comes before its words`,
    );
  return sealed?.keyId;
}

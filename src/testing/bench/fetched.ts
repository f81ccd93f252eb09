import { KeyRing } from '../../adapters/kafka/event-log/key-ring.ts';
import { Opener } from '../../adapters/kafka/event-log/opener.ts';
import type { Reader } from '../../adapters/kafka/event-log/reader.ts';
import { decodeBatches, encodeBatch } from '../../adapters/kafka/event-log/record-batch.ts';
import { type DataKey, makeDataKey, seal } from '../../adapters/kafka/event-log/sealing.ts';
import type { EventCodec } from '../../ports/event-codec.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import type { Logger } from '../../ports/telemetry.ts';

const nobody = { producerId: 1n, producerEpoch: 0, firstSequence: 0 };
/** As a tail gives them on (adapters/kafka/event-log/limits.ts). */
const recordsAtOnce = 512;

interface FetchedDeps {
  readonly codec: EventCodec;
  readonly logger: Logger;
}

/** Records of one partition as a broker sends them, each in a batch of its own, their words encrypted. */
export class FetchedRecords {
  readonly #topic: string;
  readonly #partition: number;
  readonly #codec: EventCodec;
  readonly #keys = new Map<string, DataKey>();
  readonly #opener: Opener;
  readonly #fetched: readonly Buffer[];
  readonly #records: readonly LogRecord[];

  constructor(topic: string, partition: number, records: readonly LogRecord[], { codec, logger }: FetchedDeps) {
    this.#topic = topic;
    this.#partition = partition;
    this.#codec = codec;
    this.#records = records;
    const batches = records.map((record) => this.#stored(record));
    this.#fetched = Array.from({ length: Math.ceil(batches.length / recordsAtOnce) }, (_, index) =>
      Buffer.concat(batches.slice(index * recordsAtOnce, (index + 1) * recordsAtOnce)),
    );
    // All keys are known to it: it asks no broker.
    const ring = new KeyRing('', {} as Reader, logger);
    for (const { id, bytes } of this.#keys.values()) ring.add(id, bytes, 0);
    this.#opener = new Opener(ring);
  }

  /** Decodes and decrypts all of them. Throws when that does not give what they were made of. */
  async open(): Promise<void> {
    let opened = 0;
    for (const bytes of this.#fetched) {
      const { records, damage } = decodeBatches(bytes, this.#records[opened]?.offset ?? 0);
      const result = await this.#opener.open(this.#topic, this.#partition, records);
      const last = result.records.at(-1);
      opened += result.records.length;
      if (damage !== undefined || last?.value.length !== this.#records[opened - 1]?.value.length)
        throw new Error(`what was stored cannot be read: ${damage ?? result.damage?.message ?? 'other records'}`);
    }
  }

  #stored(record: LogRecord): Buffer {
    const contentOffset = this.#codec.redact(record)?.length;
    const toWrite = contentOffset === undefined ? record : seal(record, contentOffset, this.#keyOf(record.key));
    const batch = encodeBatch([toWrite], nobody, record.timeMs);
    // As the broker does; the checksum does not cover it.
    batch.writeBigInt64BE(BigInt(record.offset), 0);
    return batch;
  }

  #keyOf(conversationId: string): DataKey {
    const key = this.#keys.get(conversationId) ?? makeDataKey();
    this.#keys.set(conversationId, key);
    return key;
  }
}

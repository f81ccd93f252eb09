import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { seededRandom, testSeeds } from '../../../testing/random.ts';
import { crc32c } from './crc32c.ts';
import { decodePartition } from './fetch-session.ts';
import { decodeBatches, encodeBatch, type RecordToWrite, recordBytes, type StoredRecord } from './record-batch.ts';

const nobody = { producerId: -1n, producerEpoch: -1, firstSequence: -1 };
const crcAt = 17;
const attributesAt = 21;

/** As the broker stores it: with the offset that it gave it. */
function stored(records: readonly RecordToWrite[], baseOffset: number, timeMs = 1_700_000_000_000): Buffer {
  const batch = encodeBatch(records, nobody, timeMs);
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  return batch;
}

function record(content: string): RecordToWrite {
  return { key: `key of ${content}`, value: Buffer.from(content), headers: { ce_id: content } };
}

function contents(records: readonly StoredRecord[]): string[] {
  return records.map(({ offset, value }) => `${offset} ${Buffer.from(value ?? []).toString()}`);
}

/** Strings are compared a thousand times as fast. */
function comparable<R extends RecordToWrite>(given: R) {
  return { ...given, value: given.value && Buffer.from(given.value).toString('latin1') };
}

describe('the checksum', () => {
  test('is CRC-32C, over any range', () => {
    const bytes = Buffer.from('12345678912345678');
    expect(crc32c(bytes, 0, 9)).toBe(0xe3069283);
    expect(crc32c(bytes, 9, 17)).toBe(crc32c(Buffer.from('12345678'), 0, 8));
    expect(crc32c(bytes, 3, 3)).toBe(0);
    // RFC 3720, B.4.
    expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8ab43);
  });
});

describe.each(testSeeds)('a record batch (TEST_SEED=%i)', (seed) => {
  const random = seededRandom(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const letters = ['a', 'ü', '値', '😀'];
  const word = () => Array.from({ length: below(70) }, () => letters[below(4)]).join('');

  function anyRecord(): RecordToWrite {
    // Around the lengths at which a length takes one byte more.
    const length = [0, 1, 62, 63, 64, 65, 8_190, 8_192, 8_200, 100_000][below(10)] ?? 0;
    const value = below(8) === 0 ? null : new Uint8Array(length).fill(below(256));
    const headers = Object.fromEntries(Array.from({ length: below(5) }, (_, index) => [`h${index}${word()}`, word()]));
    return { key: word(), value, headers };
  }

  test('gives back what it was made of, from any offset on', () => {
    for (let round = 0; round < 50; round += 1) {
      const records = Array.from({ length: 1 + below(200 >> (round % 8)) }, anyRecord);
      const bytes = stored(records, 2 ** 33 + round);
      const skipped = below(records.length);
      const decoded = decodeBatches(bytes, 2 ** 33 + round + skipped);
      const { nextOffset, damage } = decoded;
      expect([nextOffset, damage]).toEqual([2 ** 33 + round + records.length, undefined]);
      expect(decoded.records.map(comparable)).toEqual(
        records
          .map((given, index) => ({ ...comparable(given), offset: 2 ** 33 + round + index, timeMs: 1_700_000_000_000 }))
          .slice(skipped),
      );
      expect(bytes.length).toBeLessThanOrEqual(records.reduce((sum, given) => sum + recordBytes(given), 61));
    }
  });

  test('is what kafkajs makes and reads', async () => {
    const load = createRequire(import.meta.url);
    const decode = load('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (decoder: object) => Promise<KafkajsBatch>;
    const Decoder = load('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;
    const makeRecord = load('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => object;
    const { RecordBatch } = load('kafkajs/src/protocol/recordBatch/v0/index.js') as {
      RecordBatch(this: void, batch: object): Promise<{ buffer: Buffer }>;
    };
    const records = Array.from({ length: 30 }, anyRecord);
    const ours = encodeBatch(records, { producerId: 5_000_000_000n, producerEpoch: 3, firstSequence: 70_000 }, 1_000);
    const read = await decode(new Decoder(ours));
    expect(read).toMatchObject({ producerId: '5000000000', producerEpoch: 3, firstSequence: 70_000 });
    expect(read.records.map(({ key }) => String(key))).toEqual(records.map(({ key }) => key));
    expect(read.records.map(({ value }) => value?.toString('latin1'))).toEqual(
      records.map(({ value }) => value && Buffer.from(value).toString('latin1')).map((value) => value ?? undefined),
    );
    const theirs = await RecordBatch({
      records: records.map((given, offsetDelta) =>
        makeRecord({ ...given, value: given.value && Buffer.from(given.value), offsetDelta, timestampDelta: 0 }),
      ),
      lastOffsetDelta: records.length - 1,
      firstTimestamp: 1_000,
      maxTimestamp: 1_000,
    });
    const decoded = decodeBatches(theirs.buffer, 0);
    expect(decoded.damage).toBeUndefined();
    expect(decoded.records.map(comparable)).toEqual(
      records.map((given, offset) => ({ ...comparable(given), offset, timeMs: 1_000 })),
    );
  });

  test('that is cut off is left for the next fetch, wherever it is cut', () => {
    const first = stored([record('a'), record('b')], 7);
    const both = Buffer.concat([first, stored([record('c')], 9)]);
    for (let length = 0; length < both.length; length += 1) {
      const decoded = decodeBatches(both.subarray(0, length), 7);
      expect(decoded.damage).toBeUndefined();
      expect(contents(decoded.records)).toEqual(length < first.length ? [] : ['7 a', '8 b']);
      expect(decoded.nextOffset).toBe(length < first.length ? 7 : 9);
    }
  });

  test('is refused when any of its bytes is not what was written, after all that stands before it', () => {
    const first = stored([record('a')], 0);
    const second = stored([record('b'), record('c')], 1);
    for (let at = crcAt; at < second.length; at += 1) {
      const bytes = Buffer.concat([first, second]);
      bytes.writeUInt8(bytes.readUInt8(first.length + at) ^ (1 << (at % 8)), first.length + at);
      const decoded = decodeBatches(bytes, 0);
      expect(contents(decoded.records)).toEqual(['0 a']);
      expect(decoded).toMatchObject({ nextOffset: 1, damage: expect.stringContaining('checksum') });
    }
  });

  test('is refused when it is compressed, or says that it is longer than it is', () => {
    const compressed = stored([record('a')], 0);
    compressed.writeInt16BE(1, attributesAt);
    compressed.writeUInt32BE(crc32c(compressed, attributesAt, compressed.length), crcAt);
    expect(decodeBatches(compressed, 0)).toMatchObject({ records: [], damage: expect.stringContaining('compress') });
    const long = stored([record('a')], 0);
    long.writeInt32BE(2, 57);
    long.writeUInt32BE(crc32c(long, attributesAt, long.length), crcAt);
    expect(decodeBatches(long, 0)).toMatchObject({ records: [], damage: expect.stringContaining('cannot be read') });
  });
});

describe('a partition that was fetched', () => {
  test('has every record, unless it may be sparse', () => {
    const bytes = Buffer.concat([stored([record('a')], 3), stored([record('c'), record('d')], 5)]);
    const whole = decodePartition({ isSparse: false }, bytes, 3);
    expect(contents(whole.records)).toEqual(['3 a']);
    expect(whole).toMatchObject({ nextOffset: 4, damage: 'it is missing' });
    expect(decodePartition({ isSparse: false }, bytes, 4)).toMatchObject({
      records: [],
      nextOffset: 4,
      damage: 'it is missing',
    });
    const sparse = decodePartition({ isSparse: true }, bytes, 3);
    expect(contents(sparse.records)).toEqual(['3 a', '5 c', '6 d']);
    expect(sparse).toMatchObject({ nextOffset: 7, damage: undefined });
    expect(contents(decodePartition({ isSparse: false }, bytes, 5).records)).toEqual(['5 c', '6 d']);
  });
});

interface KafkajsBatch {
  readonly records: readonly { readonly key: Buffer; readonly value: Buffer | null }[];
}

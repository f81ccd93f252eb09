import { expect, test } from '@jest/globals';
import { crc32c } from './crc32c.ts';
import { decodeBatches, encodeBatch } from './record-batch.ts';

const identity = { producerId: 1n, producerEpoch: 0, firstSequence: 0 };
const timed = (timeMs?: number) => ({ key: 'k', headers: {}, value: Buffer.from('v'), ...(timeMs && { timeMs }) });
const timesOf = (bytes: Buffer) => decodeBatches(bytes, 0).records.map(({ timeMs }) => timeMs);

const [crcAt, attributesAt, maxTimeAt] = [17, 21, 35];

/** As a broker does that writes its own time. */
function withLogTime(batch: Buffer, timeMs: number): Buffer {
  const bytes = Buffer.from(batch);
  bytes.writeInt16BE(8, attributesAt);
  bytes.writeBigInt64BE(BigInt(timeMs), maxTimeAt);
  bytes.writeUInt32BE(crc32c(bytes, attributesAt, bytes.length), crcAt);
  return bytes;
}

test('records keep the times that they are given, however far apart a batch may have them', () => {
  const times = [
    1_700_000_000_000,
    1_700_000_000_000,
    1_700_000_000_001,
    1_700_000_900_000,
    1_700_000_000_000 + 2 ** 31 - 1,
  ];
  expect(timesOf(encodeBatch(times.map(timed), identity, 5))).toEqual(times);
  const backwards = [2_000, 1_000];
  expect(timesOf(encodeBatch(backwards.map(timed), identity, 5))).toEqual(backwards);
});

test("the broker's time stands instead of what the writer gave", () => {
  const batch = encodeBatch([timed(1_000), timed(2_000)], identity, 5);
  expect(timesOf(withLogTime(batch, 9_000))).toEqual([9_000, 9_000]);
});

test('without a time, records have that of the writing', () => {
  expect(timesOf(encodeBatch([timed(), timed()], identity, 5))).toEqual([5, 5]);
});

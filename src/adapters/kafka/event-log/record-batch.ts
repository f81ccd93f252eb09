import type { LogRecord } from '../../../ports/event-log.ts';
import { crc32c } from './crc32c.ts';

/**
 * Kafka's record batch, format 2. Written and read here because kafkajs takes 15 µs per record for each, and does not look at the checksum.
 *
 *     batch  = baseOffset:int64 length:int32 leaderEpoch:int32 magic:int8 crc:uint32 attributes:int16 lastOffsetDelta:int32
 *              firstTime:int64 maxTime:int64 producerId:int64 producerEpoch:int16 firstSequence:int32 count:int32 record*
 *     record = length:varint attributes:int8 timeDelta:varint offsetDelta:varint key:bytes value:bytes headers:varint (name:bytes value:bytes)*
 *     bytes  = length:varint (-1: null) byte*
 *
 * `length` counts what follows it, `crc` covers all from `attributes` on.
 */
const place = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTime: 27,
  maxTime: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
  records: 61,
};
const magic = 2;
const compressionMask = 7;
/** The broker wrote its own time, for all records one: it stands in `maxTime`. */
const logTimeMask = 8;
const controlMask = 32;

/** A record as it goes to a partition. A value of null in a compacted topic takes away what the key had. */
export interface RecordToWrite {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The time it is to keep, milliseconds since the epoch, in a topic that takes times from its writers; otherwise the writing's. */
  readonly timeMs?: number;
}

/** A record as a partition has it. */
export interface StoredRecord extends RecordToWrite {
  readonly offset: number;
  /** When the partition took it, by the broker's clock, milliseconds since the epoch; or the time that it was given to keep. */
  readonly timeMs: number;
  /** As it was appended, once it has been opened. A field: in a WeakMap it cost more than decoding it. */
  opened?: LogRecord | undefined;
}

/** Producer identity, by which the broker detects repeats: sequences count the records of a producer in a partition. */
export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

/** No more bytes than the record takes in a batch. */
export function recordBytes({ key, value, headers }: RecordToWrite): number {
  let bytes = 5 + 1 + 5 + 5 + 5 + Buffer.byteLength(key) + 5 + (value?.length ?? 0) + 5;
  for (const name in headers) bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '');
  return bytes;
}

/**
 * All records in one batch, which the broker accepts or refuses as a whole. `nowMs` is a placeholder for the broker's time. Kept times may be 24 days
 * apart, the range of their deltas.
 */
export function encodeBatch(records: readonly RecordToWrite[], identity: BatchIdentity, nowMs: number): Buffer {
  const size = records.reduce((sum, record) => sum + recordBytes(record), place.records);
  const bytes = Buffer.allocUnsafe(size);
  const firstMs = records[0]?.timeMs ?? nowMs;
  let maxMs = firstMs;
  let end = place.records;
  for (const [index, record] of records.entries()) {
    const timeMs = record.timeMs ?? firstMs;
    maxMs = Math.max(maxMs, timeMs);
    end = writeRecord(bytes, end, record, index, timeMs - firstMs);
  }
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(end - place.leaderEpoch, place.length);
  bytes.writeInt32BE(-1, place.leaderEpoch);
  bytes.writeInt8(magic, place.magic);
  bytes.writeInt16BE(0, place.attributes);
  bytes.writeInt32BE(records.length - 1, place.lastOffsetDelta);
  bytes.writeBigInt64BE(BigInt(firstMs), place.firstTime);
  bytes.writeBigInt64BE(BigInt(maxMs), place.maxTime);
  bytes.writeBigInt64BE(identity.producerId, place.producerId);
  bytes.writeInt16BE(identity.producerEpoch, place.producerEpoch);
  bytes.writeInt32BE(identity.firstSequence, place.firstSequence);
  bytes.writeInt32BE(records.length, place.count);
  bytes.writeUInt32BE(crc32c(bytes, place.attributes, end), place.crc);
  return bytes.subarray(0, end);
}

function writeRecord(
  bytes: Buffer,
  start: number,
  { key, value, headers }: RecordToWrite,
  index: number,
  timeDelta: number,
): number {
  // Its length stands before it: the body is written where it would be were the length one byte long, and moved if it is not.
  let at = start + 1;
  bytes[at++] = 0;
  at = writeVarint(bytes, at, timeDelta);
  at = writeVarint(bytes, at, index);
  at = writeString(bytes, at, key);
  at = writeVarint(bytes, at, value === null ? -1 : value.length);
  if (value !== null) {
    bytes.set(value, at);
    at += value.length;
  }
  const names = Object.keys(headers);
  at = writeVarint(bytes, at, names.length);
  for (const name of names) {
    at = writeString(bytes, at, name);
    at = writeString(bytes, at, headers[name] ?? '');
  }
  const length = at - start - 1;
  const lengthBytes = varintBytes(length);
  if (lengthBytes > 1) bytes.copyWithin(start + lengthBytes, start + 1, at);
  writeVarint(bytes, start, length);
  return start + lengthBytes + length;
}

function writeString(bytes: Buffer, at: number, text: string): number {
  const length = Buffer.byteLength(text);
  const start = writeVarint(bytes, at, length);
  bytes.write(text, start, length, 'utf8');
  return start + length;
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; rest > 127; rest >>>= 7) bytes += 1;
  return bytes;
}

/** What a fetch brought of a partition. */
export interface Decoded {
  readonly records: readonly StoredRecord[];
  /** Where the next fetch begins. */
  readonly nextOffset: number;
  /** Set when the batch at `nextOffset` cannot be read. */
  readonly damage: string | undefined;
}

/**
 * The records from `fromOffset` on. A fetch returns whole batches, so the first may begin earlier, and a number of bytes, so the last may be truncated:
 * it is fetched again.
 */
export function decodeBatches(bytes: Buffer, fromOffset: number): Decoded {
  const records: StoredRecord[] = [];
  let nextOffset = fromOffset;
  let at = 0;
  while (at + place.records <= bytes.length) {
    const end = at + place.leaderEpoch + bytes.readInt32BE(at + place.length);
    if (end > bytes.length) break;
    const damage = damageOf(bytes, at, end) ?? readRecords(bytes, at, end, nextOffset, records);
    if (damage !== undefined) return { records, nextOffset, damage };
    const lastOffset = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + place.lastOffsetDelta);
    nextOffset = Math.max(nextOffset, lastOffset + 1);
    at = end;
  }
  return { records, nextOffset, damage: undefined };
}

function damageOf(bytes: Buffer, at: number, end: number): string | undefined {
  if (end - at < place.records) return 'its batch has no head';
  if (bytes.readInt8(at + place.magic) !== magic) return `its batch is of format ${bytes.readInt8(at + place.magic)}`;
  if (bytes.readUInt32BE(at + place.crc) !== crc32c(bytes, at + place.attributes, end))
    return 'the checksum of its batch is wrong';
  if ((bytes.readInt16BE(at + place.attributes) & compressionMask) !== 0)
    return 'its batch is compressed, which no writer of ours does: set compression.type=producer for the topic';
  return undefined;
}

/** Adds the batch's records from the offset on; returns what is wrong with it, and then adds none. */
function readRecords(
  bytes: Buffer,
  start: number,
  end: number,
  fromOffset: number,
  into: StoredRecord[],
): string | undefined {
  // Marks of transactions are no records; nobody here writes any.
  if ((bytes.readInt16BE(start + place.attributes) & controlMask) !== 0) return undefined;
  const reader = new RecordReader(bytes, start + place.records, end);
  const baseOffset = Number(bytes.readBigInt64BE(start));
  const isLogTime = (bytes.readInt16BE(start + place.attributes) & logTimeMask) !== 0;
  const timeMs = Number(bytes.readBigInt64BE(start + (isLogTime ? place.maxTime : place.firstTime)));
  const count = bytes.readInt32BE(start + place.count);
  const before = into.length;
  try {
    for (let read = 0; read < count; read += 1) {
      const record = reader.record(baseOffset, timeMs, isLogTime);
      if (record.offset >= fromOffset) into.push(record);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    into.length = before;
    return `its batch cannot be read: ${error.message}`;
  }
}

class RecordReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Without a time of the log's, each has its own, as a difference to the given one. */
  record(baseOffset: number, baseMs: number, isLogTime: boolean): StoredRecord {
    const end = this.#varint() + this.#at;
    this.#at += 1;
    const timeDelta = this.#varint();
    const timeMs = isLogTime ? baseMs : baseMs + timeDelta;
    const offset = baseOffset + this.#varint();
    const key = this.#string();
    const value = this.#value();
    const headers: Record<string, string> = {};
    for (let count = this.#varint(); count > 0; count -= 1) {
      const name = this.#string();
      headers[name] = this.#string();
    }
    this.#at = end;
    return { offset, timeMs, key, value, headers, opened: undefined };
  }

  #string(): string {
    const length = this.#varint();
    if (length <= 0) return '';
    const start = this.#pass(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** A copy: a view would keep everything that was fetched with it. */
  #value(): Uint8Array | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#pass(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  #pass(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new RangeError('it ends too soon');
    return start;
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.#bytes[this.#pass(1)] as number;
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
    throw new RangeError('a number has no end');
  }
}

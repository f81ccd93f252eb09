/**
 * A frame is one record as the file holds it. It says everything about itself, so that a whole one can be told from a
 * damaged one, and found in raw bytes, without SQLite's help. Integers are little-endian.
 *
 *   frame    = magic crc length topic partition offset time kind body
 *   magic    = "PLG" version       4 bytes; version is 0x01
 *   crc      = u32                 CRC-32 of everything after it
 *   length   = u32                 bytes of the whole frame
 *   topic    = u16                 id of the topic
 *   partition= u16
 *   offset   = u48
 *   time     = u48                 milliseconds since the epoch
 *   kind     = u8                  1: a record; 2: stands in for one that could not be salvaged
 *   body     = string(key) varint(number of headers) { string(name) string(value) } value
 *   string   = varint(2 × n) n bytes of UTF-8  |  varint(2 × i + 1), the i-th of well-known.ts
 *   value    = the bytes that remain
 *
 * An erased record's frame ends earlier: length and crc are those of what is left, all other bytes are as they were.
 */
import { crc32 } from 'node:zlib';
import type { LogRecord, NewRecord } from '../../../ports/event-log.ts';
import { maxPooledBufferBytes, maxRecordBytes } from './limits.ts';
import { wellKnownStrings } from './well-known.ts';

/** "PLG" and version 1, as a little-endian u32. */
export const frameMagic = 0x01474c50;
export const frameHeaderBytes = 29;
/** Largest plausible frame: the largest record and generous room for key and headers, which are bounded with it. */
export const maxFrameBytes = maxRecordBytes + 1_024;

const at = { crc: 4, length: 8, topic: 12, partition: 14, offset: 16, time: 22, kind: 28 } as const;
const crcStart = at.length;
const recordKind = 1;
const lostKind = 2;
/** `ce_type` of what readers get at the offset of a lost record. */
export const lostRecordType = 'parley.RecordLost';
const maxUtf8BytesPerUnit = 3;
const maxVarintBytes = 5;
const firstBufferBytes = 64 * 1_024;

const wellKnownIndexes = new Map(wellKnownStrings.map((text, index) => [text, index]));

/** What stands in a frame before its body. */
export interface FrameHeader {
  readonly topicId: number;
  readonly partition: number;
  readonly offset: number;
  readonly timeMs: number;
  /** Of the whole frame. */
  readonly byteLength: number;
  /** It stands in for a record that could not be salvaged. */
  readonly lost: boolean;
}

/**
 * A buffer that records are encoded into one after another, each a frame that still lacks offset, time and checksum.
 */
export class FrameBatch {
  byteLength = 0;
  #buffer: Buffer<ArrayBuffer>;

  constructor(memory?: ArrayBuffer) {
    this.#buffer = Buffer.from(memory ?? new ArrayBuffer(firstBufferBytes));
  }

  /** Adds a frame. Throws RangeError when the record is larger than `maxRecordBytes`; the batch is then as it was. */
  add(topicId: number, record: NewRecord): void {
    const start = this.byteLength;
    this.#reserve(largestEncoding(record));
    const buffer = this.#buffer;
    let end = writeString(buffer, start + frameHeaderBytes, record.key);
    const names = Object.keys(record.headers);
    end = writeVarint(buffer, end, names.length);
    for (const name of names) {
      end = writeString(buffer, end, name);
      end = writeString(buffer, end, record.headers[name] ?? '');
    }
    buffer.set(record.value, end);
    end += record.value.length;
    if (end - start > maxRecordBytes)
      throw new RangeError(`a record of ${end - start} bytes; ${maxRecordBytes} are allowed`);
    writeFrameHeader(buffer, start, end - start, topicId, record.partition, recordKind);
    this.byteLength = end;
  }

  /** Forgets everything after this length. */
  truncate(byteLength: number): void {
    this.byteLength = byteLength;
  }

  /** The memory, to be handed to the writer. */
  get memory(): ArrayBuffer {
    return this.#buffer.buffer;
  }

  #reserve(bytes: number): void {
    const needed = this.byteLength + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.from(new ArrayBuffer(Math.max(needed, this.#buffer.length * 2)));
    this.#buffer.copy(larger, 0, 0, this.byteLength);
    this.#buffer = larger;
  }
}

/** Whether a returned batch buffer is worth keeping for the next batch. */
export function isPoolable(memory: ArrayBuffer): boolean {
  return memory.byteLength <= maxPooledBufferBytes;
}

/**
 * A frame that replaces a lost record. Readers get it as a record of an unknown type, which folds skip: offsets have no gaps, and a reader reaches the
 * end.
 */
export function lostFrame(topicId: number, partition: number, offset: number, timeMs: number): Buffer {
  const batch = new FrameBatch();
  batch.add(topicId, { topic: '', partition, key: '', headers: { ce_type: lostRecordType }, value: new Uint8Array() });
  const frame = Buffer.from(batch.memory, 0, batch.byteLength);
  frame[at.kind] = lostKind;
  sealFrame(frame, offset, timeMs);
  return frame;
}

/** Completes a frame of a batch in place. */
export function sealFrame(frame: Buffer, offset: number, timeMs: number): void {
  writeUint48(frame, at.offset, offset);
  writeUint48(frame, at.time, timeMs);
  seal(frame);
}

function seal(frame: Buffer): void {
  frame.writeUInt32LE(crc32(frame.subarray(crcStart)), at.crc);
}

/**
 * The frame of the same record with only this beginning of its value; undefined when it has no more. Throws RangeError when the value does
 * not begin so. The frame must be whole.
 */
export function frameWithValue(frame: Buffer, value: Uint8Array): Buffer | undefined {
  const whole = decodeRecord(frame, '').value;
  if (Buffer.compare(whole.subarray(0, value.length), value) !== 0)
    throw new RangeError('what is to remain of a record is no beginning of its value');
  if (whole.length === value.length) return undefined;
  const left = Buffer.from(frame.subarray(0, frame.length - whole.length + value.length));
  left.writeUInt32LE(left.length, at.length);
  seal(left);
  return left;
}

/** Whether one frame is what erasing has left of the other; both must be whole. */
export function isLeftOf(left: Buffer, frame: Buffer): boolean {
  return (
    left.length < frame.length &&
    left.subarray(at.topic).equals(frame.subarray(at.topic, left.length)) &&
    frame.length - left.length <= decodeRecord(frame, '').value.length
  );
}

/** Bytes of the frame that begins here, as the frame says. */
export function frameLength(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + at.length);
}

/** Topic id of the frame that begins here. */
export function frameTopicId(bytes: Buffer, start: number): number {
  return bytes.readUInt16LE(start + at.topic);
}

/** Partition of the frame that begins here. */
export function framePartition(bytes: Buffer, start: number): number {
  return bytes.readUInt16LE(start + at.partition);
}

/** When the frame's record was taken, milliseconds since the epoch. */
export function frameTimeMs(frame: Buffer): number {
  return readUint48(frame, at.time);
}

/** Whether the frame is whole: magic, length and checksum. */
export function isWholeFrame(frame: Buffer): boolean {
  return (
    frame.length >= frameHeaderBytes &&
    frame.readUInt32LE(0) === frameMagic &&
    frame.readUInt32LE(at.length) === frame.length &&
    frame.readUInt32LE(at.crc) === crc32(frame.subarray(crcStart))
  );
}

/** Whether the frame is whole and belongs to this place. */
export function isFrameOf(frame: Buffer, topicId: number, partition: number, offset: number): boolean {
  return (
    isWholeFrame(frame) &&
    readUint48(frame, at.offset) === offset &&
    frame.readUInt16LE(at.topic) === topicId &&
    frame.readUInt16LE(at.partition) === partition
  );
}

/** The fields before the body, of a whole frame. */
export function readFrameHeader(frame: Buffer): FrameHeader {
  return {
    topicId: frameTopicId(frame, 0),
    partition: framePartition(frame, 0),
    offset: readUint48(frame, at.offset),
    timeMs: frameTimeMs(frame),
    byteLength: frameLength(frame, 0),
    lost: frame[at.kind] === lostKind,
  };
}

/** The record of a whole frame. Its value is a view of the frame's bytes. */
export function decodeRecord(frame: Buffer, topic: string): LogRecord {
  const cursor = { frame, position: frameHeaderBytes };
  const key = readString(cursor);
  const headers: Record<string, string> = {};
  for (let left = readVarint(cursor); left > 0; left -= 1) {
    const name = readString(cursor);
    headers[name] = readString(cursor);
  }
  const start = cursor.position;
  return {
    topic,
    partition: frame.readUInt16LE(at.partition),
    key,
    headers,
    value: new Uint8Array(frame.buffer, frame.byteOffset + start, frame.length - start),
    offset: readUint48(frame, at.offset),
    timeMs: readUint48(frame, at.time),
  };
}

interface Cursor {
  readonly frame: Buffer;
  position: number;
}

function writeFrameHeader(
  buffer: Buffer,
  start: number,
  length: number,
  topicId: number,
  partition: number,
  kind: number,
): void {
  buffer.writeUInt32LE(frameMagic, start);
  buffer.writeUInt32LE(length, start + at.length);
  buffer.writeUInt16LE(topicId, start + at.topic);
  buffer.writeUInt16LE(partition, start + at.partition);
  buffer[start + at.kind] = kind;
}

function writeUint48(buffer: Buffer, position: number, value: number): void {
  buffer.writeUInt32LE(value % 2 ** 32, position);
  buffer.writeUInt16LE(Math.floor(value / 2 ** 32), position + 4);
}

function readUint48(buffer: Buffer, position: number): number {
  return buffer.readUInt32LE(position) + buffer.readUInt16LE(position + 4) * 2 ** 32;
}

function largestEncoding(record: NewRecord): number {
  let units = record.key.length;
  let strings = 1;
  for (const name in record.headers) {
    units += name.length + (record.headers[name] ?? '').length;
    strings += 2;
  }
  return frameHeaderBytes + units * maxUtf8BytesPerUnit + (strings + 1) * maxVarintBytes + record.value.length;
}

function writeVarint(buffer: Buffer, position: number, value: number): number {
  let rest = value;
  let end = position;
  while (rest > 0x7f) {
    buffer[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[end++] = rest;
  return end;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.frame.readUInt8(cursor.position++);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function writeString(buffer: Buffer, position: number, text: string): number {
  const index = wellKnownIndexes.get(text);
  if (index !== undefined) return writeVarint(buffer, position, 2 * index + 1);
  return writeShortAscii(buffer, position, text) ?? writeUtf8(buffer, position, text);
}

/**
 * Ids are short and ASCII, and a call into native code costs more than their bytes; undefined when the text is anything
 * else.
 */
function writeShortAscii(buffer: Buffer, position: number, text: string): number | undefined {
  const { length } = text;
  if (length > 0x3f) return undefined;
  let end = position;
  buffer[end++] = 2 * length;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return undefined;
    buffer[end++] = unit;
  }
  return end;
}

function writeUtf8(buffer: Buffer, position: number, text: string): number {
  const start = writeVarint(buffer, position, 2 * Buffer.byteLength(text));
  return start + buffer.write(text, start);
}

function readString(cursor: Cursor): string {
  const code = readVarint(cursor);
  if (code % 2 === 1) return wellKnownStrings[(code - 1) / 2] ?? unknownString(code);
  const start = cursor.position;
  cursor.position += code / 2;
  return cursor.frame.toString('utf8', start, cursor.position);
}

function unknownString(code: number): never {
  throw new RangeError(`well-known string ${(code - 1) / 2}, which this release does not have`);
}

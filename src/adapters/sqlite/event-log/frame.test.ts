import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { NewRecord } from '../../../ports/event-log.ts';
import { assertProperty } from '../../../testing/property.ts';
import {
  decodeRecord,
  FrameBatch,
  frameLength,
  frameWithValue,
  isFrameOf,
  isLeftOf,
  isWholeFrame,
  lostFrame,
  lostRecordType,
  readFrameHeader,
  sealFrame,
} from './frame.ts';
import { maxRecordBytes } from './limits.ts';
import { wellKnownStrings } from './well-known.ts';

const header = fc.oneof(fc.constantFrom(...wellKnownStrings), fc.string(), fc.string({ unit: 'binary' }));
const records: fc.Arbitrary<NewRecord> = fc.record({
  topic: fc.constant('events'),
  partition: fc.nat(0xffff),
  key: fc.oneof(fc.uuid(), fc.string({ unit: 'grapheme', maxLength: 200 })),
  headers: fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,70}$/), header),
  value: fc.uint8Array({ maxLength: 500 }),
});
const offsets = fc.nat(2 ** 48 - 1);

/** The frames of records, each sealed with this offset and time. */
function framesOf(given: readonly NewRecord[], offset: number, timeMs: number): Buffer[] {
  const batch = new FrameBatch();
  for (const record of given) batch.add(7, record);
  const bytes = Buffer.from(batch.memory, 0, batch.byteLength);
  const frames: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += frameLength(bytes, start)) {
    frames.push(bytes.subarray(start, start + frameLength(bytes, start)));
  }
  for (const frame of frames) sealFrame(frame, offset, timeMs);
  return frames;
}

describe('frame', () => {
  test('gives back every record as it was, however many stand in one batch', () => {
    assertProperty(
      fc.property(fc.array(records, { minLength: 1, maxLength: 20 }), offsets, offsets, (given, offset, timeMs) => {
        const frames = framesOf(given, offset, timeMs);
        const decoded = frames.map((frame) => decodeRecord(frame, 'events'));
        // A lone surrogate has no UTF-8: it is written as U+FFFD, as everywhere.
        const expected = given.map((record) => ({ ...wellFormed(record), offset, timeMs }));
        expect(decoded.map((record) => ({ ...record, value: Uint8Array.from(record.value) }))).toEqual(expected);
        for (const [index, frame] of frames.entries()) {
          expect(isFrameOf(frame, 7, given[index]!.partition, offset)).toBe(true);
        }
      }),
    );
  });

  test('of an erased record is whole, says all but the end of the value, and is known as what is left of the other', () => {
    assertProperty(
      fc.property(records, offsets, fc.nat(), (given, offset, choice) => {
        const [frame] = framesOf([given], offset, 1);
        const [elsewhere] = framesOf([given], (offset + 1) % 2 ** 48, 1);
        const length = choice % (given.value.length + 1);
        const left = frameWithValue(frame!, given.value.subarray(0, length));
        if (length === given.value.length) return expect(left).toBeUndefined();
        expect(isFrameOf(left!, 7, given.partition, offset)).toBe(true);
        const [whole, erased] = [frame!, left!].map((one) => decodeRecord(one, 'events'));
        expect({ ...erased, value: [...erased!.value] }).toEqual({
          ...whole,
          value: [...given.value.slice(0, length)],
        });
        expect(isLeftOf(left!, frame!)).toBe(true);
        for (const [one, other] of [
          [frame!, left!],
          [frame!, frame!],
          [left!, elsewhere!],
        ] as const) {
          expect(isLeftOf(one, other)).toBe(false);
        }
      }),
    );
  });

  test('keeps nothing that its value does not begin with', () => {
    assertProperty(
      fc.property(records, fc.uint8Array({ minLength: 1, maxLength: 600 }), (given, value) => {
        const [frame] = framesOf([given], 1, 1);
        fc.pre(Buffer.compare(given.value.subarray(0, value.length), value) !== 0);
        expect(() => frameWithValue(frame!, value)).toThrow(RangeError);
      }),
    );
  });

  test('is not whole with any bit changed, or any bytes cut off', () => {
    assertProperty(
      fc.property(records, offsets, fc.nat(), (given, offset, choice) => {
        const [frame] = framesOf([given], offset, 1);
        expect(isWholeFrame(frame!)).toBe(true);
        const cut = frame!.subarray(0, choice % frame!.length);
        const bit = choice % (frame!.length * 8);
        frame!.writeUInt8(frame!.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect([isWholeFrame(frame!), isWholeFrame(cut)]).toEqual([false, false]);
      }),
    );
  });

  test('belongs to one topic, partition and offset', () => {
    const [frame] = framesOf([{ topic: 'events', partition: 3, key: '', headers: {}, value: new Uint8Array() }], 5, 1);
    const places = [
      [7, 3, 5],
      [8, 3, 5],
      [7, 4, 5],
      [7, 3, 6],
    ] as const;
    expect(places.map(([topicId, partition, offset]) => isFrameOf(frame!, topicId, partition, offset))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test('refuses a record that is too large, and leaves the batch as it was', () => {
    const batch = new FrameBatch();
    const small = { topic: 'events', partition: 0, key: 'k', headers: {}, value: new Uint8Array(10) };
    batch.add(1, small);
    const before = batch.byteLength;
    expect(() => batch.add(1, { ...small, value: new Uint8Array(maxRecordBytes) })).toThrow(RangeError);
    expect(batch.byteLength).toBe(before);
  });

  test('can stand in for a lost record, as one of a type that folds do not know', () => {
    const frame = lostFrame(7, 3, 5, 1);
    expect([isFrameOf(frame, 7, 3, 5), readFrameHeader(frame).lost]).toEqual([true, true]);
    const record = decodeRecord(frame, 'events');
    expect(record).toMatchObject({ partition: 3, offset: 5, timeMs: 1, headers: { ce_type: lostRecordType } });
  });

  test('writes the headers of an event of ours in few bytes', () => {
    const headers = {
      ce_specversion: '1.0',
      ce_source: 'parley',
      ce_type: 'chat_events.v1.MessageReceived',
      'content-type': 'application/protobuf',
    };
    const [frame] = framesOf([{ topic: 'events', partition: 0, key: '', headers, value: new Uint8Array() }], 0, 1);
    expect(frame!.length).toBe(29 + 1 + 1 + 8);
  });
});

function wellFormed(record: NewRecord): NewRecord {
  const headers = Object.entries(record.headers).map(([name, value]) => [name, value.toWellFormed()]);
  return { ...record, key: record.key.toWellFormed(), headers: Object.fromEntries(headers) };
}

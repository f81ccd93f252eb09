import { describe, expect, test } from '@jest/globals';
import { TailQueue } from './fetch-session.ts';
import { maxOwnBytes, maxOwnRecords, maxTailQueueRecords } from './limits.ts';
import { OwnRecords } from './opener.ts';
import type { StoredRecord } from './record-batch.ts';

function stored(count: number, from = 0, bytes = 10): StoredRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: from + index,
    timeMs: 0,
    key: '',
    value: new Uint8Array(bytes),
    headers: {},
  }));
}

describe("a tail's queue", () => {
  const never = new AbortController().signal;

  test('gives what it was offered in order, in pieces, and tells when there is room again', async () => {
    let told = 0;
    const queue = new TailQueue(() => {
      told += 1;
    });
    queue.offer(stored(maxTailQueueRecords + 100));
    expect(queue.hasRoom).toBe(false);
    const found: number[] = [];
    for (let taken = 0; taken < 3; taken += 1)
      found.push(...(await queue.take(1_000, never)).map(({ offset }) => offset));
    expect(found).toEqual(Array.from({ length: maxTailQueueRecords + 100 }, (_, offset) => offset));
    expect([queue.hasRoom, told]).toEqual([true, 1]);
    queue.offer(stored(3, 0, 400_000));
    expect(queue.hasRoom).toBe(false);
  });

  test('waits for the next, ends when the signal aborts, and fails only when what it had is taken', async () => {
    const queue = new TailQueue(() => undefined);
    const waiting = queue.take(10, never);
    queue.offer(stored(1));
    expect((await waiting).length).toBe(1);
    const stop = new AbortController();
    const ended = queue.take(10, stop.signal);
    stop.abort();
    expect(await ended).toEqual([]);
    queue.offer(stored(1));
    queue.fail(new Error('no more'));
    expect((await queue.take(10, never)).length).toBe(1);
    await expect(queue.take(10, never)).rejects.toThrow('no more');
  });
});

describe('what a process has appended', () => {
  test('is remembered up to a number and a size', () => {
    const own = new OwnRecords();
    for (let offset = 0; offset < maxOwnRecords + 10; offset += 1) own.put(offset, { value: new Uint8Array(1) });
    expect([own.take(9), own.take(10)?.value.length]).toEqual([undefined, 1]);
    own.put(maxOwnRecords + 10, { value: new Uint8Array(maxOwnBytes) });
    expect([own.take(maxOwnRecords + 9), own.take(maxOwnRecords + 10)?.value.length]).toEqual([undefined, maxOwnBytes]);
    own.put(maxOwnRecords + 11, { value: new Uint8Array(maxOwnBytes + 1) });
    expect(own.take(maxOwnRecords + 11)).toBeUndefined();
  });

  test('is given back once, and then takes no room', () => {
    const own = new OwnRecords();
    for (let offset = 0; offset < 3; offset += 1) {
      own.put(offset, { value: new Uint8Array(maxOwnBytes) });
      expect([own.take(offset)?.value.length, own.take(offset)]).toEqual([maxOwnBytes, undefined]);
    }
    own.put(3, { value: new Uint8Array(maxOwnBytes / 2) });
    own.put(4, { value: new Uint8Array(maxOwnBytes / 2) });
    expect([own.take(3)?.value.length, own.take(4)?.value.length]).toEqual([maxOwnBytes / 2, maxOwnBytes / 2]);
  });
});

import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import type { PendingMessage } from '../../domain/conversation/pending-messages.ts';
import { messageReceived } from '../../testing/conversation-events.ts';
import { seededRandom, testSeeds } from '../../testing/random.ts';
import { conversationOf, type FollowedRecord, RecentRecords } from './recent-records.ts';

const unbounded = Number.MAX_SAFE_INTEGER;

function recordAt(offset: number, conversationId = 'c', text = ''): FollowedRecord {
  const event = messageReceived(`${conversationId}/${offset}`, { parts: [{ kind: 'text', text }] });
  return { offset, timeMs: 0, event, message: event as unknown as PendingMessage, trace: undefined };
}

/** What one record counts that says nothing. */
const overheadBytes = (() => {
  const one = new RecentRecords(0, unbounded);
  one.add(recordAt(0));
  return one.bytes;
})();

const offsetsOf = (records: readonly FollowedRecord[] | undefined) => records?.map(({ offset }) => offset);

describe('what was said last', () => {
  test('after an offset is given by conversation and in order', () => {
    const recent = new RecentRecords(0, unbounded);
    for (const [offset, conversationId] of ['c', 'd', 'c', 'c'].entries()) recent.add(recordAt(offset, conversationId));
    expect(offsetsOf(recent.after('c', -1))).toEqual([0, 2, 3]);
    expect(offsetsOf(recent.after('c', 0))).toEqual([2, 3]);
    expect(offsetsOf(recent.after('c', 1))).toEqual([2, 3]);
    expect(offsetsOf(recent.after('c', 3))).toEqual([]);
    expect(offsetsOf(recent.after('nothing was said', -1))).toEqual([]);
    expect(offsetsOf(recent.after('d', -1))).toEqual([1]);
  });

  test('is not said to be all where some of it was before', () => {
    const recent = new RecentRecords(10, unbounded);
    recent.add(recordAt(12));
    expect(recent.after('c', 8)).toBeUndefined();
    expect(recent.after('d', 8)).toBeUndefined();
    expect(offsetsOf(recent.after('c', 9))).toEqual([12]);
  });

  test('is bounded, and what goes first is what was said first', () => {
    const recent = new RecentRecords(0, 3 * overheadBytes);
    for (const offset of [0, 5, 7, 9]) recent.add(recordAt(offset, offset === 5 ? 'd' : 'c'));
    expect([recent.completeFrom, recent.bytes]).toEqual([1, 3 * overheadBytes]);
    expect(recent.after('c', -1)).toBeUndefined();
    expect(offsetsOf(recent.after('c', 0))).toEqual([7, 9]);
    recent.add(recordAt(10));
    expect([recent.completeFrom, recent.after('d', 5)]).toEqual([6, []]);
  });

  test('is not kept once it is dropped', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const recent = new RecentRecords(0, 5 * overheadBytes);
    const added = Array.from({ length: 8 }, (_, offset) => {
      const record = recordAt(offset);
      recent.add(record);
      return new WeakRef(record);
    });
    // What a WeakRef has given lives until the turn of the event loop ends.
    await setImmediate();
    collectGarbage();
    const kept = added.flatMap((record) => record.deref()?.offset ?? []);
    expect(kept).toEqual([3, 4, 5, 6, 7]);
    expect(offsetsOf(recent.after('c', 2))).toEqual(kept);
  });

  test('holds titles and deletions in their places, and counts a title', () => {
    const recent = new RecentRecords(0, unbounded);
    recent.add(recordAt(0));
    recent.add({ offset: 1, event: { type: 'ConversationRenamed', conversationId: 'c', title: 'x'.repeat(10) } });
    expect(recent.bytes).toBe(2 * overheadBytes + 20);
    recent.add({ offset: 2, event: { type: 'ConversationDeleted', conversationId: 'c' } });
    expect(offsetsOf(recent.after('c', 0))).toEqual([1, 2]);
  });

  test('counts its text as memory does', () => {
    const recent = new RecentRecords(0, unbounded);
    recent.add(recordAt(0, 'c', 'x'.repeat(1_000)));
    expect(recent.bytes).toBe(overheadBytes + 2_000);
    const small = new RecentRecords(0, 1_000);
    small.add(recordAt(3, 'c', 'x'.repeat(1_000)));
    expect([small.bytes, small.completeFrom, small.after('c', 3)]).toEqual([0, 4, []]);
  });

  test('of a conversation that was deleted is not given any more; what comes after is, and has its room', () => {
    const recent = new RecentRecords(0, 2 * overheadBytes);
    recent.add(recordAt(0));
    recent.add(recordAt(1));
    recent.forget('c');
    expect(recent.after('c', -1)).toEqual([]);
    recent.add(recordAt(2));
    expect(offsetsOf(recent.after('c', -1))).toEqual([2]);
    expect(recent.bytes).toBe(overheadBytes);
  });

  // Records before that offset are added as well, and may lack ends: dropping one of them is no promise for those after it.
  test('is never said to be all from before where it was at first', () => {
    const recent = new RecentRecords(10, 2 * overheadBytes);
    for (const offset of [5, 6, 7]) recent.add(recordAt(offset));
    expect(recent.completeFrom).toBe(10);
    expect(recent.after('c', 6)).toBeUndefined();
  });

  test.each(testSeeds)('is what a plain list would give, whatever is said and deleted (TEST_SEED=%i)', (seed) => {
    const random = seededRandom(seed);
    const recent = new RecentRecords(0, 20 * overheadBytes);
    let kept: { readonly record: FollowedRecord; isForgotten: boolean }[] = [];
    for (let offset = 0; offset < 1_000; offset += 1) {
      const conversationId = `${Math.floor(random() * 4)}`;
      if (random() < 0.05) {
        recent.forget(conversationId);
        for (const one of kept) one.isForgotten ||= conversationOf(one.record) === conversationId;
        continue;
      }
      const record = recordAt(offset, conversationId, 'x'.repeat(Math.floor(random() * overheadBytes)));
      recent.add(record);
      kept.push({ record, isForgotten: false });
      kept = kept.filter((one) => one.record.offset >= recent.completeFrom);
      const after = recent.completeFrom + Math.floor(random() * 10) - 1;
      const expected = kept.filter(
        (one) => !one.isForgotten && conversationOf(one.record) === conversationId && one.record.offset > after,
      );
      expect(recent.after(conversationId, after)).toEqual(expected.map((one) => one.record));
      expect(recent.bytes).toBeLessThanOrEqual(20 * overheadBytes);
    }
    expect(recent.completeFrom).toBeGreaterThan(900);
  });
});

import { describe, expect, test } from '@jest/globals';
import type { LogRecord } from '../../../ports/event-log.ts';
import { maxRecentBytes, maxRecentRecords } from './limits.ts';
import { type FeedTail, PartitionFeed } from './partition-feed.ts';

function record(offset: number, bytes = 1): LogRecord {
  return { topic: 't', partition: 0, key: '', headers: {}, value: new Uint8Array(bytes), offset, timeMs: 1 };
}

const lagging: FeedTail = { isWaiting: false, wake() {} };

/** Beginning here, with a tail that reads nothing. */
function feedAt(end: number): PartitionFeed {
  const feed = new PartitionFeed(end);
  feed.watch(lagging);
  return feed;
}

function fedWith(count: number, bytes?: number): PartitionFeed {
  const feed = feedAt(0);
  for (let offset = 0; offset < count; offset += 1) feed.push(record(offset, bytes));
  return feed;
}

describe('partition feed', () => {
  test('has the newest records in memory, from any offset among them', () => {
    const feed = fedWith(10);
    expect(feed.recent(7, 2)?.map(({ offset }) => offset)).toEqual([7, 8]);
    expect(feed.recent(0, 100)).toHaveLength(10);
    expect(feed.end).toBe(10);
  });

  test('forgets what every tail has read as soon as there is more', () => {
    const feed = fedWith(2);
    const tail = { isWaiting: true, wake() {} };
    feed.watch(tail);
    feed.push(record(2));
    expect(feed.recent(0, 10)).toHaveLength(3);
    const alone = new PartitionFeed(0);
    alone.watch(tail);
    alone.push(record(0));
    tail.isWaiting = false;
    alone.push(record(1));
    expect(alone.recent(0, 10)).toHaveLength(2);
    tail.isWaiting = true;
    alone.push(record(2));
    expect(alone.recent(1, 10)).toBeUndefined();
    expect(alone.recent(2, 10)).toHaveLength(1);
  });

  test('knows that it does not have what was there before it', () => {
    const feed = feedAt(5);
    feed.push(record(5));
    expect(feed.recent(4, 10)).toBeUndefined();
    expect(feed.recent(5, 10)?.map(({ offset }) => offset)).toEqual([5]);
  });

  test('keeps no more than its limits, twice over, and always the newest without a gap', () => {
    const many = fedWith(10 * maxRecentRecords);
    expect(many.recent(8 * maxRecentRecords - 1, 1)).toBeUndefined();
    expect(many.recent(9 * maxRecentRecords, 1)?.[0]?.offset).toBe(9 * maxRecentRecords);
    const large = fedWith(9, maxRecentBytes / 2);
    expect(large.recent(3, 1)).toBeUndefined();
    expect(large.recent(8, 1)?.[0]?.offset).toBe(8);
  });

  test('has the new value of a record in its place, and minds none that it does not have', () => {
    const feed = fedWith(5, 100);
    const value = new Uint8Array([7]);
    feed.replaceValue(3, value);
    feed.replaceValue(5, value);
    const late = feedAt(5);
    late.push(record(5));
    late.replaceValue(4, value);
    expect(feed.recent(0, 10)?.map((one) => one.value.length)).toEqual([100, 100, 100, 1, 100]);
    expect(feed.recent(3, 1)).toEqual([{ ...record(3), value }]);
    expect(late.recent(5, 1)).toEqual([record(5)]);
  });

  test('holds nothing back for a record that alone is over the limit', () => {
    const feed = fedWith(3, 3 * maxRecentBytes);
    expect(feed.recent(2, 1)).toBeUndefined();
    expect(feed.end).toBe(3);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../../../src/testing/property.ts';
import type { ShownMessage } from './app.ts';
import { OrderedEntries, type Place } from './ordered-entries.ts';

function messageOf(messageId: string): ShownMessage {
  return { messageId, role: 'user', parts: [], status: 'queued', at: new Date(0) };
}

const place = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 2 }), fc.nat({ max: 2 }));

describe('ordered entries', () => {
  test('stand by their places, each as the same object as long as it is there', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), place: fc.option(place) });
    assertProperty(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const entries = new OrderedEntries();
        const expected = new Map<string, { readonly place: Place; readonly entry: unknown }>();
        for (const { key, place: at } of steps) {
          if (at === null) {
            entries.remove(key);
            expected.delete(key);
          } else {
            entries.set(key, messageOf(key), at);
            const entry = entries.list.value.find((one) => one.key === key);
            const known = expected.get(key);
            if (known !== undefined) expect(entry).toBe(known.entry);
            expected.set(key, { place: at, entry });
          }
          const places = entries.list.value.map((one) => expected.get(one.key)?.place.join() ?? 'unknown');
          expect(places).toEqual([...expected.values()].map((one) => one.place.join()).toSorted());
        }
      }),
    );
  });

  test('make a new list only when one comes, goes or moves', () => {
    const entries = new OrderedEntries();
    const lists: string[] = [];
    const stop = entries.list.subscribe((list) => lists.push(list.map(({ key }) => key).join('')));
    entries.batch(() => {
      entries.set('a', messageOf('1'), [1, 0, 0]);
      entries.set('b', messageOf('2'), [2, 0, 0]);
    });
    entries.set('a', messageOf('3'), [1, 0, 0]);
    entries.update('b', (message) => ({ ...message, status: 'completed' }));
    entries.set('a', messageOf('3'), [3, 0, 0]);
    stop();
    expect(lists).toEqual(['', 'ab', 'ba']);
  });
});

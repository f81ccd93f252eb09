import { describe, expect, test } from '@jest/globals';
import {
  ageLabel,
  beginsDay,
  dayLabel,
  daysBetween,
  recentLabel,
  sizeLabel,
  stopwatchLabel,
  timeLabel,
  zone,
} from './times.ts';

/** By the calendar of whoever runs this, as on the page. */
const at = (month: number, day: number, hour = 12, minute = 0, year = 2026) =>
  new Date(year, month - 1, day, hour, minute);
const now = at(11, 22);

test('a day begins at local midnight, and with the first message', () => {
  expect(beginsDay(undefined, now)).toBe(true);
  expect(beginsDay(at(11, 21, 23, 59), at(11, 22, 0, 0))).toBe(true);
  expect(beginsDay(at(11, 22, 0, 0), at(11, 22, 23, 59))).toBe(false);
  expect(beginsDay(at(11, 22, 12, 0, 2025), now)).toBe(true);
});

test('a zone that was chosen decides the day and the hour', () => {
  zone.value = 'Pacific/Kiritimati';
  try {
    const evening = new Date('2025-12-31T10:30:00Z');
    expect(dayLabel(new Date('2025-12-31T09:59:00Z'), evening)).toBe('Yesterday');
    expect(dayLabel(new Date('2025-12-31T10:00:00Z'), evening)).toBe('Today');
    expect(timeLabel(evening)).toMatch(/^0?0:30|12:30 AM$/);
    expect(recentLabel(new Date('2025-06-01T12:00:00Z'), evening)).toBe('Jun 2, 2025');
  } finally {
    zone.value = '';
  }
});

test('days of 23 and 25 hours are days', () => {
  const midnights = Array.from({ length: 366 }, (_, day) => new Date(2026, 0, 1 + day));
  expect(midnights.slice(1).map((midnight, index) => daysBetween(midnights[index] ?? midnight, midnight))).toEqual(
    midnights.slice(1).map(() => 1),
  );
});

test('the day above messages is named as people name it', () => {
  expect(dayLabel(at(11, 22, 0, 1), now)).toBe('Today');
  expect(dayLabel(at(11, 21, 23, 59), now)).toBe('Yesterday');
  expect(dayLabel(at(11, 20), now)).toBe('Friday, November 20');
  expect(dayLabel(at(11, 20, 12, 0, 2025), now)).toBe('November 20, 2025');
});

test('the list of conversations says when as shortly as it can', () => {
  expect(recentLabel(at(11, 22, 9, 5), now)).toBe(timeLabel(at(11, 22, 9, 5)));
  expect(recentLabel(at(11, 21), now)).toBe('Yesterday');
  expect(recentLabel(at(11, 16), now)).toBe('Monday');
  expect(recentLabel(at(11, 15), now)).toBe('Nov 15');
  expect(recentLabel(at(12, 30, 12, 0, 2025), now)).toBe('Dec 30, 2025');
  // A clock that is a little ahead.
  expect(recentLabel(at(11, 23, 0, 1), now)).toBe(timeLabel(at(11, 23, 0, 1)));
});

describe('amounts', () => {
  test.each([
    [0, '0:00'],
    [7_999, '0:07'],
    [754_000, '12:34'],
  ])('%i ms on a stopwatch', (ms, words) => expect(stopwatchLabel(ms)).toBe(words));

  test.each([
    [0, 'none'],
    [999, '< 1 s'],
    [4_200, '4 s'],
    [185_000, '3 min'],
    [7_300_000, '2 h'],
  ])('%i ms of waiting', (ms, words) => expect(ageLabel(ms)).toBe(words));

  test.each([
    [812, '812 B'],
    [1_234, '1.2 kB'],
    [34_567, '35 kB'],
    [20_400_000, '20 MB'],
  ])('%i bytes', (bytes, words) => expect(sizeLabel(bytes)).toBe(words));
});

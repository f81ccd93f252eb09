import { describe, expect, test } from '@jest/globals';
import { timeZoneAllowed } from './time-zones.ts';

const everything = () => true;
const known = (timeZone: string) => ['Asia/Tokyo', 'Asia/Kolkata', 'Europe/Paris', 'UTC'].includes(timeZone);

describe('time zones', () => {
  test.each([
    ['Asia/Tokyo', ['*'], true],
    ['Asia/Tokyo', ['Asia/*'], true],
    ['asia/tokyo', ['ASIA/*'], true],
    ['Asia/Tokyo', ['Europe/Paris', 'Asia/*'], true],
    ['Europe/Paris', ['Europe/Paris'], true],
    ['Europe/Paris', ['Asia/*'], false],
    ['Europe/Paris', ['Europe/Par'], false],
    ['Asiatic/Tokyo', ['Asia/*'], false],
    ['UTC', [], false],
  ])('%s is served under %j: %s', (timeZone, patterns, served) => {
    expect(timeZoneAllowed(timeZone, patterns, everything)).toBe(served);
  });

  test('a zone that the platform does not know is refused though a pattern matches', () => {
    expect(timeZoneAllowed('Asia/Tokyo', ['*'], known)).toBe(true);
    expect(timeZoneAllowed('Asia/Atlantis', ['*'], known)).toBe(false);
  });

  test.each(['', '+09:00', '-05', ' UTC', 'UTC\n', 'Asia/Tokyo;'])('%j is no name of a zone', (name) => {
    expect(timeZoneAllowed(name, ['*'], everything)).toBe(false);
  });
});

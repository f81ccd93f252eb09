import { expect, test } from '@jest/globals';
import * as connectionLimits from './connection-limits.ts';
import { assertConnectionLimits } from './connection-limits.ts';
import * as limits from './limits.ts';
import { assertLimits } from './limits.ts';

test('the relations between the limits hold', () => {
  expect(() => assertLimits()).not.toThrow();
  expect(() => assertConnectionLimits()).not.toThrow();
});

test('every limit is a positive whole number whose name says what it counts', () => {
  const { assertLimits: _, ...numbers } = limits;
  const { assertConnectionLimits: __, ...connectionNumbers } = connectionLimits;
  for (const [name, value] of Object.entries({ ...numbers, ...connectionNumbers })) {
    expect(Number.isSafeInteger(value) && value > 0).toBe(true);
    expect(name).toMatch(/(Ms|Bytes|Length|Size|Workers|Parts|Fields|Calls|Frames|Streams|PerSecond)$/);
  }
});

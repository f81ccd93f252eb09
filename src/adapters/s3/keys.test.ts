import { expect, test } from '@jest/globals';
import { incomingKey, mediaIdOf, objectKey } from './keys.ts';

test('an object is under the day that its id names, an upload beside the days', () => {
  expect(objectKey('p', '20261122-a_B')).toBe('p/2026-11-22/20261122-a_B');
  expect(incomingKey('p', '20261122-a_B')).toBe('p/incoming/20261122-a_B');
  expect(mediaIdOf('p', 'p/2026-11-22/20261122-a_B')).toBe('20261122-a_B');
});

test.each(['', '..', '20261122-', '20261322-a', '20261122-a/b', '20261122-a.json'])('no key is made of %j', (id) => {
  expect(objectKey('p', id)).toBeUndefined();
});

test.each([
  'p/incoming/20261122-a',
  'p/2026-11-23/20261122-a',
  'q/2026-11-22/20261122-a',
  'p/2026-11-22/x/20261122-a',
  'p/2026-11-22/',
  'p/20261122-a',
  '20261122-a',
  '',
])('at %j is no object', (key) => {
  expect(mediaIdOf('p', key)).toBeUndefined();
});

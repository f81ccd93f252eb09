import { beforeEach, expect, test } from '@jest/globals';
import { StandingClock } from '../../testing/standing-clock.ts';
import { ClientWrites } from './client-writes.ts';
import { maxRemembered } from './remembered.ts';

const writesPerMinute = 6;
const intervalMs = 10_000;

let clock: StandingClock;
let refused: string[];
let writes: ClientWrites;
beforeEach(() => {
  clock = new StandingClock(0);
  refused = [];
  writes = new ClientWrites({ clock, metrics: { writeRefused: (kind) => void refused.push(kind) }, writesPerMinute });
});

function takeAll(clientId: string): void {
  for (let times = 0; times < writesPerMinute; times += 1) writes.take(clientId, 'rename');
}
const tooMany = (retryDelayMs: number) => expect.objectContaining({ reason: 'TOO_MANY_WRITES', retryDelayMs });

test('a client writes so often at once, and is then told when it may again', () => {
  takeAll('ann');
  expect(() => writes.take('ann', 'open')).toThrow(tooMany(intervalMs));
  clock.advance(2_500.5);
  expect(() => writes.take('ann', 'delete')).toThrow(tooMany(7_500));
  expect(refused).toEqual(['open', 'delete']);
});

test('it may again then, once, however often it was refused', () => {
  takeAll('ann');
  for (let times = 0; times < 100; times += 1) expect(() => writes.take('ann', 'stop')).toThrow(tooMany(intervalMs));
  clock.advance(intervalMs);
  writes.take('ann', 'stop');
  expect(() => writes.take('ann', 'stop')).toThrow(tooMany(intervalMs));
});

test('a minute later it may as often as at first', () => {
  takeAll('ann');
  clock.advance(60_000);
  takeAll('ann');
  expect(() => writes.take('ann', 'stop')).toThrow(tooMany(intervalMs));
});

test('clients do not count for each other', () => {
  takeAll('ann');
  takeAll('bob');
  expect(refused).toEqual([]);
});

test('of more clients than it remembers those are forgotten that wrote longest ago', () => {
  takeAll('ann');
  for (let index = 0; index < maxRemembered - 1; index += 1) writes.take(`client-${index}`, 'open');
  expect(() => writes.take('ann', 'open')).toThrow(tooMany(intervalMs));
  writes.take('one more', 'open');
  writes.take('ann', 'open');
});

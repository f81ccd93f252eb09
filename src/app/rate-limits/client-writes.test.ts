import { beforeEach, describe, expect, test } from '@jest/globals';
import type { WriteKind } from '../../ports/telemetry.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { ClientWrites, type WriteRates } from './client-writes.ts';
import { maxRemembered } from './remembered.ts';

const writesPerMinute = 6;
const intervalMs = 10_000;
const rates = {
  writesPerClientPerMinute: writesPerMinute,
  writesPerAddressPerMinute: 2 * writesPerMinute,
  messagesPerClientPerMinute: 4,
} satisfies WriteRates;

let clock: StandingClock;
let refused: string[];
let writes: ClientWrites;
beforeEach(() => {
  clock = new StandingClock(0);
  refused = [];
  writes = new ClientWrites({ clock, metrics: { writeRefused: (kind) => void refused.push(kind) }, rates });
});

/** From nowhere that is counted. */
function take(clientId: string, kind: WriteKind, clientAddress?: string): void {
  writes.take(clientId, kind, clientAddress);
}
function takeAll(clientId: string, clientAddress?: string): void {
  for (let times = 0; times < writesPerMinute; times += 1) take(clientId, 'rename', clientAddress);
}
const tooMany = (retryDelayMs: number) => expect.objectContaining({ reason: 'TOO_MANY_WRITES', retryDelayMs });

test('a client writes so often at once, and is then told when it may again', () => {
  takeAll('ann');
  expect(() => take('ann', 'open')).toThrow(tooMany(intervalMs));
  clock.advance(2_500.5);
  expect(() => take('ann', 'delete')).toThrow(tooMany(7_500));
  expect(refused).toEqual(['open', 'delete']);
});

test('it may again then, once, however often it was refused', () => {
  takeAll('ann');
  for (let times = 0; times < 100; times += 1) expect(() => take('ann', 'stop')).toThrow(tooMany(intervalMs));
  clock.advance(intervalMs);
  take('ann', 'stop');
  expect(() => take('ann', 'stop')).toThrow(tooMany(intervalMs));
});

test('a minute later it may as often as at first', () => {
  takeAll('ann');
  clock.advance(60_000);
  takeAll('ann');
  expect(() => take('ann', 'stop')).toThrow(tooMany(intervalMs));
});

test('clients do not count for each other', () => {
  takeAll('ann');
  takeAll('bob');
  expect(refused).toEqual([]);
});

test('of more clients than it remembers those are forgotten that wrote longest ago', () => {
  takeAll('ann');
  for (let index = 0; index < maxRemembered - 1; index += 1) take(`client-${index}`, 'open');
  expect(() => take('ann', 'open')).toThrow(tooMany(intervalMs));
  take('one more', 'open');
  take('ann', 'open');
});

describe('clients of one address', () => {
  test('count for each other, and not for those of another', () => {
    takeAll('ann', '192.0.2.1');
    takeAll('bob', '192.0.2.1');
    expect(() => take('carl', 'open', '192.0.2.1')).toThrow(tooMany(intervalMs / 2));
    take('carl', 'open', '192.0.2.2');
    expect(refused).toEqual(['open']);
  });

  test('are told when both may again; what is refused by one bucket takes nothing of the other', () => {
    takeAll('ann', '192.0.2.1');
    for (let times = 0; times < 100; times += 1)
      expect(() => take('ann', 'stop', '192.0.2.1')).toThrow(tooMany(intervalMs));
    takeAll('bob', '192.0.2.1');
    for (let times = 0; times < 100; times += 1)
      expect(() => take('carl', 'stop', '192.0.2.1')).toThrow(tooMany(intervalMs / 2));
    takeAll('carl', '192.0.2.2');
  });
});

test('a client has so much left as was not taken, or has come back since', () => {
  expect(writes.left('ann')).toEqual({ writes: writesPerMinute, messages: 4 });
  takeAll('ann');
  writes.takeMessage('ann');
  expect(writes.left('ann')).toEqual({ writes: 0, messages: 3 });
  clock.advance(2 * intervalMs);
  expect(writes.left('ann')).toEqual({ writes: 2, messages: 4 });
});

test('messages have a bucket of their own', () => {
  takeAll('ann');
  for (let times = 0; times < rates.messagesPerClientPerMinute; times += 1) {
    expect(writes.messageWaitMs('ann')).toBe(0);
    writes.takeMessage('ann');
  }
  expect([writes.messageWaitMs('ann'), writes.messageWaitMs('bob')]).toEqual([15_000, 0]);
  clock.advance(15_000);
  expect(writes.messageWaitMs('ann')).toBe(0);
});

import { expect, test } from '@jest/globals';
import { gatewayBeatMs } from '../../domain/limits.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { Standstill } from './standstill.ts';

const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };
const settled = () => new Promise((resolve) => setImmediate(resolve));

function watched() {
  const clock = new StandingClock();
  const reads: PromiseWithResolvers<void>[] = [];
  const readOn = () => {
    const read = Promise.withResolvers<void>();
    reads.push(read);
    return read.promise;
  };
  return { clock, reads, standstill: new Standstill({ clock, logger, readOn }) };
}

test('a process that has not been looked after yet, or ticks, is not behind', () => {
  const { clock, reads, standstill } = watched();
  clock.advance(10 * gatewayBeatMs);
  expect(standstill.isBehind).toBe(false);
  standstill.tick();
  clock.advance(gatewayBeatMs);
  expect(standstill.isBehind).toBe(false);
  standstill.tick();
  expect(reads).toEqual([]);
});

test('one that stood still is behind before anybody ticks, until it has read on', async () => {
  const { clock, reads, standstill } = watched();
  standstill.tick();
  clock.advance(gatewayBeatMs + 1);
  expect(standstill.isBehind).toBe(true);
  standstill.tick();
  standstill.tick();
  expect([standstill.isBehind, reads.length]).toEqual([true, 1]);
  reads[0]?.resolve();
  await settled();
  expect(standstill.isBehind).toBe(false);
});

test('a log that cannot be read is asked again, and what was read before another standstill is not enough', async () => {
  const { clock, reads, standstill } = watched();
  standstill.tick();
  clock.advance(gatewayBeatMs + 1);
  standstill.tick();
  reads[0]?.reject(new Error('away'));
  await settled();
  standstill.tick();
  expect([standstill.isBehind, reads.length]).toEqual([true, 2]);
  clock.advance(gatewayBeatMs + 1);
  standstill.tick();
  reads[1]?.resolve();
  await settled();
  expect(standstill.isBehind).toBe(true);
  standstill.tick();
  reads[2]?.resolve();
  await settled();
  expect(standstill.isBehind).toBe(false);
});

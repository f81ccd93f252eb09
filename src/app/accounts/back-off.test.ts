import { beforeEach, describe, expect, test } from '@jest/globals';
import { StandingClock } from '../../testing/standing-clock.ts';
import {
  BackOff,
  forgetAfterMs,
  freeFailuresPerAddress,
  freeFailuresPerName,
  initialDelayMs,
  maxDelayMs,
  maxRemembered,
} from './back-off.ts';

let clock: StandingClock;
let backOff: BackOff;
beforeEach(() => {
  clock = new StandingClock(0);
  backOff = new BackOff(clock);
});

const fail = (name: string | undefined, address: string) => backOff.attempt({ name, address }, async () => null);
const succeed = (name: string, address: string) => backOff.attempt({ name, address }, async () => 'right');
const tooMany = (retryDelayMs: number) => ({ name: 'Refused', reason: 'TOO_MANY_ATTEMPTS', retryDelayMs });

async function failTimes(
  count: number,
  name: string | ((index: number) => string),
  address: (index: number) => string,
) {
  for (let index = 0; index < count; index += 1)
    await fail(typeof name === 'string' ? name : name(index), address(index));
}

describe('by name', () => {
  test(`the wait begins after ${freeFailuresPerName} failures, doubles with each, and ends at ${maxDelayMs} ms`, async () => {
    await failTimes(freeFailuresPerName, 'ann', (index) => `address ${index}`);
    const waits: number[] = [];
    for (let waitMs = initialDelayMs; waits.length < 12; waitMs = Math.min(2 * waitMs, maxDelayMs)) {
      await expect(fail('ann', 'anywhere')).rejects.toMatchObject(tooMany(waitMs));
      clock.advance(waitMs - 1);
      await expect(succeed('ann', 'anywhere')).rejects.toMatchObject(tooMany(1));
      clock.advance(1);
      await fail('ann', `address ${waitMs} ${waits.length}`);
      waits.push(waitMs);
    }
    expect(waits.slice(0, 3)).toEqual([1_000, 2_000, 4_000]);
    expect(waits.at(-1)).toBe(maxDelayMs);
  });

  test('nothing is done while it lasts, and others are not held up', async () => {
    await failTimes(freeFailuresPerName, 'ann', (index) => `address ${index}`);
    let done = 0;
    const work = async () => ++done;
    await expect(backOff.attempt({ name: 'ann', address: 'a' }, work)).rejects.toMatchObject(tooMany(initialDelayMs));
    expect(done).toBe(0);
    await backOff.attempt({ name: 'bob', address: 'a' }, work);
    expect(done).toBe(1);
  });

  test('a success begins anew', async () => {
    await failTimes(freeFailuresPerName - 1, 'ann', (index) => `address ${index}`);
    await succeed('ann', 'a');
    await failTimes(freeFailuresPerName, 'ann', (index) => `other ${index}`);
    await expect(fail('ann', 'a')).rejects.toMatchObject(tooMany(initialDelayMs));
  });

  test('failures are forgotten', async () => {
    await failTimes(freeFailuresPerName + 1, 'ann', (index) => {
      clock.advance(initialDelayMs);
      return `address ${index}`;
    });
    clock.advance(forgetAfterMs);
    await failTimes(freeFailuresPerName, 'ann', (index) => `other ${index}`);
    await expect(fail('ann', 'a')).rejects.toMatchObject(tooMany(initialDelayMs));
  });

  test('what comes to no verdict is not counted', async () => {
    for (let times = 0; times < 3 * freeFailuresPerAddress; times += 1) {
      const broken = backOff.attempt({ name: 'ann', address: 'a' }, () => Promise.reject(new Error('no disk')));
      await expect(broken).rejects.toThrow('no disk');
    }
    expect(await succeed('ann', 'a')).toBe('right');
  });

  test('attempts under way count: not more guesses at once than one after the other', async () => {
    const ends: ((result: string | null) => void)[] = [];
    const begin = () =>
      backOff.attempt({ name: 'ann', address: 'a' }, () => new Promise<string | null>((resolve) => ends.push(resolve)));
    const first = Array.from({ length: freeFailuresPerName }, begin);
    await expect(begin()).rejects.toMatchObject(tooMany(initialDelayMs));
    expect(ends).toHaveLength(freeFailuresPerName);
    for (const end of ends) end(null);
    expect(await Promise.all(first)).toEqual(first.map(() => null));
    clock.advance(initialDelayMs);
    const next = begin();
    await expect(begin()).rejects.toMatchObject(tooMany(initialDelayMs));
    ends.at(-1)?.('right');
    expect(await next).toBe('right');
    const both = [begin(), begin()];
    for (const end of ends.slice(-2)) end('right');
    expect(await Promise.all(both)).toEqual(['right', 'right']);
  });
});

describe('by address', () => {
  test(`the wait begins after ${freeFailuresPerAddress} failures with whatever names`, async () => {
    await failTimes(
      freeFailuresPerAddress,
      (index) => `name ${index}`,
      () => 'address',
    );
    await expect(succeed('ann', 'address')).rejects.toMatchObject(tooMany(initialDelayMs));
    expect(await succeed('ann', 'another')).toBe('right');
    clock.advance(initialDelayMs);
    await fail(undefined, 'address');
    await expect(fail(undefined, 'address')).rejects.toMatchObject(tooMany(2 * initialDelayMs));
  });

  test('a success does not begin anew: a guesser may have an account, too', async () => {
    for (let index = 0; index < freeFailuresPerAddress; index += 1) {
      await fail(`name ${index}`, 'address');
      if (index < freeFailuresPerAddress - 1) await succeed('mallory', 'address');
    }
    await expect(succeed('mallory', 'address')).rejects.toMatchObject(tooMany(initialDelayMs));
  });
});

test('memory is bounded: those whose last failure is oldest are forgotten first', async () => {
  await failTimes(freeFailuresPerName - 1, 'kept', (index) => `address ${index}`);
  await failTimes(freeFailuresPerName, 'old', (index) => `address ${index}`);
  await fail('kept', 'address');
  await failTimes(
    maxRemembered - 1,
    (index) => `name ${index}`,
    (index) => `somewhere ${index}`,
  );
  await expect(fail('kept', 'anywhere')).rejects.toMatchObject(tooMany(initialDelayMs));
  expect(await fail('old', 'anywhere')).toBeNull();
});

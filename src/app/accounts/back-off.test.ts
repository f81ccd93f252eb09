import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds as ids } from '../../adapters/node/node-crypto-ids.ts';
import { openSqliteAccountStore } from '../../adapters/sqlite/account-store/sqlite-account-store.ts';
import type { AccountStore } from '../../ports/account-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { maxRemembered } from '../rate-limits/remembered.ts';
import {
  BackOff,
  forgetAfterMs,
  freeFailuresPerAddress,
  freeFailuresPerName,
  initialDelayMs,
  maxDelayMs,
  maxGuessesPerDay,
  signUpRefillMs,
} from './back-off.ts';

const signUpsPerAddress = 4;

let clock: StandingClock;
let backOff: BackOff;
/** Another gateway's, on the same store. */
let elsewhere: BackOff;
let opened: AsyncDisposableStack;
let openStore: (by: Clock) => AccountStore;
beforeEach(async () => {
  clock = new StandingClock(0);
  opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'parley-back-off-'));
  opened.defer(() => rm(folder, { recursive: true }));
  openStore = (by) => opened.use(openSqliteAccountStore({ path: join(folder, 'accounts.db'), clock: by }));
  backOff = new BackOff({ clock, ids, store: openStore(clock) }, signUpsPerAddress);
  elsewhere = new BackOff({ clock, ids, store: openStore(clock) }, signUpsPerAddress);
});
afterEach(() => opened.disposeAsync());

const fail = (name: string | undefined, address: string) => backOff.attempt({ name, address }, async () => null);
const succeed = (name: string, address: string) => backOff.attempt({ name, address }, async () => 'right');
/** Resolves once so many attempts have begun their work: they ask the store before. */
async function begunWork(ends: readonly unknown[], count: number): Promise<void> {
  while (ends.length < count) await new Promise((resolve) => setImmediate(resolve));
}
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
    await begunWork(ends, freeFailuresPerName);
    await expect(begin()).rejects.toMatchObject(tooMany(initialDelayMs));
    expect(ends).toHaveLength(freeFailuresPerName);
    for (const end of ends) end(null);
    expect(await Promise.all(first)).toEqual(first.map(() => null));
    clock.advance(initialDelayMs);
    const next = begin();
    await begunWork(ends, freeFailuresPerName + 1);
    await expect(begin()).rejects.toMatchObject(tooMany(2 * initialDelayMs));
    ends.at(-1)?.('right');
    expect(await next).toBe('right');
    const both = [begin(), begin()];
    await begunWork(ends, freeFailuresPerName + 3);
    for (const end of ends.slice(-2)) end('right');
    expect(await Promise.all(both)).toEqual(['right', 'right']);
  });
});

describe('at two gateways', () => {
  test('failures with one name count together, and a success at one begins anew at both', async () => {
    await failTimes(freeFailuresPerName - 1, 'ann', (index) => `address ${index}`);
    expect(await elsewhere.attempt({ name: 'ann', address: 'a' }, async () => null)).toBeNull();
    for (const one of [backOff, elsewhere])
      await expect(one.attempt({ name: 'ann', address: 'b' }, async () => 'right')).rejects.toMatchObject(
        tooMany(initialDelayMs),
      );
    clock.advance(initialDelayMs);
    expect(await elsewhere.attempt({ name: 'ann', address: 'b' }, async () => 'right')).toBe('right');
    await failTimes(freeFailuresPerName, 'ann', (index) => `other ${index}`);
  });

  test('attempts under way at both count: no more guesses at once than at one', async () => {
    const ends: ((result: string | null) => void)[] = [];
    const begun = Array.from({ length: 4 * freeFailuresPerName }, (_, index) =>
      [backOff, elsewhere]
        [index % 2]!.attempt(
          { name: 'ann', address: `address ${index}` },
          () => new Promise<string | null>((resolve) => ends.push(resolve)),
        )
        .catch(({ reason }: { readonly reason: string }) => reason),
    );
    await begunWork(ends, freeFailuresPerName);
    for (const end of ends) end(null);
    const answers = await Promise.all(begun);
    expect(answers.filter((answer) => answer === null)).toHaveLength(freeFailuresPerName);
    expect(new Set(answers)).toEqual(new Set([null, 'TOO_MANY_ATTEMPTS']));
  });

  test('whose clock is behind, nobody waits longer than the longest wait', async () => {
    const late = new StandingClock(0);
    const store = openStore(late);
    const ahead = new BackOff({ clock, ids, store }, signUpsPerAddress);
    clock.advance(forgetAfterMs / 2);
    for (let index = 0; index < freeFailuresPerName; index += 1)
      await ahead.attempt({ name: 'ann', address: `address ${index}` }, async () => null);
    const behind = new BackOff({ clock: late, ids, store }, signUpsPerAddress);
    const attempt = behind.attempt({ name: 'ann', address: 'a' }, async () => 'right');
    await expect(attempt).rejects.toMatchObject(tooMany(initialDelayMs));
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

describe('sign-ups', () => {
  const signUp = (address: string) => backOff.signUp(address, async () => 'an account');
  const refused = (retryDelayMs: number) => ({ name: 'Refused', reason: 'TOO_MANY_SIGN_UPS', retryDelayMs });
  const intervalMs = signUpRefillMs / signUpsPerAddress;

  test('of an address are as many at once as may be, then one at each interval, and never more than may be at once', async () => {
    for (let times = 0; times < signUpsPerAddress; times += 1) await signUp('a');
    await expect(signUp('a')).rejects.toMatchObject(refused(intervalMs));
    clock.advance(intervalMs - 1);
    await expect(signUp('a')).rejects.toMatchObject(refused(1));
    clock.advance(1);
    await signUp('a');
    await expect(signUp('a')).rejects.toMatchObject(refused(intervalMs));
    clock.advance(10 * signUpRefillMs);
    for (let times = 0; times < signUpsPerAddress; times += 1) await signUp('a');
    await expect(signUp('a')).rejects.toMatchObject(refused(intervalMs));
  });

  test('of one address hold up neither those of another nor any sign-in', async () => {
    for (let times = 0; times < signUpsPerAddress; times += 1) await signUp('a');
    await expect(signUp('a')).rejects.toMatchObject(refused(intervalMs));
    expect(await signUp('b')).toBe('an account');
    expect(await succeed('ann', 'a')).toBe('right');
  });

  test('under way count, and those that make no account do not', async () => {
    const ends: ((result: string | null) => void)[] = [];
    const begin = () => backOff.signUp('a', () => new Promise<string | null>((resolve) => ends.push(resolve)));
    const begun = Array.from({ length: signUpsPerAddress }, begin);
    await expect(begin()).rejects.toMatchObject(refused(intervalMs));
    for (const end of ends) end(null);
    expect(await Promise.all(begun)).toEqual(begun.map(() => null));
    for (let times = 0; times < 2 * signUpsPerAddress; times += 1)
      await expect(backOff.signUp('a', () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');
    for (let times = 0; times < signUpsPerAddress; times += 1) await signUp('a');
  });
});

/** Guesses of a day by who gives up after so many in a row, and waits until they are forgotten. */
async function guessesADay(inARow: number): Promise<number> {
  const endMs = clock.monotonicMs() + 86_400_000;
  const name = `guessed ${inARow}`;
  let guesses = 0;
  for (;;) {
    const address = `address ${guesses}`;
    const gateway = [backOff, elsewhere][guesses % 2]!;
    const waitMs = await gateway
      .attempt({ name, address }, async () => null)
      .then(
        () => undefined,
        (error: { readonly retryDelayMs: number }) => error.retryDelayMs,
      );
    if (waitMs === undefined) guesses += 1;
    clock.advance(waitMs ?? (guesses % inARow === 0 ? forgetAfterMs : 0));
    if (clock.monotonicMs() >= endMs) return guesses;
  }
}

test(`whoever guesses at one name, from whatever addresses, at two gateways and at whatever times, has ${maxGuessesPerDay} guesses a day`, async () => {
  const most: number[] = [];
  for (const inARow of [...Array.from({ length: 30 }, (_, index) => index + 1), Number.POSITIVE_INFINITY])
    most.push(await guessesADay(inARow));
  expect(Math.max(...most)).toBeLessThanOrEqual(maxGuessesPerDay);
  expect(Math.max(...most)).toBeGreaterThan(0.9 * maxGuessesPerDay);
});

test('memory is bounded: those whose last failure is oldest are forgotten first', async () => {
  const failAt = (address: string) => fail(undefined, address);
  for (let times = 0; times < freeFailuresPerAddress - 1; times += 1) await failAt('kept');
  for (let times = 0; times < freeFailuresPerAddress; times += 1) await failAt('old');
  await failAt('kept');
  for (let index = 0; index < maxRemembered - 1; index += 1) await failAt(`somewhere ${index}`);
  await expect(failAt('kept')).rejects.toMatchObject(tooMany(initialDelayMs));
  expect(await failAt('old')).toBeNull();
});

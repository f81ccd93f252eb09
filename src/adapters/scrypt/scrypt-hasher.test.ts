import { scryptSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { maxHashesAtOnce, maxSignUpHashesAtOnce, maxWaitingHashes, maxWaitingSignUpHashes } from './limits.ts';
import {
  decodeHash,
  encodeHash,
  memoryBytes,
  scryptCost,
  scryptHasher,
  type Turns,
  turnsByQueue,
} from './scrypt-hasher.ts';

/** The same algorithm for a thousandth of the time. */
const cheap = { log2N: 5, r: 8, p: 1 };
const mebibyte = 1_024 * 1_024;

describe('passwords by scrypt', () => {
  test('costs what is promised: 32 MiB and N = 2^15, r = 8, p = 3, written into the hash', async () => {
    expect(memoryBytes(scryptCost)).toBe(32 * mebibyte);
    const hasher = scryptHasher();
    const hash = await hasher.hash('correct horse', 'sign-in');
    expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
    expect(await hasher.verify('correct horse', hash)).toBe('right');
  });

  test('the key is that of RFC 7914 for these parameters', async () => {
    const hash = await scryptHasher(cheap).hash('correct horse', 'sign-in');
    const { salt, key } = decodeHash(hash);
    expect(salt).toHaveLength(16);
    expect(key).toEqual(scryptSync('correct horse', salt, 32, { N: 32, r: 8, p: 1 }));
  });

  test('only the same password is right', async () => {
    const hasher = scryptHasher(cheap);
    const hash = await hasher.hash('correct horse', 'sign-in');
    expect(await hasher.verify('correct horse', hash)).toBe('right');
    for (const other of ['', 'correct hors', 'correct horse ', 'Correct horse', 'x'.repeat(256)])
      expect(await hasher.verify(other, hash)).toBe('wrong');
  });

  test('composed and decomposed letters are the same password', async () => {
    const hasher = scryptHasher(cheap);
    const hash = await hasher.hash('crème brûlée'.normalize('NFC'), 'sign-in');
    expect(await hasher.verify('crème brûlée'.normalize('NFD'), hash)).toBe('right');
    expect(await hasher.verify('creme brulee', hash)).toBe('wrong');
  });

  test('the same password never has the same hash twice', async () => {
    const hasher = scryptHasher(cheap);
    const hashes = await Promise.all(Array.from({ length: 20 }, () => hasher.hash('password', 'sign-in')));
    expect(new Set(hashes).size).toBe(20);
  });

  test('no password is right for an account that is not there', async () => {
    const hasher = scryptHasher(cheap);
    for (const password of ['', 'password', '\u0000'.repeat(32)])
      expect(await hasher.verify(password, null)).toBe('wrong');
  });

  test('a hash of other parameters is verified with them, and said to be outdated', async () => {
    const hash = await scryptHasher(cheap).hash('password', 'sign-in');
    const raised = scryptHasher({ ...cheap, log2N: 6 });
    expect(await raised.verify('password', hash)).toBe('outdated');
    expect(await raised.verify('passwort', hash)).toBe('wrong');
  });

  test('a stored text that is no hash is an error and not a wrong password', async () => {
    const hash = await scryptHasher(cheap).hash('password', 'sign-in');
    for (const broken of [
      '',
      'password',
      hash.slice(1),
      `${hash}A`,
      hash.replace('ln=5', 'ln=500'),
      hash.replace('r=8', 'r='),
    ])
      await expect(scryptHasher(cheap).verify('password', broken)).rejects.toThrow('stored password hash');
    expect(encodeHash(decodeHash(hash))).toBe(hash);
  });
});

/** Work that ends when it is told to, each piece with a number. */
function heldWork(turns: Turns) {
  const ends: (() => void)[] = [];
  const began: number[] = [];
  const work = (number: number) =>
    turns.take(() => {
      began.push(number);
      return new Promise<number>((resolve) => ends.push(() => resolve(number)));
    });
  return { ends, began, work };
}

describe.each([
  ['sign-in', maxHashesAtOnce, maxWaitingHashes, 'TOO_MANY_ATTEMPTS'],
  ['sign-up', maxSignUpHashesAtOnce, maxWaitingSignUpHashes, 'TOO_MANY_SIGN_UPS'],
] as const)('turns of %s', (queue, maxAtOnce, maxWaiting, reason) => {
  test('a few work at once, some wait, and the others are told to come back', async () => {
    const { ends, began, work } = heldWork(turnsByQueue()[queue]);
    const all = Array.from({ length: maxAtOnce + maxWaiting }, (_, number) => work(number));
    await Promise.resolve();
    expect(began).toEqual(all.map((_, number) => number).slice(0, maxAtOnce));
    await expect(work(99)).rejects.toMatchObject({ reason, retryDelayMs: 1_000 });
    for (let number = 0; number < all.length; number += 1) {
      while (ends[number] === undefined) await Promise.resolve();
      ends[number]?.();
      expect(await all[number]).toBe(number);
    }
    expect(began).toEqual(all.map((_, number) => number));
    const afterwards = work(100);
    while (ends[all.length] === undefined) await Promise.resolve();
    ends[all.length]?.();
    expect(await afterwards).toBe(100);
  });

  test('never do more work at once than is allowed, whoever comes when', async () => {
    const turns = turnsByQueue()[queue];
    let working = 0;
    let most = 0;
    const work = () =>
      turns.take(async () => {
        most = Math.max(most, ++working);
        await new Promise((resolve) => setImmediate(resolve));
        working -= 1;
      });
    const lane = async () => {
      for (let times = 0; times < 20; times += 1) await work();
    };
    await Promise.all(Array.from({ length: Math.min(10, maxWaiting) }, lane));
    expect([most, working]).toEqual([maxAtOnce, 0]);
  });

  test('work that fails gives its turn back', async () => {
    const turns = turnsByQueue()[queue];
    for (let times = 0; times < 5; times += 1)
      await expect(turns.take(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await turns.take(async () => 'done')).toBe('done');
  });
});

// One queue was for all: a flood of sign-ups, which anybody can send, kept people from signing in.
test('somebody signs in at once while as many sign up as may wait', async () => {
  const turns = turnsByQueue();
  const signUps = heldWork(turns['sign-up']);
  for (let number = 0; number < maxSignUpHashesAtOnce + maxWaitingSignUpHashes; number += 1) void signUps.work(number);
  await expect(signUps.work(99)).rejects.toMatchObject({ reason: 'TOO_MANY_SIGN_UPS' });
  const signIns = heldWork(turns['sign-in']);
  void signIns.work(0);
  await Promise.resolve();
  expect(signIns.began).toEqual([0]);
  expect(signUps.began).toEqual([0]);
});

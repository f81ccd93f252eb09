import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type Account,
  type AccountStore,
  AccountStoreTooNew,
  AccountStoreUnavailable,
  maxFamiliesPerAccount,
} from '../../../ports/account-store.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { type TestDatabase, testDatabase } from '../../../testing/engines/test-database.ts';
import { StandingClock } from '../../../testing/standing-clock.ts';
import { openMongoAccountStore } from './mongo-account-store.ts';

/** What nobody may wait longer for, and what a busy machine adds to it. */
const answerLimitMs = 5_000 + 1_500;
const hourMs = 3_600_000;

const clock = new StandingClock();
const ann: Account = { clientId: 'c1', userName: 'Ann', passwordHash: 'hash', role: 'client', createTimeMs: 1 };

let engine: MongoEngine;
let database: TestDatabase;
let stores: readonly AccountStore[];

beforeAll(async () => {
  engine = await startMongo();
});
afterAll(() => engine[Symbol.asyncDispose]());
beforeEach(async () => {
  database = testDatabase(engine.uri);
  stores = await Promise.all([1, 2, 3].map(() => open()));
});
afterEach(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const open = () => openMongoAccountStore({ uri: database.uri, prefix: 'parley', clock });
const any = (index: number) => stores[index % stores.length]!;
const stored = () => database.client.db(database.name);

function begin(familyId: string, lifetimeMs = hourMs, from = any(0)): Promise<boolean> {
  const expireTimeMs = clock.nowMs() + lifetimeMs;
  const family = { familyId, clientId: ann.clientId, tokenHash: `${familyId} 0`, expireTimeMs };
  return from.createFamily(family, ann.passwordHash);
}

function rotate(familyId: string, number: number, from = any(0)) {
  const hashes = { presentedHash: `${familyId} ${number}`, nextHash: `${familyId} ${number + 1}` };
  return from.rotateFamily({ familyId, ...hashes, expireTimeMs: clock.nowMs() + hourMs });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await condition())) expect(performance.now()).toBeLessThan(deadlineMs);
}

async function answers(store: AccountStore): Promise<boolean> {
  return store.signingKeys().then(
    () => true,
    (error: unknown) => {
      expect(error).toBeInstanceOf(AccountStoreUnavailable);
      return false;
    },
  );
}

describe('at the same time', () => {
  test('fifty present one token: one gets the next, one ends the family, the others find none', async () => {
    await any(0).createAccount(ann);
    await begin('family');
    await begin('other');
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => rotate('family', 0, any(index))));
    const kinds = outcomes.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['reused', 'rotated', ...Array.from({ length: 48 }, () => 'unknown')]);
    expect(await rotate('family', 1)).toEqual({ kind: 'unknown' });
    expect(await rotate('other', 0)).toMatchObject({ kind: 'rotated' });
  });

  test('many sign in to one account while others refresh: no family is lost, and no token works that was traded', async () => {
    await any(0).createAccount(ann);
    const signedIn = Array.from({ length: 12 }, (_, index) => `family ${index}`);
    await Promise.all(
      signedIn.map(async (familyId, index) => {
        await begin(familyId, hourMs, any(index));
        for (let number = 0; number < 3; number += 1)
          expect(await rotate(familyId, number, any(index + number))).toMatchObject({ kind: 'rotated' });
      }),
    );
    for (const familyId of signedIn.slice(0, 6)) expect(await rotate(familyId, 3)).toMatchObject({ kind: 'rotated' });
    for (const familyId of signedIn.slice(6)) expect(await rotate(familyId, 2)).toMatchObject({ kind: 'reused' });
  });

  test('an account is removed and its tokens are traded: afterwards none works', async () => {
    for (let round = 0; round < 5; round += 1) {
      await any(0).createAccount(ann);
      const familyId = `round ${round}`;
      await begin(familyId);
      const [removed, ...outcomes] = await Promise.all([
        any(1).removeAccount('ann'),
        rotate(familyId, 0, any(2)),
        begin('late', hourMs, any(0)),
      ]);
      expect(removed).toBe(true);
      expect(['rotated', 'unknown']).toContain(outcomes[0].kind);
      await any(0).createAccount(ann);
      for (const number of [0, 1]) expect(await rotate(familyId, number)).toEqual({ kind: 'unknown' });
      await any(0).removeAccount('ann');
    }
    expect(await stored().collection('parley_accounts').countDocuments()).toBe(0);
  });

  test('a new family of a shorter life still takes the place of the one that expires first; the expired leave', async () => {
    await any(0).createAccount(ann);
    for (let index = 0; index < maxFamiliesPerAccount; index += 1) await begin(`long ${index}`, 10 * hourMs + index);
    await begin('short', 1);
    expect(await rotate('long 0', 0)).toEqual({ kind: 'unknown' });
    expect(await rotate('long 1', 0)).toMatchObject({ kind: 'rotated' });
    expect(await rotate('short', 0)).toMatchObject({ kind: 'rotated' });
    clock.advance(20 * hourMs);
    await begin('next day');
    const [row] = await stored().collection('parley_accounts').find().toArray();
    expect(row?.['families']).toHaveLength(1);
  });
});

test('what a later release wrote is refused by every operation, and left as it is', async () => {
  await any(0).createAccount(ann);
  const ofStore = stored().collection<{ _id: string; version: number }>('parley_account_store');
  await ofStore.updateOne({ _id: 'schema' }, { $set: { version: 2 } });
  await using late = await open();
  await expect(late.accountNamed('ann')).rejects.toThrow(AccountStoreTooNew);
  await expect(late.removeAccount('ann')).rejects.toThrow(AccountStoreTooNew);
  await expect(late.signingKeys()).rejects.toThrow(AccountStoreTooNew);
  expect(await stored().collection('parley_accounts').countDocuments()).toBe(1);
});

test('names and client ids are kept unique by the database itself', async () => {
  await any(0).createAccount(ann);
  const accounts = stored().collection('parley_accounts');
  const unique = (await accounts.indexes()).filter((index) => index.unique === true);
  expect(unique.map(({ key }) => key)).toEqual([{ clientId: 1 }]);
  expect((await accounts.findOne())?._id).toBe('ann');
});

test('a store opens while the server is away, says so in time, and works by itself once it is there', async () => {
  await engine.kill();
  await using store = await open();
  const beganMs = performance.now();
  const asked = [
    store.accountNamed('ann'),
    store.createAccount(ann),
    store.listAccounts('', 10),
    store.signingKeys(),
    begin('family', hourMs, store),
    rotate('family', 0, store),
  ];
  for (const answer of await Promise.allSettled(asked)) {
    expect(answer.status).toBe('rejected');
    if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(AccountStoreUnavailable);
  }
  expect(performance.now() - beganMs).toBeLessThan(answerLimitMs);
  await engine.start();
  await until(() => answers(store));
  expect(await store.createAccount(ann)).toBe(true);
  await engine.pause();
  const frozenMs = performance.now();
  await expect(store.accountNamed('ann')).rejects.toThrow(AccountStoreUnavailable);
  expect(performance.now() - frozenMs).toBeLessThan(answerLimitMs);
  engine.resume();
  await until(() => answers(store));
  expect(await store.accountNamed('ann')).toEqual(ann);
});

test('killed while accounts are made and tokens traded, the server has everything that was answered', async () => {
  await any(0).createAccount(ann);
  await begin('family');
  const made: string[] = [];
  let traded = 0;
  let over = false;
  const working = [
    ...[0, 1, 2, 3].map(async (self) => {
      for (let index = 0; !over; index += 1) {
        const userName = `user-${self}-${index}`;
        const done = await any(self)
          .createAccount({ ...ann, userName, clientId: userName })
          .catch(() => null);
        if (done === null) over = true;
        else made.push(userName);
      }
    }),
    (async () => {
      while (!over) {
        const outcome = await rotate('family', traded, any(1)).catch(() => null);
        if (outcome === null) over = true;
        else expect(outcome.kind).toBe('rotated');
        if (!over) traded += 1;
      }
    })(),
  ];
  await until(async () => {
    await new Promise(setImmediate);
    return made.length > 30 && traded > 5;
  });
  await engine.kill();
  await Promise.all(working);
  await engine.start();
  await until(() => answers(any(0)));
  for (const userName of made) expect((await any(0).accountNamed(userName))?.clientId).toBe(userName);
  // The one that was under way may have been done, too: then this token was traded, and the next one is the current.
  const [row] = await stored()
    .collection('parley_accounts')
    .find({ _id: 'ann' as never })
    .toArray();
  expect([`family ${traded}`, `family ${traded + 1}`]).toContain(row?.['families'][0].tokenHash);
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StandingClock } from '../../testing/standing-clock.ts';
import {
  type Account,
  type AccountStore,
  AccountStoreUnavailable,
  maxFamiliesPerAccount,
  type SigningKey,
} from '../account-store.ts';
import type { Clock } from '../clock.ts';

/** An empty store to test. */
export interface AccountStoreUnderTest extends AsyncDisposable {
  /** Another handle on the same store. */
  open(): Promise<AccountStore>;
}

const hourMs = 3_600_000;

function account(userName: string, more: Partial<Account> = {}): Account {
  return {
    clientId: `client of ${userName}`,
    userName,
    passwordHash: `hash of ${userName}`,
    role: 'client',
    createTimeMs: 1_700_000_000_000,
    ...more,
  };
}

function signingKey(kid: string, removeTimeMs: number): SigningKey {
  return { kid, privateJwk: `{"d":"${kid}"}`, createTimeMs: 1, retireTimeMs: removeTimeMs - 1, removeTimeMs };
}

/** What every store of accounts must do. The clock is the store's. */
export function accountStoreContract(name: string, prepare: (clock: Clock) => Promise<AccountStoreUnderTest>): void {
  describe(`account store: ${name}`, () => {
    let clock: StandingClock;
    let subject: AccountStoreUnderTest;
    let store: AccountStore;
    /** Another server's. */
    let other: AccountStore;

    beforeEach(async () => {
      clock = new StandingClock();
      subject = await prepare(clock);
      store = await subject.open();
      other = await subject.open();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    });

    /** Of `client of ann`, whose hash is `hash of ann`, unless it was replaced. */
    const begin = (
      familyId: string,
      clientId: string,
      lifetimeMs = hourMs,
      passwordHash = clientId.replace('client', 'hash'),
      from: AccountStore = store,
    ) =>
      from.createFamily(
        { familyId, clientId, tokenHash: `${familyId} 0`, expireTimeMs: clock.nowMs() + lifetimeMs },
        passwordHash,
      );
    /** Presents the token of this number and wants the next one. */
    const rotate = (familyId: string, number: number, from: AccountStore = store) =>
      from.rotateFamily({
        familyId,
        presentedHash: `${familyId} ${number}`,
        nextHash: `${familyId} ${number + 1}`,
        expireTimeMs: clock.nowMs() + hourMs,
      });

    describe('accounts', () => {
      test('are found by name in any case and by client id, through every handle', async () => {
        const ann = account('Ann.Lee', { role: 'operator' });
        expect(await store.createAccount(ann)).toBe(true);
        expect(await other.accountNamed('Ann.Lee')).toEqual(ann);
        expect(await other.accountNamed('aNN.lEE')).toEqual(ann);
        expect(await other.accountOf(ann.clientId)).toEqual(ann);
        expect(await store.accountNamed('ann')).toBeNull();
        expect(await store.accountNamed("' OR 1=1 --")).toBeNull();
        expect(await store.accountOf('')).toBeNull();
      });

      test('have names that nobody else has in whatever case', async () => {
        const ann = account('ann');
        await store.createAccount(ann);
        expect(await other.createAccount(account('ANN', { clientId: 'another' }))).toBe(false);
        expect(await store.accountNamed('ann')).toEqual(ann);
        expect(await store.accountOf('another')).toBeNull();
      });

      test('are made once when many want the name at once', async () => {
        const made = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            [store, other][index % 2]!.createAccount(account('ann', { clientId: `client ${index}` })),
          ),
        );
        expect(made.filter((one) => one)).toHaveLength(1);
        expect((await store.accountNamed('ann'))?.clientId).toBe(`client ${made.indexOf(true)}`);
      });

      test('are listed by name without case, page by page', async () => {
        for (const userName of ['dora', 'Carl', 'ann', 'Bob', 'bo.b']) await store.createAccount(account(userName));
        const listed: string[] = [];
        for (let after = ''; ; ) {
          const page = await other.listAccounts(after, 2);
          listed.push(...page.map(({ userName }) => userName));
          after = page.at(-1)?.userName ?? '';
          if (page.length < 2) break;
        }
        expect(listed).toEqual(['ann', 'bo.b', 'Bob', 'Carl', 'dora']);
      });

      test('that are removed are gone, and their name is free', async () => {
        await store.createAccount(account('ann'));
        expect(await other.removeAccount('ANN')).toBe(true);
        expect(await store.accountNamed('ann')).toBeNull();
        expect(await store.accountOf('client of ann')).toBeNull();
        expect(await store.removeAccount('ann')).toBe(false);
        expect(await store.createAccount(account('ann', { clientId: 'another' }))).toBe(true);
      });

      test('get another role, and only the one that is meant', async () => {
        await store.createAccount(account('ann'));
        await store.createAccount(account('bob'));
        expect(await store.setRole('Ann', 'operator')).toBe(true);
        expect((await other.accountNamed('ann'))?.role).toBe('operator');
        expect((await other.accountNamed('bob'))?.role).toBe('client');
        expect(await store.setRole('carl', 'operator')).toBe(false);
      });

      test('come into a group and out of it, and only the one that is meant', async () => {
        await store.createAccount(account('ann', { group: 'sales' }));
        await store.createAccount(account('bob'));
        expect((await other.accountNamed('ann'))?.group).toBe('sales');
        expect(await store.setGroup('Bob', 'support')).toBe(true);
        expect((await other.accountOf('client of bob'))?.group).toBe('support');
        expect(await store.setGroup('ann', undefined)).toBe(true);
        expect(await other.accountNamed('ann')).toEqual(account('ann'));
        expect((await other.listAccounts('', 9)).map(({ group }) => group)).toEqual([undefined, 'support']);
        expect(await store.setGroup('carl', 'sales')).toBe(false);
      });

      test('get another hash only in place of the one expected', async () => {
        await store.createAccount(account('ann'));
        const replace = (expected: string, by: string) => store.replacePasswordHash('client of ann', expected, by);
        expect(await replace('another hash', 'wrong')).toBe(false);
        expect(await replace('hash of ann', 'new')).toBe(true);
        expect(await replace('hash of ann', 'late')).toBe(false);
        expect((await other.accountNamed('ann'))?.passwordHash).toBe('new');
      });
    });

    describe('families of refresh tokens', () => {
      beforeEach(async () => {
        await store.createAccount(account('ann'));
        await store.createAccount(account('bob'));
        await begin('family', 'client of ann');
      });

      test('go from token to token, through every handle', async () => {
        expect(await rotate('family', 0)).toEqual({ kind: 'rotated', account: account('ann') });
        expect(await rotate('family', 1, other)).toMatchObject({ kind: 'rotated' });
        expect(await rotate('family', 2)).toMatchObject({ kind: 'rotated' });
      });

      test('tell what the account is now', async () => {
        await other.setRole('ann', 'operator');
        expect(await rotate('family', 0)).toMatchObject({ kind: 'rotated', account: { role: 'operator' } });
      });

      test('end when a token is used again, for every token of theirs and for no other family', async () => {
        await begin('second', 'client of ann');
        await rotate('family', 0);
        expect(await rotate('family', 0, other)).toEqual({ kind: 'reused', clientId: 'client of ann' });
        expect(await rotate('family', 1)).toEqual({ kind: 'unknown' });
        expect(await rotate('family', 0)).toEqual({ kind: 'unknown' });
        expect(await rotate('second', 0)).toMatchObject({ kind: 'rotated' });
      });

      test('give one next token when the same one is presented many times at once, and then end', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, index) => rotate('family', 0, [store, other][index % 2]!)),
        );
        const kinds = outcomes.map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === 'rotated')).toHaveLength(1);
        expect(kinds.filter((kind) => kind === 'reused')).toHaveLength(1);
        expect(await rotate('family', 1)).toEqual({ kind: 'unknown' });
      });

      test('expire, and each rotation puts that off', async () => {
        clock.advance(hourMs - 1);
        expect(await rotate('family', 0)).toMatchObject({ kind: 'rotated' });
        clock.advance(hourMs - 1);
        expect(await rotate('family', 1)).toMatchObject({ kind: 'rotated' });
        clock.advance(hourMs);
        expect(await rotate('family', 2)).toEqual({ kind: 'unknown' });
        await begin('another', 'client of ann');
        expect(await rotate('family', 2)).toEqual({ kind: 'unknown' });
      });

      test('end when they are told to, as often as they are told, and say whose they were', async () => {
        expect(await other.endFamily('family')).toBe('client of ann');
        expect(await other.endFamily('family')).toBeNull();
        expect(await other.endFamily('never was')).toBeNull();
        expect(await rotate('family', 0)).toEqual({ kind: 'unknown' });
      });

      test('of one account all end at once, and no other', async () => {
        await begin('second', 'client of ann');
        await begin('of bob', 'client of bob');
        await other.endFamilies('client of ann');
        await other.endFamilies('client of ann');
        await other.endFamilies('client of nobody');
        for (const ended of ['family', 'second']) expect(await rotate(ended, 0)).toEqual({ kind: 'unknown' });
        expect(await rotate('of bob', 0)).toMatchObject({ kind: 'rotated' });
        expect(await begin('third', 'client of ann')).toBe(true);
        expect(await rotate('third', 0, other)).toMatchObject({ kind: 'rotated' });
      });

      test('all end with another password, if the one before is the one expected', async () => {
        await begin('of bob', 'client of bob');
        expect(await other.changePassword('client of ann', 'another hash', 'new')).toBe(false);
        expect(await other.changePassword('client of nobody', null, 'new')).toBe(false);
        expect(await rotate('family', 0)).toMatchObject({ kind: 'rotated' });
        expect(await other.changePassword('client of ann', 'hash of ann', 'new')).toBe(true);
        expect(await rotate('family', 1)).toEqual({ kind: 'unknown' });
        expect((await store.accountNamed('ann'))?.passwordHash).toBe('new');
        await begin('next', 'client of ann', hourMs, 'new');
        expect(await other.changePassword('client of ann', null, 'newer')).toBe(true);
        expect(await rotate('next', 0)).toEqual({ kind: 'unknown' });
        expect((await store.accountNamed('bob'))?.passwordHash).toBe('hash of bob');
        expect(await rotate('of bob', 0)).toMatchObject({ kind: 'rotated' });
      });

      test('are not begun with a password that was changed meanwhile', async () => {
        await other.changePassword('client of ann', 'hash of ann', 'new');
        expect(await begin('late', 'client of ann')).toBe(false);
        expect(await rotate('late', 0)).toEqual({ kind: 'unknown' });
        expect(await begin('in time', 'client of ann', hourMs, 'new')).toBe(true);
      });

      test('that begin while the password is changed do not outlive it', async () => {
        const families = Array.from({ length: 20 }, (_, index) => `family ${index}`);
        const begun = families.map((family, index) =>
          begin(family, 'client of ann', hourMs, undefined, [store, other][index % 2]!),
        );
        expect(await other.changePassword('client of ann', null, 'new')).toBe(true);
        await Promise.all(begun);
        for (const family of families) expect(await rotate(family, 0)).toEqual({ kind: 'unknown' });
      });

      test('end with their account, and do not come back with its name', async () => {
        await begin('of bob', 'client of bob');
        await other.removeAccount('ann');
        expect(await rotate('family', 0)).toEqual({ kind: 'unknown' });
        await store.createAccount(account('ann', { clientId: 'another' }));
        expect(await rotate('family', 0)).toEqual({ kind: 'unknown' });
        expect(await rotate('of bob', 0)).toMatchObject({ kind: 'rotated' });
      });

      test('are not begun for an account that is gone', async () => {
        expect(await begin('late', 'client of nobody')).toBe(false);
        expect(await rotate('late', 0)).toEqual({ kind: 'unknown' });
      });

      test('are bounded for each account: the one that expires first gives way', async () => {
        await begin('of bob', 'client of bob', 1);
        for (let index = 1; index < maxFamiliesPerAccount; index += 1)
          await begin(`family ${index}`, 'client of ann', hourMs + index);
        await begin('one more', 'client of ann', hourMs + 1_000);
        expect(await rotate('family', 0)).toEqual({ kind: 'unknown' });
        expect(await rotate('family 1', 0)).toMatchObject({ kind: 'rotated' });
        expect(await rotate('one more', 0)).toMatchObject({ kind: 'rotated' });
        expect(await rotate('of bob', 0)).toMatchObject({ kind: 'rotated' });
      });
    });

    describe('failed sign-ins', () => {
      const failures = (count: number, timeMs = clock.nowMs()) => ({ count, timeMs, expireTimeMs: timeMs + hourMs });

      test('are counted by the hash of a name, through every handle', async () => {
        expect(await store.failedSignIns('ann')).toBeNull();
        expect(await store.replaceFailedSignIns('ann', null, failures(1))).toBe(true);
        expect(await other.failedSignIns('ann')).toEqual(failures(1));
        expect(await other.replaceFailedSignIns('ann', failures(1), failures(2))).toBe(true);
        expect(await store.failedSignIns('ann')).toEqual(failures(2));
        expect(await store.failedSignIns('bob')).toBeNull();
      });

      test('are replaced only in the place of those that are expected', async () => {
        await store.replaceFailedSignIns('ann', null, failures(1));
        for (const expected of [null, failures(2), failures(1, clock.nowMs() - 1)])
          for (const next of [failures(3), null])
            expect(await other.replaceFailedSignIns('ann', expected, next)).toBe(false);
        expect(await other.replaceFailedSignIns('bob', failures(1), failures(2))).toBe(false);
        expect(await store.failedSignIns('ann')).toEqual(failures(1));
        expect(await store.failedSignIns('bob')).toBeNull();
      });

      test('are removed, and begin anew', async () => {
        await store.replaceFailedSignIns('ann', null, failures(7));
        expect(await other.replaceFailedSignIns('ann', failures(7), null)).toBe(true);
        expect(await store.failedSignIns('ann')).toBeNull();
        expect(await store.replaceFailedSignIns('ann', null, null)).toBe(true);
        expect(await store.replaceFailedSignIns('ann', null, failures(1))).toBe(true);
      });

      test('are nothing once they have expired', async () => {
        await store.replaceFailedSignIns('ann', null, failures(7));
        const before = failures(7);
        clock.advance(hourMs - 1);
        expect(await other.failedSignIns('ann')).toEqual(before);
        clock.advance(1);
        expect(await other.failedSignIns('ann')).toBeNull();
        expect(await other.replaceFailedSignIns('ann', null, failures(1))).toBe(true);
        expect(await store.failedSignIns('ann')).toEqual(failures(1));
      });

      test('are counted once each when many servers count at once', async () => {
        const count = async (from: AccountStore) => {
          for (;;) {
            const before = await from.failedSignIns('ann');
            if (await from.replaceFailedSignIns('ann', before, failures((before?.count ?? 0) + 1))) return;
          }
        };
        await Promise.all(Array.from({ length: 20 }, (_, index) => count([store, other][index % 2]!)));
        expect(await store.failedSignIns('ann')).toEqual(failures(20));
      });
    });

    describe('signing keys', () => {
      test('are added after the newest one only, and told oldest first', async () => {
        const [first, second] = [signingKey('z', clock.nowMs() + hourMs), signingKey('a', clock.nowMs() + hourMs)];
        expect(await store.signingKeys()).toEqual([]);
        expect(await store.addSigningKey(first, 'z')).toBe(false);
        expect(await store.addSigningKey(first, null)).toBe(true);
        expect(await other.addSigningKey(second, null)).toBe(false);
        expect(await other.addSigningKey(second, 'z')).toBe(true);
        expect(await store.signingKeys()).toEqual([first, second]);
      });

      test('are one when many servers want to make one', async () => {
        const added = await Promise.all(
          Array.from({ length: 10 }, (_, index) =>
            [store, other][index % 2]!.addSigningKey(signingKey(`key ${index}`, clock.nowMs() + hourMs), null),
          ),
        );
        expect(added.filter((one) => one)).toHaveLength(1);
        expect((await other.signingKeys()).map(({ kid }) => kid)).toEqual([`key ${added.indexOf(true)}`]);
      });

      test('leave when a newer one comes after their time', async () => {
        await store.addSigningKey(signingKey('first', clock.nowMs() + hourMs), null);
        await store.addSigningKey(signingKey('second', clock.nowMs() + 2 * hourMs), 'first');
        clock.advance(hourMs);
        await store.addSigningKey(signingKey('third', clock.nowMs() + hourMs), 'second');
        expect((await store.signingKeys()).map(({ kid }) => kid)).toEqual(['second', 'third']);
      });
    });

    test('what is closed rejects with AccountStoreUnavailable', async () => {
      await other[Symbol.asyncDispose]();
      await expect(other.accountNamed('ann')).rejects.toThrow(AccountStoreUnavailable);
      await expect(other.signingKeys()).rejects.toThrow(AccountStoreUnavailable);
      await expect(rotate('family', 0, other)).rejects.toThrow(AccountStoreUnavailable);
    });
  });
}

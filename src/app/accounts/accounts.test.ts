import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { clockToleranceMs } from '../../adapters/jose/limits.ts';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { scryptHasher } from '../../adapters/scrypt/scrypt-hasher.ts';
import { AccountStoreUnavailable } from '../../ports/account-store.ts';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import { freeFailuresPerAddress, freeFailuresPerName } from './back-off.ts';
import {
  type AccountWorld,
  accessTokenLifetimeMs,
  accountWorld,
  commonPasswords,
  refreshTokenLifetimeMs,
  signUpsPerAddress,
} from './testing/account-world.ts';
import { addUser, listUsers, removeUser, setGroup, setPassword, setRole, signOutUser, type UserDeps } from './users.ts';

const password = 'correct horse';
const address = '192.0.2.1';

let world: AccountWorld;
beforeEach(async () => {
  world = await accountWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const refused = (reason: string, more: object = {}) => ({ name: 'Refused', reason, ...more });
const signUp = (name: string, from = address) => world.accounts.signUp(name, password, from);
const identityOf = ({ accessToken }: { readonly accessToken: string }) => world.authenticator.authenticate(accessToken);

describe('sign-up', () => {
  test('makes an account that is signed in, and can sign in from then on', async () => {
    const tokens = await signUp('Ann.Lee');
    expect(tokens.accessTokenLifetimeMs).toBe(accessTokenLifetimeMs);
    const expireTimeMs = world.clock.nowMs() + accessTokenLifetimeMs;
    expect(await identityOf(tokens)).toEqual({ clientId: tokens.clientId, isOperator: false, expireTimeMs });
    expect((await world.accounts.signIn('ann.lee', password, address)).clientId).toBe(tokens.clientId);
    expect((await world.accounts.refresh(tokens.refreshToken)).clientId).toBe(tokens.clientId);
  });

  test('gives everybody a client id of their own, that is not their name', async () => {
    const ids = new Set<string>();
    for (const name of ['ann', 'bob', 'carl']) ids.add((await signUp(name)).clientId);
    expect(ids.size).toBe(3);
    for (const name of ['ann', 'bob', 'carl']) expect([...ids]).not.toContain(name);
  });

  test.each(['', 'ab', 'a'.repeat(65), 'ann lee', 'änn', 'ann\n', 'ann\u0000', 'ann/..', 'аnn', 'ann😀'])(
    'refuses the name %j before anything is hashed',
    async (name) => {
      await expect(signUp(name)).rejects.toMatchObject(
        refused('USER_NAME_INVALID', { violations: [{ field: 'user_name' }] }),
      );
      expect(world.hashed).toEqual([]);
    },
  );

  test.each(['ann', '...', 'a'.repeat(64), 'A-b_c.9'])('takes the name %j', async (name) => {
    expect(await signUp(name)).toMatchObject({ clientId: expect.any(String) });
  });

  test('counts the characters of a password, not their bytes or halves', async () => {
    const attempt = (name: string, chosen: string) => world.accounts.signUp(name, chosen, address);
    for (const wrong of ['', '1234567', '😀'.repeat(7), 'x'.repeat(257), '😀'.repeat(257), 'x'.repeat(1_000_000)])
      await expect(attempt('ann', wrong)).rejects.toMatchObject(refused('PASSWORD_INVALID'));
    expect(world.hashed).toEqual([]);
    for (const [name, right] of [
      ['ann', '12345678'],
      ['bob', '😀'.repeat(8)],
      ['carl', '😀'.repeat(256)],
    ] as const)
      await attempt(name, right);
    expect(await world.accounts.signIn('carl', '😀'.repeat(256), address)).toMatchObject({
      clientId: expect.any(String),
    });
  });

  test('refuses a password that everybody tries first, in whatever case, and says so', async () => {
    for (const common of ['password', 'PassWord', 'ｐａｓｓｗｏｒｄ', 'LetMeIn123'])
      await expect(world.accounts.signUp('ann', common, address)).rejects.toMatchObject(
        refused('PASSWORD_INVALID', {
          message: expect.stringContaining('too common'),
          violations: [{ field: 'password', description: expect.stringContaining('too common') }],
        }),
      );
    expect(world.hashed).toEqual([]);
    expect(await world.accounts.signUp('ann', 'password, but mine', address)).toBeDefined();
  });

  test('refuses a name that somebody has in another case, before anything is hashed', async () => {
    await signUp('ann');
    expect(world.hashed).toEqual(['hash']);
    await expect(world.accounts.signUp('ANN', 'another password', address)).rejects.toMatchObject(
      refused('USER_NAME_TAKEN'),
    );
    expect(world.hashed).toEqual(['hash']);
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
  });

  test('gives a name to one of many who want it at once', async () => {
    const wanted = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => signUp('ann', `address ${index}`)),
    );
    expect(wanted.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of wanted)
      if (one.status === 'rejected') expect(one.reason).toMatchObject(refused('USER_NAME_TAKEN'));
  });

  test('makes those wait who try out which names are taken', async () => {
    await signUp('ann');
    for (let times = 0; times < freeFailuresPerAddress; times += 1)
      await expect(signUp('ann')).rejects.toMatchObject(refused('USER_NAME_TAKEN'));
    await expect(signUp('bob')).rejects.toMatchObject(refused('TOO_MANY_ATTEMPTS', { retryDelayMs: 1_000 }));
    expect(await signUp('bob', '192.0.2.2')).toBeDefined();
  });

  // Sign-ups had no bound of their own, and were hashed in the queue of those who sign in.
  test('by the hundred from one address is refused beyond its share, and lets others sign in', async () => {
    await signUp('ann', '192.0.2.2');
    const hashed: string[] = [];
    const flood = Array.from({ length: 100 }, (_, index) =>
      signUp(`flood-${index}`).then(
        () => hashed.push('sign-up'),
        ({ reason, retryDelayMs }: { reason: string; retryDelayMs: number }) => {
          expect(reason).toBe('TOO_MANY_SIGN_UPS');
          expect(retryDelayMs).toBeGreaterThan(0);
        },
      ),
    );
    await world.accounts.signIn('ann', password, '192.0.2.2').then(() => hashed.push('sign-in'));
    await Promise.all(flood);
    const signUps = hashed.filter((what) => what === 'sign-up').length;
    expect(signUps).toBeGreaterThan(1);
    expect(signUps).toBeLessThanOrEqual(signUpsPerAddress);
    expect(hashed.at(-1)).toBe('sign-up');
    expect(await signUp('bob', '192.0.2.2')).toBeDefined();
  });

  test('is refused where it is closed, and those who have an account sign in', async () => {
    await signUp('ann');
    const closed = world.server({ signUpOpen: false });
    await expect(closed.signUp('bob', password, address)).rejects.toMatchObject(refused('SIGN_UP_CLOSED'));
    expect(await closed.signIn('ann', password, address)).toBeDefined();
  });
});

describe('sign-in', () => {
  test('answers the same after the same work, whether the name or the password is wrong', async () => {
    await signUp('ann');
    const failureOf = async (name: string, tried: string) => {
      const before = world.hashed.length;
      const failure = await world.accounts.signIn(name, tried, address).catch((error: unknown) => error);
      const { message, reason, metadata, violations, retryDelayMs } = failure as Record<string, unknown>;
      return { told: { message, reason, metadata, violations, retryDelayMs }, hashed: world.hashed.slice(before) };
    };
    const [wrongPassword, wrongName, short] = [
      await failureOf('ann', 'wrong horse'),
      await failureOf('nobody', password),
      await failureOf('ann', ''),
    ];
    expect(wrongName.told).toEqual(wrongPassword.told);
    expect(short.told).toEqual(wrongPassword.told);
    expect(wrongPassword.told.reason).toBe('SIGN_IN_FAILED');
    expect([wrongPassword.hashed, wrongName.hashed]).toEqual([['verify'], ['verify nobody']]);
  });

  test('makes a guesser wait, whether the name is there or not, before anything is hashed', async () => {
    await signUp('ann');
    for (const name of ['ann', 'nobody']) {
      for (let times = 0; times < freeFailuresPerName; times += 1)
        await expect(world.accounts.signIn(name, 'guess', `address ${times}`)).rejects.toMatchObject(
          refused('SIGN_IN_FAILED'),
        );
      const before = world.hashed.length;
      // In another case it is the same name.
      await expect(world.accounts.signIn(name.toUpperCase(), password, 'another')).rejects.toMatchObject(
        refused('TOO_MANY_ATTEMPTS', { retryDelayMs: 1_000 }),
      );
      expect(world.hashed).toHaveLength(before);
    }
    world.clock.advance(1_000);
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
  });

  test('delays the right password after 9 wrong ones at two servers, at both', async () => {
    await signUp('ann');
    const servers = [world.accounts, world.server()];
    for (let times = 0; times < 9; times += 1) {
      if (times >= freeFailuresPerName) world.clock.advance(1_000 * 2 ** (times - freeFailuresPerName));
      await expect(servers[times % 2]!.signIn('ann', 'guess', `address ${times}`)).rejects.toMatchObject(
        refused('SIGN_IN_FAILED'),
      );
    }
    for (const server of servers)
      await expect(server.signIn('ann', password, address)).rejects.toMatchObject(
        refused('TOO_MANY_ATTEMPTS', { retryDelayMs: 16_000 }),
      );
    world.clock.advance(16_000);
    expect(await servers[1]!.signIn('ann', password, address)).toBeDefined();
  });

  test('refuses what cannot be right without hashing it', async () => {
    await expect(world.accounts.signIn('a b', password, address)).rejects.toMatchObject(refused('USER_NAME_INVALID'));
    await expect(world.accounts.signIn('ann', 'x'.repeat(1_000_000), address)).rejects.toMatchObject(
      refused('PASSWORD_INVALID'),
    );
    expect(world.hashed).toEqual([]);
  });

  test('makes a new hash where the parameters were raised, and only for the right password', async () => {
    await signUp('ann');
    const raised = world.server({ hasher: scryptHasher({ log2N: 6, r: 8, p: 1 }) });
    const hashNow = async () => (await world.store.accountNamed('ann'))?.passwordHash ?? '';
    await expect(raised.signIn('ann', 'wrong horse', address)).rejects.toMatchObject(refused('SIGN_IN_FAILED'));
    expect(await hashNow()).toMatch(/^\$scrypt\$ln=5,/);
    await raised.signIn('ann', password, address);
    expect(await hashNow()).toMatch(/^\$scrypt\$ln=6,/);
    expect(await raised.signIn('ann', password, address)).toBeDefined();
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
  });

  test('at two servers at once, of which one makes the new hash, lets both in', async () => {
    await signUp('ann');
    const raised = [1, 2].map(() => world.server({ hasher: scryptHasher({ log2N: 6, r: 8, p: 1 }) }));
    const signedIn = await Promise.all(raised.map((server) => server.signIn('ann', password, address)));
    expect(signedIn).toHaveLength(2);
  });

  test('does not count an outage as a failure', async () => {
    await world.store[Symbol.asyncDispose]();
    for (let times = 0; times < 2 * freeFailuresPerAddress; times += 1)
      await expect(world.accounts.signIn('ann', password, address)).rejects.toThrow(AccountStoreUnavailable);
  });
});

describe('refresh', () => {
  test('gives new tokens, and the old one ends everything when it comes again', async () => {
    const first = await signUp('ann');
    const other = await world.accounts.signIn('ann', password, address);
    const second = await world.accounts.refresh(first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await identityOf(second)).toMatchObject({ clientId: first.clientId });
    const invalid = refused('REFRESH_TOKEN_INVALID');
    await expect(world.accounts.refresh(first.refreshToken)).rejects.toMatchObject(invalid);
    expect(world.warnings).toEqual([{ clientId: first.clientId }]);
    await expect(world.accounts.refresh(second.refreshToken)).rejects.toMatchObject(invalid);
    await expect(world.accounts.refresh(first.refreshToken)).rejects.toMatchObject(invalid);
    expect(world.warnings).toHaveLength(1);
    expect(await world.accounts.refresh(other.refreshToken)).toBeDefined();
  });

  test('of the same token at two servers at once leaves nobody signed in by it', async () => {
    const { refreshToken } = await signUp('ann');
    const answers = await Promise.allSettled([world.accounts, world.server()].map((one) => one.refresh(refreshToken)));
    const won = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(won).toHaveLength(1);
    await expect(world.accounts.refresh(won[0]?.refreshToken ?? '')).rejects.toMatchObject(
      refused('REFRESH_TOKEN_INVALID'),
    );
  });

  test('works as long as the token is used in time', async () => {
    let { refreshToken } = await signUp('ann');
    for (let times = 0; times < 3; times += 1) {
      world.clock.advance(refreshTokenLifetimeMs - 1);
      ({ refreshToken } = await world.accounts.refresh(refreshToken));
    }
    world.clock.advance(refreshTokenLifetimeMs);
    await expect(world.accounts.refresh(refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
  });

  test('refuses everything that is no token, and leaves families alone whose id is not known', async () => {
    const { refreshToken, accessToken } = await signUp('ann');
    const [familyId = '', secret = ''] = refreshToken.split('.');
    const wrong = ['', '.', familyId, secret, `.${secret}`, `${familyId}.`, `${familyId} .${secret}`, accessToken];
    const unknown = [
      `${nodeCryptoIds.unique()}.${secret}`,
      `%.${secret}`,
      `${familyId}.${secret}\n`,
      `${familyId}.${secret}.`,
    ];
    for (const token of [...wrong, ...unknown])
      await expect(world.accounts.refresh(token)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    expect(await world.accounts.refresh(refreshToken)).toBeDefined();
  });

  test('stores no token, only hashes', async () => {
    const rotate = world.store.rotateFamily.bind(world.store);
    const { refreshToken } = await signUp('ann');
    const [familyId = '', secret = ''] = refreshToken.split('.');
    const outcome = await rotate({
      familyId,
      presentedHash: secret,
      nextHash: 'x',
      expireTimeMs: world.clock.nowMs() + 1,
    });
    expect(outcome.kind).toBe('reused');
  });
});

describe('sign-out', () => {
  test('ends the sign-in, answers the same however often, and leaves the others', async () => {
    const first = await signUp('ann');
    const other = await world.accounts.signIn('ann', password, address);
    for (const token of [
      first.refreshToken,
      first.refreshToken,
      '',
      'x',
      `${nodeCryptoIds.unique()}.${nodeCryptoIds.token()}`,
    ])
      expect(await world.accounts.signOut(token)).toBeUndefined();
    await expect(world.accounts.refresh(first.refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    expect(await world.accounts.refresh(other.refreshToken)).toBeDefined();
  });

  test('by an earlier token of the same sign-in ends it, too', async () => {
    const first = await signUp('ann');
    const second = await world.accounts.refresh(first.refreshToken);
    await world.accounts.signOut(first.refreshToken);
    await expect(world.accounts.refresh(second.refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
  });
});

describe('sign-out everywhere', () => {
  test('ends all sign-ins of the account and of no other; an access token goes on until it expires', async () => {
    const [first, bob] = [await signUp('ann'), await signUp('bob')];
    const second = await world.accounts.signIn('ann', password, address);
    await world.accounts.signOutEverywhere(first.clientId);
    await world.accounts.signOutEverywhere(first.clientId);
    for (const { refreshToken } of [first, second])
      await expect(world.accounts.refresh(refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    expect(await world.accounts.refresh(bob.refreshToken)).toBeDefined();
    world.clock.advance(accessTokenLifetimeMs - 1);
    expect(await identityOf(second)).toMatchObject({ clientId: first.clientId });
    world.clock.advance(1 + clockToleranceMs);
    await expect(identityOf(second)).rejects.toMatchObject(refused('UNAUTHENTICATED'));
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
  });
});

describe('changing a password', () => {
  const next = 'another horse';
  const change = (clientId: string, oldPassword: string, newPassword: string, from = address) =>
    world.accounts.changePassword(clientId, { oldPassword, newPassword }, from);

  test('ends all sign-ins, signs in anew, and from then on only the new one is right', async () => {
    const first = await signUp('ann');
    const second = await world.accounts.signIn('ann', password, address);
    const tokens = await change(first.clientId, password, next);
    expect(tokens.clientId).toBe(first.clientId);
    expect(await identityOf(tokens)).toMatchObject({ clientId: first.clientId });
    for (const { refreshToken } of [first, second])
      await expect(world.accounts.refresh(refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    expect(await world.accounts.refresh(tokens.refreshToken)).toBeDefined();
    await expect(world.accounts.signIn('ann', password, address)).rejects.toMatchObject(refused('SIGN_IN_FAILED'));
    expect(await world.accounts.signIn('ann', next, address)).toBeDefined();
  });

  test('is refused with a wrong old one, and counts as a guess of the account', async () => {
    const { clientId, refreshToken } = await signUp('ann');
    for (let times = 0; times < freeFailuresPerName; times += 1)
      await expect(change(clientId, 'guess', next, `address ${times}`)).rejects.toMatchObject(
        refused('PASSWORD_WRONG'),
      );
    const before = world.hashed.length;
    await expect(change(clientId, password, next)).rejects.toMatchObject(refused('TOO_MANY_ATTEMPTS'));
    await expect(world.accounts.signIn('Ann', password, address)).rejects.toMatchObject(refused('TOO_MANY_ATTEMPTS'));
    expect(world.hashed).toHaveLength(before);
    world.clock.advance(1_000);
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
    expect(await world.accounts.refresh(refreshToken)).toBeDefined();
  });

  test.each([
    ['short', 'short', 'new_password'],
    ['common', 'Password', 'new_password'],
    ['too long', 'x'.repeat(257), 'new_password'],
  ])('to one that is %s is refused as at sign-up, before anything is hashed', async (_why, wrong, field) => {
    const { clientId } = await signUp('ann');
    const before = world.hashed.length;
    await expect(change(clientId, password, wrong)).rejects.toMatchObject(
      refused('PASSWORD_INVALID', { violations: [{ field }] }),
    );
    await expect(change(clientId, 'x'.repeat(1_000_000), next)).rejects.toMatchObject(
      refused('PASSWORD_INVALID', { violations: [{ field: 'old_password' }] }),
    );
    expect(world.hashed).toHaveLength(before);
  });

  test('twice at once succeeds once', async () => {
    const { clientId } = await signUp('ann');
    const wanted = ['first horse', 'second horse'];
    const changed = await Promise.allSettled(wanted.map((wish) => change(clientId, password, wish)));
    expect(changed.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const won = wanted[changed.findIndex(({ status }) => status === 'fulfilled')] ?? '';
    expect(await world.accounts.signIn('ann', won, address)).toBeDefined();
  });

  test('while somebody signs in with the old one leaves them signed out', async () => {
    const { clientId } = await signUp('ann');
    // The hash of the sign-in is computed first, and its tokens come after the change.
    const signedIn = world.accounts.signIn('ann', password, address);
    while (world.hashed.at(-1) !== 'verify') await new Promise((resolve) => setImmediate(resolve));
    await world.store.changePassword(clientId, null, 'changed by an operator');
    await expect(signedIn).rejects.toMatchObject(refused('SIGN_IN_FAILED'));
  });

  test('of an account that is gone says that the caller is nobody', async () => {
    await expect(change('nobody', password, next)).rejects.toMatchObject(refused('UNAUTHENTICATED'));
  });
});

describe('users', () => {
  let deps: UserDeps;
  beforeEach(() => {
    const { store, clock } = world;
    deps = { store, clock, commonPasswords, ids: nodeCryptoIds, hasher: scryptHasher({ log2N: 5, r: 8, p: 1 }) };
  });
  const listed = async () => {
    const users = [];
    for await (const user of listUsers(deps)) users.push(user);
    return users;
  };

  test('are added with their role, and sign in', async () => {
    const olga = await addUser(deps, { userName: 'Olga', password, role: 'operator' });
    const tokens = await world.accounts.signIn('olga', password, address);
    expect(await identityOf(tokens)).toMatchObject({ clientId: olga.clientId, isOperator: true });
    await expect(addUser(deps, { userName: 'OLGA', password, role: 'client' })).rejects.toMatchObject(
      refused('USER_NAME_TAKEN'),
    );
    await expect(addUser(deps, { userName: 'o', password, role: 'client' })).rejects.toMatchObject(
      refused('USER_NAME_INVALID'),
    );
    await expect(addUser(deps, { userName: 'paul', password: 'short', role: 'client' })).rejects.toMatchObject(
      refused('PASSWORD_INVALID'),
    );
  });

  test('are listed by name, all of them, without their hashes', async () => {
    const names = Array.from({ length: 450 }, (_, index) => `user-${String(index).padStart(3, '0')}`);
    for (const userName of names)
      await world.store.createAccount({
        clientId: userName,
        userName,
        passwordHash: 'secret',
        role: 'client',
        createTimeMs: 5,
      });
    const users = await listed();
    expect(users.map(({ userName }) => userName)).toEqual(names);
    expect(users[0]).toEqual({ clientId: 'user-000', userName: 'user-000', role: 'client', createTimeMs: 5 });
  });

  test('that are removed are let in no more, neither by password nor by any token', async () => {
    const tokens = await signUp('ann');
    await removeUser(deps, 'Ann');
    await expect(identityOf(tokens)).rejects.toMatchObject(refused('UNAUTHENTICATED'));
    await expect(world.accounts.refresh(tokens.refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    await expect(world.accounts.signIn('ann', password, address)).rejects.toMatchObject(refused('SIGN_IN_FAILED'));
    await expect(removeUser(deps, 'ann')).rejects.toMatchObject(refused('NOT_FOUND'));
    const again = await signUp('ann');
    expect(again.clientId).not.toBe(tokens.clientId);
    await expect(identityOf(tokens)).rejects.toMatchObject(refused('UNAUTHENTICATED'));
  });

  test('get another password from an operator, which ends their sign-ins', async () => {
    const tokens = await signUp('ann');
    await setPassword(deps, 'ANN', 'set by an operator');
    await expect(world.accounts.refresh(tokens.refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    await expect(world.accounts.signIn('ann', password, address)).rejects.toMatchObject(refused('SIGN_IN_FAILED'));
    expect((await world.accounts.signIn('ann', 'set by an operator', address)).clientId).toBe(tokens.clientId);
    await expect(setPassword(deps, 'nobody', 'set by an operator')).rejects.toMatchObject(refused('NOT_FOUND'));
    for (const wrong of ['short', 'password'])
      await expect(setPassword(deps, 'ann', wrong)).rejects.toMatchObject(refused('PASSWORD_INVALID'));
  });

  test('are signed out by an operator, and sign in again', async () => {
    const tokens = await signUp('ann');
    await signOutUser(deps, 'ANN');
    await expect(world.accounts.refresh(tokens.refreshToken)).rejects.toMatchObject(refused('REFRESH_TOKEN_INVALID'));
    expect(await world.accounts.signIn('ann', password, address)).toBeDefined();
    await expect(signOutUser(deps, 'nobody')).rejects.toMatchObject(refused('NOT_FOUND'));
  });

  test('have another role from the next call on, with the token that they have', async () => {
    const tokens = await signUp('ann');
    await setRole(deps, 'ANN', 'operator');
    expect(await identityOf(tokens)).toMatchObject({ isOperator: true });
    await setRole(deps, 'ann', 'client');
    expect(await identityOf(tokens)).toMatchObject({ isOperator: false });
    await expect(setRole(deps, 'nobody', 'operator')).rejects.toMatchObject(refused('NOT_FOUND'));
  });

  test('have another group from the next call on, with the token that they have', async () => {
    const tokens = await signUp('ann');
    expect((await identityOf(tokens)).group).toBeUndefined();
    await setGroup(deps, 'ANN', 'sales');
    expect(await identityOf(tokens)).toMatchObject({ group: 'sales' });
    await setGroup(deps, 'ann', undefined);
    expect((await identityOf(tokens)).group).toBeUndefined();
    await expect(setGroup(deps, 'nobody', 'sales')).rejects.toMatchObject(refused('NOT_FOUND'));
    await expect(setGroup(deps, 'ann', '')).rejects.toMatchObject(refused('FRAME_INVALID'));
  });
});

test('callers whose account cannot be looked up are unknown for now, and not unauthenticated', async () => {
  const tokens = await signUp('ann');
  await world.store[Symbol.asyncDispose]();
  await expect(identityOf(tokens)).rejects.toThrow(AuthenticationUnavailable);
});

describe('the security log', () => {
  test('has who did what from where, and no secret', async () => {
    const tokens = await signUp('Ann');
    const { clientId } = tokens;
    await expect(world.accounts.signIn('ann', 'a wrong guess', 'elsewhere')).rejects.toBeDefined();
    await expect(world.accounts.signIn('a.wrong.guess', password, 'elsewhere')).rejects.toBeDefined();
    const second = await world.accounts.signIn('ann', password, address);
    const wrong = { oldPassword: 'a wrong guess', newPassword: 'another horse' };
    await expect(world.accounts.changePassword(clientId, wrong, address)).rejects.toBeDefined();
    await world.accounts.signOut(second.refreshToken, address);
    await world.accounts.signOut(second.refreshToken, address);
    await world.accounts.refresh(tokens.refreshToken);
    await expect(world.accounts.refresh(tokens.refreshToken, 'a thief')).rejects.toBeDefined();
    await world.accounts.changePassword(clientId, { ...wrong, oldPassword: password }, address);
    await world.accounts.signOutEverywhere(clientId, address);
    const events = await world.events();
    const ann = { clientId, userName: 'Ann', count: 1, address };
    const expected = [
      { kind: 'sign_up', ...ann },
      { kind: 'sign_in_failed', ...ann, address: 'elsewhere' },
      { kind: 'sign_in_failed', ...ann, clientId: '', userName: '', address: 'elsewhere' },
      { kind: 'sign_in', ...ann },
      { kind: 'password_change_failed', ...ann },
      { kind: 'signed_out', ...ann },
      { kind: 'refresh_token_reused', ...ann, address: 'a thief' },
      { kind: 'password_changed', ...ann },
      { kind: 'signed_out_everywhere', ...ann },
    ];
    expect(events).toHaveLength(expected.length);
    expect(events).toEqual(expect.arrayContaining(expected.map((one) => expect.objectContaining(one))));
    for (const secret of [password, 'guess', 'another horse', tokens.refreshToken.split('.')[1]])
      expect(JSON.stringify(events)).not.toContain(secret);
  });

  test('has attempts that are refused because too many failed, without whose they are', async () => {
    for (let times = 0; times <= freeFailuresPerName; times += 1)
      await world.accounts.signIn('ann', 'a wrong guess', address).catch(() => undefined);
    expect(await world.events()).toContainEqual(
      expect.objectContaining({ kind: 'attempts_refused', clientId: '', userName: '', address, count: 1 }),
    );
  });
});

import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import type { AccountStore } from '../../ports/account-store.ts';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { openSqliteAccountStore } from '../sqlite/account-store/sqlite-account-store.ts';
import { joseAccessTokens } from './jose-access-tokens.ts';
import { clockToleranceMs, minReloadMs } from './limits.ts';

const minuteMs = 60_000;
const tokenLifetimeMs = 15 * minuteMs;
const keyLifetimeMs = 24 * 60 * minuteMs;
const ann = { clientId: 'client of ann', isOperator: false };

let folder: string;
let clock: StandingClock;
let store: AccountStore;
/** How often a server asked the store for its keys. */
let reads: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-tokens-'));
  clock = new StandingClock();
  store = openSqliteAccountStore({ path: join(folder, 'accounts.db'), clock });
  reads = 0;
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Another server on the same store. */
function server(more: Partial<Parameters<typeof joseAccessTokens>[0]> = {}) {
  const counted = {
    signingKeys: () => {
      reads += 1;
      return store.signingKeys();
    },
    addSigningKey: store.addSigningKey.bind(store),
  };
  return joseAccessTokens({ store: counted, clock, prefix: 'parley', tokenLifetimeMs, keyLifetimeMs, ...more });
}

/** Lets time pass for as long as something sleeps until then. */
async function timePassing<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    if (clock.sleeping > 0) clock.advance(minReloadMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token with its header and claims changed, and signed as told. */
function forged(
  token: string,
  header: Record<string, unknown>,
  claims: Record<string, unknown>,
  sign: (input: string) => string,
): string {
  const input = `${base64url({ ...decodeProtectedHeader(token), ...header })}.${base64url({ ...decodeJwt(token), ...claims })}`;
  return `${input}.${sign(input)}`;
}

const refused = { name: 'Refused', reason: 'UNAUTHENTICATED' };

describe('access tokens', () => {
  test('say whose they are until they expire', async () => {
    const tokens = server();
    const { accessToken, lifetimeMs } = await tokens.issue({ clientId: 'client of olga', isOperator: true });
    expect(lifetimeMs).toBe(tokenLifetimeMs);
    const expireTimeMs = clock.nowMs() + tokenLifetimeMs;
    expect(await tokens.authenticate(accessToken)).toEqual({
      clientId: 'client of olga',
      isOperator: true,
      expireTimeMs,
    });
    expect(await tokens.authenticate((await tokens.issue(ann)).accessToken)).toMatchObject(ann);
    clock.advance(tokenLifetimeMs + clockToleranceMs - 1);
    expect(await tokens.authenticate(accessToken)).toMatchObject({ expireTimeMs });
    clock.advance(1);
    await expect(tokens.authenticate(accessToken)).rejects.toMatchObject({ ...refused, message: /expired/ });
  });

  test('name key, issuer, audience and type', async () => {
    const { accessToken } = await server().issue(ann);
    const [key] = await store.signingKeys();
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: 'EdDSA', kid: key?.kid, typ: 'at+jwt' });
    expect(decodeJwt(accessToken)).toMatchObject({
      iss: 'parley.accounts',
      aud: 'parley',
      sub: ann.clientId,
      role: 'client',
    });
  });

  test('of another deployment are refused, even with the same keys', async () => {
    const { accessToken } = await server({ prefix: 'other' }).issue(ann);
    await expect(server().authenticate(accessToken)).rejects.toMatchObject(refused);
  });

  test('are refused with anything changed', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    // The last character of the signature has bits that mean nothing: it is left as it is.
    const changed = Array.from({ length: accessToken.length - 1 }, (_, at) => {
      const other = accessToken[at] === 'A' ? 'Q' : 'A';
      return accessToken.slice(0, at) + other + accessToken.slice(at + 1);
    });
    const answers = await timePassing(Promise.allSettled(changed.map((token) => tokens.authenticate(token))));
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: refused });
  });

  test('are refused without a signature, and with one by a shared secret', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    const [key] = await store.signingKeys();
    const { x = '' } = JSON.parse(key?.privateJwk ?? '{}') as JWK;
    const operator = { role: 'operator' };
    const byHash = (secret: string | Buffer) => (input: string) =>
      createHmac('sha256', secret).update(input).digest('base64url');
    const forgeries = [
      forged(accessToken, { alg: 'none' }, operator, () => ''),
      forged(accessToken, { alg: 'None' }, operator, () => ''),
      forged(accessToken, {}, operator, () => ''),
      forged(accessToken, { alg: 'HS256' }, operator, byHash(Buffer.from(x, 'base64url'))),
      forged(accessToken, { alg: 'HS256' }, operator, byHash(x)),
      forged(accessToken, { alg: 'HS256' }, operator, byHash('')),
      forged(accessToken, {}, operator, () => accessToken.split('.')[2] ?? ''),
    ];
    for (const forgery of forgeries) await expect(tokens.authenticate(forgery)).rejects.toMatchObject(refused);
  });

  test('are refused when another key signed them, whatever they say of it', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const header = { alg: 'EdDSA', typ: 'at+jwt', kid: decodeProtectedHeader(accessToken).kid ?? '' };
    for (const more of [{}, { jwk }, { jku: 'https://example.com/keys' }, { x5u: 'https://example.com/cert' }]) {
      const forgery = await new SignJWT(decodeJwt(accessToken))
        .setProtectedHeader({ ...header, ...more })
        .sign(privateKey);
      await expect(tokens.authenticate(forgery)).rejects.toMatchObject(refused);
    }
  });

  test('are refused when they lack what a token of ours has, although our key signed them', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    const [key] = await store.signingKeys();
    const ours = await importJWK(JSON.parse(key?.privateJwk ?? '{}') as JWK, 'EdDSA');
    const claims = decodeJwt(accessToken);
    const header = { alg: 'EdDSA', typ: 'at+jwt', kid: key?.kid ?? '' };
    const signed = (changes: object, more: object = {}) =>
      new SignJWT({ ...claims, ...changes }).setProtectedHeader({ ...header, ...more }).sign(ours);
    expect(await tokens.authenticate(await signed({}))).toMatchObject(ann);
    for (const name of ['iss', 'aud', 'sub', 'exp', 'role'])
      await expect(tokens.authenticate(await signed({ [name]: undefined }))).rejects.toMatchObject(refused);
    await expect(tokens.authenticate(await signed({}, { typ: 'JWT' }))).rejects.toMatchObject(refused);
    await expect(tokens.authenticate(await signed({}, { typ: undefined }))).rejects.toMatchObject(refused);
  });

  test('of every shape but the right one are refused', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    const [header = '', claims = '', signature = ''] = accessToken.split('.');
    const kids: readonly unknown[] = [
      1,
      null,
      {},
      [],
      { toString: 1, valueOf: 1 },
      [decodeProtectedHeader(accessToken).kid],
      '__proto__',
      '',
    ];
    const shapes = [
      ...[
        '',
        '.',
        '..',
        '...',
        'a.b.c',
        header,
        `${header}.${claims}`,
        `${accessToken}.${signature}`,
        ` ${accessToken}`,
      ],
      ...kids.map((kid) => `${base64url({ alg: 'EdDSA', typ: 'at+jwt', kid })}.${claims}.${signature}`),
      ...[null, 1, 'EdDSA', [], { alg: {} }, { alg: ['EdDSA'] }].map(
        (value) => `${base64url(value)}.${claims}.${signature}`,
      ),
      ...[null, 1, 'claims', []].map((value) => `${header}.${base64url(value)}.${signature}`),
    ];
    for (const shape of shapes) await expect(tokens.authenticate(shape)).rejects.toMatchObject(refused);
  });
});

describe('keys', () => {
  test('are one for all servers, made when the first token is', async () => {
    const servers = Array.from({ length: 5 }, () => server());
    const issued = await Promise.all(servers.map((one) => one.issue(ann)));
    expect(await store.signingKeys()).toHaveLength(1);
    for (const { accessToken } of issued)
      for (const one of servers) expect(await one.authenticate(accessToken)).toMatchObject(ann);
  });

  test('survive a restart', async () => {
    const { accessToken } = await server().issue(ann);
    expect(await server().authenticate(accessToken)).toMatchObject(ann);
    await server().issue(ann);
    expect(await store.signingKeys()).toHaveLength(1);
  });

  test('retire after their time, and verify until their last token has expired', async () => {
    const [one, two] = [server(), server()];
    await one.issue(ann);
    clock.advance(keyLifetimeMs - 1_000);
    const { accessToken: last } = await one.issue(ann);
    clock.advance(1_000);
    const { accessToken: next } = await two.issue(ann);
    expect(decodeProtectedHeader(next).kid).not.toBe(decodeProtectedHeader(last).kid);
    expect(decodeProtectedHeader((await one.issue(ann)).accessToken).kid).toBe(decodeProtectedHeader(next).kid);
    clock.advance(tokenLifetimeMs - 1_000);
    for (const each of [one, two, server()]) expect(await each.authenticate(last)).toMatchObject(ann);
    clock.advance(keyLifetimeMs);
    await one.issue(ann);
    expect((await store.signingKeys()).map(({ kid }) => kid)).not.toContain(decodeProtectedHeader(last).kid);
  });

  test('do not verify after their time, although a token would live on', async () => {
    const tokens = server();
    const { accessToken } = await tokens.issue(ann);
    const [key] = await store.signingKeys();
    const ours = await importJWK(JSON.parse(key?.privateJwk ?? '{}') as JWK, 'EdDSA');
    // As somebody would make it who has got hold of an old key.
    const eternal = await new SignJWT({ ...decodeJwt(accessToken), exp: 99_999_999_999 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: key?.kid ?? '' })
      .sign(ours);
    expect(await tokens.authenticate(eternal)).toMatchObject(ann);
    clock.advance(keyLifetimeMs + tokenLifetimeMs + clockToleranceMs);
    await expect(tokens.authenticate(eternal)).rejects.toMatchObject(refused);
    await expect(server().authenticate(eternal)).rejects.toMatchObject(refused);
  });

  test('give way at once when tokens are to live longer than they were made for', async () => {
    const { accessToken } = await server().issue(ann);
    const longer = server({ tokenLifetimeMs: 2 * tokenLifetimeMs });
    const { accessToken: long } = await longer.issue(ann);
    expect(decodeProtectedHeader(long).kid).not.toBe(decodeProtectedHeader(accessToken).kid);
    // Shorter ones are no reason: servers of both settings agree on the newer key.
    expect(decodeProtectedHeader((await server().issue(ann)).accessToken).kid).toBe(decodeProtectedHeader(long).kid);
  });

  test('of another server are looked for once for all who ask, and once a second for keys that nobody has', async () => {
    const one = server();
    await one.issue(ann);
    const other = server({ prefix: 'parley' });
    const { accessToken } = await one.issue(ann);
    reads = 0;
    await Promise.all(Array.from({ length: 100 }, () => other.authenticate(accessToken)));
    expect(reads).toBe(1);
    const unknown = forged(accessToken, { kid: 'x'.repeat(43) }, {}, () => accessToken.split('.')[2] ?? '');
    const asked = Promise.allSettled(Array.from({ length: 100 }, () => other.authenticate(unknown)));
    await eventually(
      async () => clock.sleeping,
      (sleeping) => sleeping === 1,
    );
    expect(reads).toBe(1);
    clock.advance(minReloadMs);
    expect(new Set((await asked).map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(reads).toBe(2);
  });

  test('that cannot be read now make the caller unknown for now, and not unauthenticated', async () => {
    const { accessToken } = await server().issue(ann);
    const tokens = server();
    await store[Symbol.asyncDispose]();
    await expect(tokens.authenticate(accessToken)).rejects.toThrow(AuthenticationUnavailable);
    store = openSqliteAccountStore({ path: join(folder, 'accounts.db'), clock });
    clock.advance(minReloadMs);
    expect(await tokens.authenticate(accessToken)).toMatchObject(ann);
  });
});

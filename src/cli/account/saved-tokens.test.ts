import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { SavedTokens, StoredTokens } from '../../client/saved-tokens.ts';
import { ScriptedAccounts } from '../../client/testing/scripted-accounts.ts';
import { ScriptedServer } from '../../client/testing/scripted-server.ts';
import { savedTokens } from '../identity.ts';
import { Trouble } from '../trouble.ts';
import { TokenFromFile } from './token-from-file.ts';
import { TokenStore } from './token-store.ts';

let server: ScriptedServer;
let accounts: ScriptedAccounts;
let stateHome: string;
let store: TokenStore;

beforeEach(async () => {
  accounts = new ScriptedAccounts();
  server = new ScriptedServer();
  server.services = [accounts.service];
  await server.start();
  stateHome = mkdtempSync(join(tmpdir(), 'parley-tokens-'));
  store = new TokenStore(stateHome, 'grpc://host:1');
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(stateHome, { recursive: true });
});

function tokens(): SavedTokens {
  return savedTokens(new TokenStore(stateHome, 'grpc://host:1'), { address: server.address });
}

/** As the last sign-in left them, so long ago. */
function saved(agoMs: number, refreshToken = 'refresh-0'): StoredTokens {
  const stored = {
    accessToken: 'access-0',
    refreshToken,
    clientId: 'ann-1',
    userName: 'ann',
    obtainedAtMs: Date.now() - agoMs,
    lifetimeMs: 900_000,
  };
  store.write(stored);
  return stored;
}

describe('saved tokens', () => {
  test('are none when nobody is signed in', async () => {
    expect(await tokens().fresh()).toBeUndefined();
  });

  test('are used while they last', async () => {
    const { obtainedAtMs } = saved(800_000);
    expect(await tokens().fresh()).toEqual({ text: 'access-0', renewAtMs: obtainedAtMs + 840_000 });
    expect(accounts.refreshed).toEqual([]);
  });

  test('are renewed a minute before they expire, and kept at once', async () => {
    saved(841_000);
    expect(await tokens().fresh()).toMatchObject({ text: 'access-1' });
    expect(store.read()).toMatchObject({ accessToken: 'access-1', refreshToken: 'refresh-1', userName: 'ann' });
    expect(statSync(store.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(store.path))).toHaveLength(1);
  });

  test('are renewed once, however many ask, in however many processes', async () => {
    saved(900_000);
    const [one, other] = [tokens(), tokens()];
    const asked = await Promise.all([one.fresh(), one.fresh(), other.fresh(), other.fresh(), one.fresh()]);
    expect(asked.map((token) => token?.text)).toEqual(Array(5).fill('access-1'));
    expect(accounts.refreshed).toEqual(['refresh-0']);
  });

  test('still serve when they cannot be renewed for the moment, until they expire', async () => {
    saved(850_000);
    server.kill();
    expect(await tokens().fresh()).toMatchObject({ text: 'access-0' });
    saved(900_000);
    await expect(tokens().fresh()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(store.read()).toBeDefined();
  });

  test('are forgotten when they were used elsewhere', async () => {
    saved(900_000, 'refresh-stolen');
    await expect(tokens().fresh()).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect(store.read()).toBeUndefined();
    expect(readdirSync(dirname(store.path))).toEqual([]);
  });

  test('are not held up by the lock of a process that died', async () => {
    saved(900_000);
    const lock = `${store.path}.lock`;
    writeFileSync(lock, '1');
    utimesSync(lock, Date.now() / 1_000 - 60, Date.now() / 1_000 - 60);
    expect(await tokens().fresh()).toMatchObject({ text: 'access-1' });
  });

  test.each(['', '{', 'null', '{"accessToken":"a"}'])('in a file that holds %j are none', async (text) => {
    saved(0);
    writeFileSync(store.path, text);
    expect(await tokens().fresh()).toBeUndefined();
  });
});

describe('a token from a file', () => {
  const file = (text: string): TokenFromFile => {
    const path = join(stateHome, 'token');
    writeFileSync(path, text);
    return new TokenFromFile(path);
  };
  const payload = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');

  test('is read with its expiry, when it tells one', async () => {
    const jwt = `e30.${payload({ exp: 1_000 })}.c2ln`;
    expect(await file(`${jwt}\n`).fresh()).toEqual({ text: jwt, renewAtMs: 970_000 });
    expect(await file('opaque').fresh()).toEqual({ text: 'opaque', renewAtMs: undefined });
    expect(await file('a.bnVsbA.c').fresh()).toMatchObject({ renewAtMs: undefined });
  });

  test('is told when it is none', async () => {
    await expect(file('two words').fresh()).rejects.toMatchObject({ name: 'Trouble' });
    await expect(new TokenFromFile(join(stateHome, 'none')).fresh()).rejects.toThrow('it is not there');
  });
});

test('a folder that cannot be written is told with what to do about it, as in a container with a read-only home', async () => {
  const nowhere = new TokenStore('/dev/null', 'grpc://host:1');
  const signIn = nowhere.alone(async () => undefined);
  await expect(signIn).rejects.toThrow(Trouble);
  await expect(signIn).rejects.toThrow(
    /^\/dev\/null\/.* cannot be written: .*XDG_STATE_HOME can name another folder\.$/,
  );
});

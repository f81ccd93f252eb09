import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type IssuerKey, issuerKey, TestIssuer } from '../adapters/oidc/testing/issuer.ts';
import { withToken } from '../testing/black-box-client.ts';
import {
  type CallRefused,
  call,
  clientOf,
  type Dynamic,
  type DynamicClient,
  durationMs,
  hangUp,
} from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

const password = 'correct horse';

/** A server and clients of two of its services. */
interface Place {
  readonly server: ParleyServer;
  readonly accounts: DynamicClient;
  readonly history: DynamicClient;
}

const place = async (env: Readonly<Record<string, string>>) => placeOf(await startServer({ env }));

function placeOf(server: ParleyServer): Place {
  const client = (name: string) => clientOf(`chat.v1.${name}`, server.address);
  return { server, accounts: client('AccountService'), history: client('HistoryService') };
}

function hangUpAll({ accounts, history }: Place): void {
  hangUp(accounts);
  hangUp(history);
}

async function leave(left: Place | undefined): Promise<void> {
  if (left === undefined) return;
  hangUpAll(left);
  await left.server[Symbol.asyncDispose]();
}

const list = ({ history }: Place, token?: string) =>
  call(history, 'ListConversations', {}, undefined, withToken(token)) as Promise<Dynamic>;
const refusal = (refused: Promise<unknown>): Promise<CallRefused> =>
  refused.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: CallRefused) => error,
  );

/** The call with bytes that are no request. */
function sendBytes({ accounts }: Place, method: string, bytes: Buffer): Promise<grpc.StatusObject> {
  return new Promise((resolve) => {
    const same = (value: Buffer) => value;
    const stream = accounts.makeUnaryRequest(`/chat.v1.AccountService/${method}`, same, same, bytes, () => {});
    stream.on('status', resolve);
  });
}

describe('a server that keeps accounts', () => {
  let here: Place;
  beforeAll(async () => {
    here = await place({ PARLEY_AUTH: 'accounts', PARLEY_ACCESS_TOKEN_LIFETIME_MS: '60000' });
  });
  afterAll(() => leave(here));
  const account = (method: string, request: object) => call(here.accounts, method, request);

  test('signs up, in, refreshes and signs out', async () => {
    const { tokens } = await account('SignUp', { userName: 'Ann', password });
    expect(durationMs(tokens.accessTokenLifetime)).toBe(60_000);
    expect(decodeJwt(tokens.accessToken)).toMatchObject({ sub: tokens.clientId, aud: 'parley' });
    expect(await list(here, tokens.accessToken)).toMatchObject({ conversations: [] });
    const { tokens: again } = await account('SignIn', { userName: 'ann', password });
    expect(again.clientId).toBe(tokens.clientId);
    const { tokens: next } = await account('RefreshTokens', { refreshToken: again.refreshToken });
    expect(next.clientId).toBe(tokens.clientId);
    expect(await list(here, next.accessToken)).toMatchObject({ conversations: [] });
    expect(await account('SignOut', { refreshToken: next.refreshToken })).toEqual({});
    expect(await refusal(account('RefreshTokens', { refreshToken: next.refreshToken }))).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'REFRESH_TOKEN_INVALID',
    });
  });

  test('changes a password for who has the old one, which ends the other sign-ins', async () => {
    const { tokens } = await account('SignUp', { userName: 'fred', password });
    const change = (oldPassword: string, newPassword: string, token?: string) =>
      call(here.accounts, 'ChangePassword', { oldPassword, newPassword }, undefined, withToken(token));
    expect(await refusal(change(password, 'another horse'))).toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(await refusal(change('wrong horse', 'another horse', tokens.accessToken))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'PASSWORD_WRONG',
    });
    expect(await refusal(change(password, 'Password1', tokens.accessToken))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PASSWORD_INVALID',
      message: expect.stringContaining('too common'),
      fields: ['new_password'],
    });
    const { tokens: next } = await change(password, 'another horse', tokens.accessToken);
    expect(next.clientId).toBe(tokens.clientId);
    expect(await list(here, next.accessToken)).toMatchObject({ conversations: [] });
    expect(await refusal(account('RefreshTokens', { refreshToken: tokens.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    expect(await refusal(account('SignIn', { userName: 'fred', password }))).toMatchObject({
      reason: 'SIGN_IN_FAILED',
    });
    expect(await account('SignIn', { userName: 'fred', password: 'another horse' })).toBeDefined();
  });

  test('signs out everywhere who is signed in', async () => {
    const { tokens } = await account('SignUp', { userName: 'gina', password });
    const { tokens: other } = await account('SignIn', { userName: 'gina', password });
    const everywhere = (token?: string) =>
      call(here.accounts, 'SignOutEverywhere', {}, undefined, withToken(token)) as Promise<Dynamic>;
    expect(await refusal(everywhere())).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' });
    expect(await everywhere(tokens.accessToken)).toEqual({});
    for (const { refreshToken } of [tokens, other])
      expect(await refusal(account('RefreshTokens', { refreshToken }))).toMatchObject({
        reason: 'REFRESH_TOKEN_INVALID',
      });
  });

  test('says so to anybody who asks, whatever token they show', async () => {
    const accounts = { signUpOpen: true };
    expect(await account('DescribeSignIn', {})).toEqual({ accounts, method: 'accounts' });
    expect(await call(here.accounts, 'DescribeSignIn', {}, undefined, withToken('expired'))).toMatchObject({
      accounts,
    });
  });

  test('tells what is wrong with a sign-up', async () => {
    expect(await refusal(account('SignUp', { userName: 'a b', password }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'USER_NAME_INVALID',
      fields: ['user_name'],
    });
    expect(await refusal(account('SignUp', { userName: 'bob', password: 'Password1' }))).toMatchObject({
      reason: 'PASSWORD_INVALID',
      message: expect.stringContaining('too common'),
    });
    expect(await refusal(account('SignUp', { userName: 'bob', password: 'short' }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PASSWORD_INVALID',
      fields: ['password'],
    });
    await account('SignUp', { userName: 'carl', password });
    expect(await refusal(account('SignUp', { userName: 'CARL', password }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'USER_NAME_TAKEN',
    });
  });

  test('lets nobody in without a token of its own', async () => {
    for (const token of [undefined, 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.'])
      expect(await refusal(list(here, token))).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' });
  });

  test('refuses bytes that are no request as such', async () => {
    for (const method of [
      'DescribeSignIn',
      'SignUp',
      'SignIn',
      'RefreshTokens',
      'SignOut',
      'ChangePassword',
      'SignOutEverywhere',
    ]) {
      const { code } = await sendBytes(here, method, Buffer.from([0x0a, 0xff, 0xff]));
      expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    }
  });

  test('keeps accounts and keys over a restart, where only its owner can read them', async () => {
    const { tokens } = await account('SignUp', { userName: 'dora', password });
    hangUpAll(here);
    here = placeOf(await here.server.restart());
    expect(await list(here, tokens.accessToken)).toMatchObject({ conversations: [] });
    const { tokens: next } = await account('RefreshTokens', { refreshToken: tokens.refreshToken });
    expect(next.clientId).toBe(tokens.clientId);
    expect(statSync(join(here.server.dataDir, 'accounts.db')).mode & 0o777).toBe(0o600);
  });

  test('makes a guesser wait, and says how long', async () => {
    await account('SignUp', { userName: 'emma', password });
    const guess = () => refusal(account('SignIn', { userName: 'emma', password: 'wrong horse' }));
    for (let times = 0; times < 5; times += 1) expect(await guess()).toMatchObject({ reason: 'SIGN_IN_FAILED' });
    const told = await guess();
    expect(told).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_ATTEMPTS' });
    expect(told.retryDelayMs).toBeGreaterThan(0);
    expect(told.retryDelayMs).toBeLessThanOrEqual(1_000);
  });
});

test('an address makes so many accounts, is then told when to come back, and signs in as ever', async () => {
  const bounded = await place({ PARLEY_AUTH: 'accounts', PARLEY_SIGN_UPS_PER_ADDRESS: '2' });
  try {
    const signUp = (userName: string) => call(bounded.accounts, 'SignUp', { userName, password });
    await signUp('ann');
    await signUp('bob');
    const told = await refusal(signUp('carl'));
    expect(told).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_SIGN_UPS' });
    expect(told.retryDelayMs).toBeGreaterThan(1_700_000);
    expect(told.retryDelayMs).toBeLessThanOrEqual(1_800_000);
    expect(await call(bounded.accounts, 'SignIn', { userName: 'ann', password })).toBeDefined();
  } finally {
    await leave(bounded);
  }
});

test('where sign-up is closed it is refused', async () => {
  const closed = await place({ PARLEY_AUTH: 'accounts', PARLEY_SIGN_UP: 'closed' });
  try {
    const refused = await refusal(call(closed.accounts, 'SignUp', { userName: 'ann', password }));
    expect(refused).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'SIGN_UP_CLOSED' });
    expect(await call(closed.accounts, 'DescribeSignIn', {})).toMatchObject({ accounts: { signUpOpen: false } });
  } finally {
    await leave(closed);
  }
});

test('a server without accounts says so', async () => {
  const open = await place({});
  try {
    const requests = { SignUp: { userName: 'ann', password }, SignIn: { userName: 'ann', password } };
    for (const [method, request] of Object.entries({
      ...requests,
      RefreshTokens: {},
      SignOut: {},
      SignOutEverywhere: {},
      ChangePassword: {},
    }))
      expect(await refusal(call(open.accounts, method, request))).toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'ACCOUNTS_OFF',
      });
    expect(await call(open.accounts, 'DescribeSignIn', {})).toEqual({ none: {}, method: 'none' });
  } finally {
    await leave(open);
  }
});

describe('a server that trusts an OpenID Connect issuer', () => {
  let key: IssuerKey;
  let issuer: TestIssuer;
  let here: Place;
  beforeAll(async () => {
    jest.spyOn(console, 'warn').mockImplementation(() => {});
    key = await issuerKey('first');
    issuer = await TestIssuer.listen();
    here = await place({
      PARLEY_AUTH: 'oidc',
      PARLEY_OIDC_ISSUER: issuer.url,
      PARLEY_OIDC_AUDIENCE: 'https://parley.example',
      PARLEY_OIDC_WEB_CLIENT_ID: 'parley-web',
      PARLEY_OIDC_WEB_SCOPES: 'openid,offline_access',
    });
  });
  afterAll(async () => {
    await leave(here);
    await issuer?.[Symbol.asyncDispose]();
    jest.restoreAllMocks();
  });

  test('tells anybody where to sign in, and as what, whether or not the issuer is there', async () => {
    expect(await call(here.accounts, 'DescribeSignIn', {})).toMatchObject({
      oidc: {
        issuer: issuer.url,
        webClientId: 'parley-web',
        scopes: ['openid', 'offline_access'],
        audience: 'https://parley.example',
      },
    });
  });

  test('starts without it, and lets people in once it is there', async () => {
    expect(await refusal(list(here, 'a.b.c'))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'AUTHENTICATION_UNAVAILABLE',
    });
    issuer.up([key]);
    const token = await issuer.token('https://parley.example');
    const answer = await eventually(
      () => list(here, token).catch((error: CallRefused) => error),
      (told) => told.reason !== 'AUTHENTICATION_UNAVAILABLE',
    );
    expect(answer).toMatchObject({ conversations: [] });
    expect(await refusal(list(here, await issuer.token('https://another.example')))).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(await refusal(call(here.accounts, 'SignIn', { userName: 'ann', password }))).toMatchObject({
      reason: 'ACCOUNTS_OFF',
    });
  });
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ParleyServer, startServer } from '../../../../src/testing/server.ts';
import type { SignInState } from './app.ts';
import { reply, say, type Tab, TestBrowser, until, untilConnection } from './testing/browser.ts';

const password = 'correct horse';

function untilSignIn<K extends SignInState['kind']>({ app }: Tab, kind: K) {
  return until(
    () => app.signIn.state.value,
    (now) => now.kind === kind,
  ) as Promise<Extract<SignInState, { kind: K }>>;
}

describe('where the server keeps accounts', () => {
  let server: ParleyServer;
  beforeAll(async () => {
    server = await startServer({ env: { PARLEY_AUTH: 'accounts' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('lets people in by a new account, and again by its password', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { signIn, composer } = tab.app;
    expect(await untilSignIn(tab, 'account-needed')).toEqual({ kind: 'account-needed', signUpOpen: true });
    expect(tab.app.connection.peek()).toEqual({ kind: 'none' });
    expect(await signIn.withPassword('nobody', password)).toMatchObject({ reason: 'SIGN_IN_FAILED' });
    expect(await signIn.signUp('ann', 'short')).toMatchObject({ reason: 'PASSWORD_INVALID' });
    composer.setText('written before');
    expect(await signIn.signUp('ann', password)).toBeUndefined();
    expect(signIn.state.peek()).toMatchObject({ kind: 'in', canSignOut: true });
    await untilConnection(tab, 'connected');
    expect(composer.text.peek()).toBe('written before');
    await say(tab, 'hello');
    await reply(tab, 'hello');
    composer.setText('a secret');
    await signIn.signOut();
    expect(signIn.state.peek()).toMatchObject({ kind: 'account-needed' });
    expect(composer.text.peek()).toBe('');
    expect(storedBy(tab)).not.toContain('secret');
    expect(await signIn.withPassword('ann', password)).toBeUndefined();
    await until(() => tab.app.conversations.items.value.length === 1);
  });

  test('lets a second device say that the session is on the first, take it over when told to, and the first take it back', async () => {
    await using laptop = new TestBrowser(server);
    await using phone = new TestBrowser(server);
    const first = laptop.openTab();
    await untilSignIn(first, 'account-needed');
    await first.app.signIn.signUp('fay', password);
    await untilConnection(first, 'connected');
    const second = phone.openTab();
    await untilSignIn(second, 'account-needed');
    await second.app.signIn.withPassword('fay', password);
    await untilConnection(second, 'elsewhere');
    expect(first.app.connection.peek().kind).toBe('connected');
    second.app.connect();
    await untilConnection(second, 'connected');
    await untilConnection(first, 'taken-over');
    await say(second, 'hello from the phone');
    await reply(second, 'hello from the phone');
    first.app.connect();
    await untilConnection(first, 'connected');
    await untilConnection(second, 'taken-over');
  });

  test('keeps people in across reloads and tabs, and out everywhere at once', async () => {
    await using browser = new TestBrowser(server);
    const first = browser.openTab();
    await untilSignIn(first, 'account-needed');
    await first.app.signIn.signUp('bob', password);
    const second = browser.openTab();
    await untilSignIn(second, 'in');
    await second.app.signIn.signOut();
    first.page.storedElsewhere('parley.tokens');
    expect(first.app.signIn.state.peek()).toEqual({ kind: 'account-needed', signUpOpen: true });
    await untilConnection(first, 'none');
  });

  test('change their password and go on, and end all their sign-ins', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { signIn } = tab.app;
    await untilSignIn(tab, 'account-needed');
    await signIn.signUp('emma', password);
    expect(signIn.state.peek()).toMatchObject({ kind: 'in', hasPassword: true });
    await untilConnection(tab, 'connected');
    expect(await signIn.changePassword('wrong horse', 'another horse')).toMatchObject({ reason: 'PASSWORD_WRONG' });
    expect(await signIn.changePassword(password, 'short')).toMatchObject({ reason: 'PASSWORD_INVALID' });
    expect(await signIn.changePassword(password, 'another horse')).toBeUndefined();
    expect(signIn.state.peek().kind).toBe('in');
    await say(tab, 'still there');
    await reply(tab, 'still there');
    expect(await signIn.signOutEverywhere()).toBeUndefined();
    expect(signIn.state.peek()).toMatchObject({ kind: 'account-needed' });
    expect(storedBy(tab)).not.toContain('accessToken');
    expect(await signIn.withPassword('emma', password)).toMatchObject({ reason: 'SIGN_IN_FAILED' });
    expect(await signIn.withPassword('emma', 'another horse')).toBeUndefined();
  });

  test('asks for the password again, and says why, when the sign-in has ended elsewhere', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await untilSignIn(tab, 'account-needed');
    await tab.app.signIn.signUp('dora', password);
    await untilConnection(tab, 'connected');
    await tab[Symbol.asyncDispose]();
    // As after a long absence: the token at hand is no good, and neither is the one to renew it with.
    const saved = JSON.parse(tab.page.store.getItem('parley.tokens') ?? '{}');
    tab.page.store.setItem('parley.tokens', JSON.stringify({ ...saved, accessToken: 'x', refreshToken: 'y' }));
    const again = browser.openTab();
    const { notice } = await untilSignIn(again, 'account-needed');
    expect(notice).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID', advice: 'Sign in again.' });
  });
});

function storedBy({ page: { store } }: Tab): string {
  return Array.from({ length: store.length }, (_, index) => store.getItem(store.key(index) ?? '')).join('\n');
}

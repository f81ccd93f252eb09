import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { freePort } from '../../../src/testing/engines/free-port.ts';
import { runParley } from '../../../src/testing/server.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { audience, startSignInIssuer, webClientId } from './testing/sign-in-issuer.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();

const accounts = { PARLEY_AUTH: 'accounts', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };
/** The shortest that the server allows. */
const shortLived = { PARLEY_ACCESS_TOKEN_LIFETIME_MS: '10000' };
const password = 'correct horse battery';

/** Fills in the form and sends it by this button. */
async function fillIn(
  { page }: ChatPage,
  { name = 'dora', secret = password, button = 'Sign in' } = {},
): Promise<void> {
  await page.getByRole('textbox', { name: 'User name' }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(secret);
  await page.getByRole('button', { name: button, exact: true }).click();
}

/** Makes an account, and is in. */
async function signUp(chat: ChatPage, name = 'dora'): Promise<void> {
  await chat.page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await chat.button('Create an account').click();
  await fillIn(chat, { name, button: 'Create account' });
  await chat.is('connected');
}

/** Who is in, at the foot of the list; it leads to the settings. */
const settings = ({ page }: ChatPage) => page.getByRole('link', { name: 'Settings, dora', exact: true });

const signInForm = (page: Page) => page.getByRole('heading', { name: 'Sign in', exact: true });

describe.each(doors)('over %s', (door) => {
  test('signs up, out and in again; a wrong password is told in words', async () => {
    await using world = await World.start(door, { env: accounts });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.open(visitor);
    await signUp(chat);
    await chat.ask('Hello.');
    await chat.button('Sign out').click();
    await signInForm(chat.page).waitFor();
    expect(await chat.page.getByText('Hello.').count()).toBe(0);
    await fillIn(chat, { secret: 'wrong horse battery' });
    await chat.alert.waitFor();
    expect(await chat.alert.textContent()).toMatch(/password/i);
    expect(await chat.alert.textContent()).not.toContain('SIGN_IN_FAILED');
    await fillIn(chat);
    await chat.is('connected');
    // What was said is there again, as it is this person's.
    await chat.conversation('Hello.').click();
    await chat.wholeReply(0);
    await chat.page.reload();
    await chat.is('connected');
  });
});

/** Fills in the form of the settings, and sends it. */
async function changePassword({ page }: ChatPage, from: string, to: string): Promise<void> {
  await page.getByLabel('Current password', { exact: true }).fill(from);
  await page.getByLabel('New password', { exact: true }).fill(to);
  await page.getByRole('button', { name: 'Change password' }).click();
}

test('the settings say who is in, change the password and go on here, and sign out everywhere', async () => {
  await using world = await World.start('bridge', { env: accounts });
  await using visitor = await chromium.visitor(world.url);
  await using elsewhere = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  await signUp(chat);
  await settings(chat).click();
  await chat.page.getByText('Signed in as dora.').waitFor();
  await changePassword(chat, 'wrong horse battery', 'another horse battery');
  await chat.alert.waitFor();
  expect(await chat.alert.textContent()).toMatch(/current password is wrong/i);
  await changePassword(chat, password, 'another horse battery');
  await chat.page.getByText('Your password is changed.').waitFor();
  expect(await chat.page.getByLabel('New password', { exact: true }).inputValue()).toBe('');
  await chat.page.goto(`${world.url}#/`);
  await chat.ask('Still there?');
  await chat.page.reload();
  await chat.is('connected');

  const other = await ChatPage.open(elsewhere);
  await signInForm(other.page).waitFor();
  await fillIn(other);
  await other.alert.waitFor();
  await fillIn(other, { secret: 'another horse battery' });
  await settings(other).waitFor();
  await settings(chat).click();
  await chat.button('Sign out everywhere').click();
  await signInForm(chat.page).waitFor();
  expect(new URL(chat.page.url()).hash).toBe('#/');
  // Its access token is good for minutes yet, but no longer to be renewed.
  await other.page.evaluate(() => {
    const tokens = JSON.parse(localStorage.getItem('parley.tokens') ?? '{}');
    localStorage.setItem('parley.tokens', JSON.stringify({ ...tokens, obtainedAtMs: 0 }));
  });
  await other.page.reload();
  await signInForm(other.page).waitFor();
});

test('a session that cannot be renewed ends at the sign-in form, which says why', async () => {
  await using world = await World.start('bridge', { env: { ...accounts, ...shortLived } });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  await signUp(chat);
  await chat.ask('Hello.');
  const data = { PARLEY_DATA_DIR: world.server.dataDir };
  expect(await runParley(['user', 'remove', 'dora'], data)).toMatchObject({ code: 0 });
  await signInForm(chat.page).waitFor();
  await chat.alert.waitFor();
  expect(await chat.alert.textContent()).toMatch(/sign in again|signed out|expired|ended/i);
});

test('only the field that is wrong is marked, and has the focus', async () => {
  await using world = await World.start('bridge', { env: accounts });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  const name = chat.page.getByRole('textbox', { name: 'User name' });
  const secret = chat.page.getByLabel('Password', { exact: true });
  const marked = async () => [await name.getAttribute('aria-invalid'), await secret.getAttribute('aria-invalid')];
  const hasFocus = (field: Locator) => field.evaluate((element) => element === document.activeElement);
  await signInForm(chat.page).waitFor();
  await chat.button('Create an account').click();
  await fillIn(chat, { name: 'no name', button: 'Create account' });
  await chat.alert.getByText('user name').first().waitFor();
  expect([await marked(), await hasFocus(name)]).toEqual([['true', 'false'], true]);
  await fillIn(chat, { secret: 'short', button: 'Create account' });
  await chat.alert.getByText('too short').waitFor();
  expect([await marked(), await hasFocus(secret)]).toEqual([['false', 'true'], true]);
});

test('where sign-up is closed there is no such form', async () => {
  await using world = await World.start('bridge', { env: { ...accounts, PARLEY_SIGN_UP: 'closed' } });
  const passwordFile = join(world.server.dataDir, 'password');
  await writeFile(passwordFile, password);
  const add = ['user', 'add', 'dora', '--password-file', passwordFile];
  expect(await runParley(add, { PARLEY_DATA_DIR: world.server.dataDir })).toMatchObject({ code: 0 });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  await signInForm(chat.page).waitFor();
  expect(await chat.button('Create an account').count()).toBe(0);
  await fillIn(chat);
  await chat.is('connected');
});

test('tokens that expire are renewed without a word, the session goes on, and two tabs do not end each other', async () => {
  await using world = await World.start('bridge', { env: { ...accounts, ...shortLived } });
  await using visitor = await chromium.visitor(world.url);
  const first = await ChatPage.open(visitor);
  await signUp(first);
  await first.ask('Hello.');
  const second = await ChatPage.open(visitor);
  await second.is('other-tab');
  const asked: string[] = [];
  visitor.context.on('request', (request) => asked.push(request.url()));
  const count = (call: string) => asked.filter((url) => url.endsWith(call)).length;
  // With the second, the first tokens have expired.
  await eventually(
    async () => count('/RefreshTokens'),
    (renewals) => renewals >= 2,
    waitTimeoutMs,
  );
  await first.ask('Still there?');
  expect(count('/Open')).toBe(0);
  await second.button('Use here').click();
  await second.is('connected');
  await second.ask('And here.');
});

test.each(doors)('signs in at the issuer and comes back (over %s)', async (door) => {
  // The issuer must know the page's URL, and the server the issuer's.
  const port = await freePort();
  const pageUrl = `${door === 'bridge' ? 'http' : 'https'}://127.0.0.1:${port}/`;
  await using issuer = await startSignInIssuer(pageUrl);
  const env = {
    PARLEY_AUTH: 'oidc',
    PARLEY_OIDC_ISSUER: issuer.url,
    PARLEY_OIDC_AUDIENCE: audience,
    PARLEY_OIDC_WEB_CLIENT_ID: webClientId,
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  };
  await using world = await World.start(door, { env, port });
  await using visitor = await chromium.visitor(world.url, { mayAsk: [issuer.url] });
  const chat = await ChatPage.open(visitor);
  await chat.button(/^Sign in with /).click();
  await chat.page.getByPlaceholder('Enter any login').fill('dora');
  await chat.page.getByPlaceholder('and password').fill('anything');
  await chat.page.getByRole('button', { name: 'Sign-in' }).click();
  await chat.page.getByRole('button', { name: 'Continue' }).click();
  await chat.is('connected');
  // Neither the code nor the state stays where somebody could copy it from.
  expect(new URL(chat.page.url()).search).toBe('');
  await chat.ask('Hello.');
  await chat.page.reload();
  await chat.is('connected');
  await chat.conversation('Hello.').waitFor();
});

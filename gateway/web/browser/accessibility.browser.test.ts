import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { echoAnswer } from '../../../src/testing/openai-test-answers.ts';
import type { RecordedChatRequest } from '../../../src/testing/openai-test-server.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { toldTexts } from './testing/drawn-replies.ts';
import { bring, pictureFile } from './testing/files.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { World } from './testing/world.ts';

const chromium = browsing();

const reply =
  'Of **words** and `code`:\n\n- a list\n- [a link](https://example.org)\n\n> said before\n\n```ts\n// All of it.\nconst a: string = make(1, `b`);\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```mermaid\nflowchart LR\n  A --> B\n```\n';
const script = ({ text }: RecordedChatRequest) =>
  text === 'Show me.' ? ({ kind: 'reply', pieces: [reply] } as const) : echoAnswer(text);

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds that is serious, a line each. */
async function violations(page: Page): Promise<string[]> {
  // Not as a script element: the page's own policy does not let that in.
  await page.evaluate(axeSource);
  const results = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

const looks = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1440, height: 900 } },
  { name: 'light on a phone', colorScheme: 'light', viewport: { width: 390, height: 844 } },
  { name: 'dark on a phone', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const;

describe.each(looks)('$name', ({ colorScheme, viewport }) => {
  test('the views have no serious violation', async () => {
    await using world = await World.start('bridge', { script });
    await using visitor = await chromium.visitor(world.url, { colorScheme, viewport });
    const chat = await ChatPage.connected(visitor);
    expect(await violations(chat.page)).toEqual([]);
    const shown = await chat.ask('Show me.');
    await shown.locator('pre .hljs-keyword').waitFor();
    await shown.getByRole('img', { name: 'Diagram of the code' }).waitFor();
    await bring(pictureFile, chat.composer, 'paste');
    await chat.page.getByRole('list', { name: 'Attachments' }).getByRole('listitem').waitFor();
    expect(await violations(chat.page)).toEqual([]);
    if (viewport.width < 600) {
      await chat.button('Show conversations').click();
      await chat.conversation('Show me.').waitFor();
      expect(await violations(chat.page)).toEqual([]);
      // After a touch the focus is nowhere.
      await chat.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await chat.page.keyboard.press('Escape');
      await chat.page.getByRole('button', { name: 'Show conversations', expanded: false }).waitFor();
    }
    await chat.page.keyboard.press('Control+/');
    await chat.dialog('Keyboard and help').waitFor();
    expect(await violations(chat.page)).toEqual([]);
    await chat.page.keyboard.press('Escape');
    await chat.page.goto(`${world.url}#/settings`);
    await chat.page.getByRole('combobox', { name: 'Time zone' }).waitFor();
    await chat.page.getByRole('textbox', { name: 'Instructions to the assistant' }).fill('x'.repeat(4_097));
    await chat.button('Save').click();
    await chat.alert.waitFor();
    expect(await violations(chat.page)).toEqual([]);
    await chat.page.goto(`${world.url}#/operator`);
    await chat.page.getByRole('table', { name: 'Connections' }).waitFor();
    expect(await violations(chat.page)).toEqual([]);
    // Nothing is wider than the window.
    expect(await chat.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  });

  test('the sign-in form and the settings have no serious violation', async () => {
    await using world = await World.start('bridge', { env: { PARLEY_AUTH: 'accounts' } });
    await using visitor = await chromium.visitor(world.url, { colorScheme, viewport });
    const chat = await ChatPage.open(visitor);
    const { page } = chat;
    await page.getByRole('textbox', { name: 'User name' }).fill('nobody');
    await page.getByLabel('Password', { exact: true }).fill('no password');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').waitFor();
    expect(await violations(page)).toEqual([]);
    await chat.button('Create an account').click();
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await chat.button('Create account').click();
    await chat.is('connected');
    if (viewport.width < 600) await chat.button('Show conversations').click();
    await page.getByRole('link', { name: /^Settings, / }).click();
    await page.getByLabel('Current password', { exact: true }).fill('no password');
    await page.getByLabel('New password', { exact: true }).fill('another horse battery');
    await chat.button('Change password').click();
    await page.getByRole('alert').waitFor();
    expect(await violations(page)).toEqual([]);
  });
});

test('everything on the main path can be done by keyboard alone', async () => {
  await using world = await World.start('bridge', { script });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  const { keyboard } = chat.page;
  const focused = () =>
    chat.page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
    );
  /** Presses Tab until it is there. */
  const tabTo = async (name: RegExp) => {
    const passed: string[] = [];
    for (let presses = 0; presses < 60; presses += 1) {
      await keyboard.press('Tab');
      const name_ = await focused();
      if (name.test(name_)) return;
      passed.push(name_);
    }
    throw new Error(`no ${name} by Tab; passed ${passed.join(', ')}`);
  };
  // Behind the last element comes the first.
  await tabTo(/^Skip to the message box/);
  await keyboard.press('Enter');
  await keyboard.type('First line');
  await keyboard.press('Shift+Enter');
  await keyboard.type('second line');
  await keyboard.press('Enter');
  await chat.wholeReply(0);
  await chat.questions.getByText('second line').waitFor();
  // The focus stays where the next message is written.
  await keyboard.type('Another');
  await keyboard.press('Enter');
  await chat.wholeReply(1);
  // What is looked for is looked for once, and history follows the log.
  await toldTexts(world.server.address, await chat.conversationId(), 4);
  await keyboard.press('Control+Shift+O');
  await eventually(
    () => chat.questions.count(),
    (count) => count === 0,
    waitTimeoutMs,
  );
  await keyboard.press('Control+K');
  await eventually(focused, (name) => name === 'Search messages', waitTimeoutMs);
  await keyboard.type('Another');
  await chat.page.getByRole('list', { name: 'Found messages' }).getByRole('link').first().waitFor();
  await keyboard.press('Escape');
  await tabTo(/^Rename First line/);
  await keyboard.press('Enter');
  await eventually(focused, (name) => name === 'New title', waitTimeoutMs);
  await keyboard.press('Control+A');
  await keyboard.type('By keyboard');
  await keyboard.press('Enter');
  await chat.conversation('By keyboard').waitFor();
  await chat.conversation('By keyboard').focus();
  await keyboard.press('Enter');
  await eventually(
    () => chat.replies.count(),
    (count) => count === 2,
    waitTimeoutMs,
  );
  await chat.conversation('By keyboard').focus();
  await tabTo(/^Delete By keyboard/);
  await keyboard.press('Enter');
  await chat.dialog('Delete this conversation?').waitFor();
  await tabTo(/^Delete$/);
  await keyboard.press('Enter');
  await chat.conversation('By keyboard').waitFor({ state: 'detached' });
  // The focus is on something, not lost with what it was on.
  expect(await chat.page.evaluate(() => document.activeElement?.tagName)).not.toBe('BODY');
});

test('a reply is announced when it is whole, not piece by piece', async () => {
  const slow = ({ text }: RecordedChatRequest) => ({ ...echoAnswer(text), intervalMs: 50 });
  await using world = await World.start('bridge', { script: slow });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  const announcements = chat.page.getByRole('log', { name: 'Announcements' });
  await announcements.waitFor({ state: 'attached' });
  await announcements.evaluate((element) => {
    const said: string[] = [];
    new MutationObserver(() => said.push(element.textContent)).observe(element, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    Object.assign(globalThis, { announced: said });
  });
  await chat.ask('one two three four five');
  const announced = await eventually(
    () => chat.page.evaluate(() => (globalThis as unknown as { announced: string[] }).announced),
    (said) => said.some((text) => text.includes('You said')),
    waitTimeoutMs,
  );
  const withWords = announced.filter((text) => text.includes('You said'));
  expect(withWords.every((text) => text.includes('one two three four five'))).toBe(true);
});

/** Takes the pictures of the main views that docs/ keeps: `node gateway/web/browser/testing/take-screenshots.ts`, after `npm run web`. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { TestSessions } from '../../../../src/testing/test-sessions.ts';
import { ChatPage } from './chat-page.ts';
import { launchChromium } from './chromium.ts';
import { pictureFile } from './files.ts';
import { exampleReply, examples } from './screenshot-words.ts';
import { Visitor, type VisitorOptions } from './visitor.ts';
import { World } from './world.ts';

const folder = fileURLToPath(new URL('../../../../docs/images/', import.meta.url));
const wide = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: `${folder}${name}.png`, animations: 'disabled', caret: 'hide' });
}

/** Somebody who has talked about this and that. */
async function checkingClient(
  browser: Browser,
  world: World,
  options: VisitorOptions,
): Promise<{ visitor: Visitor; chat: ChatPage }> {
  const visitor = await Visitor.come(browser, world.url, options, []);
  const chat = await ChatPage.connected(visitor);
  for (const [index, said] of examples.entries()) {
    if (index > 0) await chat.page.goto(`${world.url}#/`);
    for (const text of said) await chat.ask(text);
  }
  return { visitor, chat };
}

async function conversations(browser: Browser): Promise<void> {
  await using world = await World.start('bridge', { script: exampleReply });
  {
    await using visited = await shownWide(browser, world, 'light');
    await shoot(visited.chat.page, 'chat-light');
    await visited.chat.page.emulateMedia({ colorScheme: 'dark' });
    await shoot(visited.chat.page, 'chat-dark');
    await visited.chat.page.setViewportSize(phone);
    await visited.chat.page.emulateMedia({ colorScheme: 'light' });
    await shoot(visited.chat.page, 'chat-phone');
    await visited.chat.button('Show conversations').click();
    await visited.chat.conversation('A kite for windy days').waitFor();
    await shoot(visited.chat.page, 'conversations-phone');
  }
}

async function shownWide(browser: Browser, world: World, colorScheme: 'light' | 'dark') {
  const { visitor, chat } = await checkingClient(browser, world, { colorScheme, viewport: wide });
  const title = examples.at(-1)?.[0] ?? '';
  await chat.page.getByRole('list', { name: 'Conversations' }).getByRole('listitem').filter({ hasText: title }).hover();
  await chat.button(`Rename ${title}`).click();
  await chat.page.getByRole('textbox', { name: 'New title' }).fill('A kite for windy days');
  await chat.page.keyboard.press('Enter');
  await chat.conversation('A kite for windy days').waitFor();
  await chat.page.mouse.move(wide.width / 2, wide.height / 2);
  await chat.composer.focus();
  return Object.assign(visitor, { chat });
}

/** A video is answered by voice and picture. */
async function media(browser: Browser): Promise<void> {
  const prompt = { PARLEY_SIMULATED_VIDEO_DELAY_MS: '0', PARLEY_SIMULATED_SEED: '7' };
  await using world = await World.start('bridge', { env: prompt });
  await using visitor = await Visitor.come(browser, world.url, { colorScheme: 'dark', viewport: wide }, []);
  const chat = await ChatPage.connected(visitor);
  const input = chat.page.locator('input[type=file]');
  await input.setInputFiles(fileURLToPath(new URL('../../../../src/testing/samples/clip.mp4', import.meta.url)));
  await chat.page.getByRole('list', { name: 'Attachments' }).getByRole('listitem').waitFor();
  await chat.say('This is what I see from my window.');
  const reply = await chat.wholeReply(0);
  await reply.locator('img').scrollIntoViewIfNeeded();
  await reply.locator('img').evaluate((image) => (image as HTMLImageElement).decode());
  await input.setInputFiles(pictureFile);
  await chat.page.getByRole('list', { name: 'Attachments' }).getByRole('listitem').waitFor();
  await chat.composer.fill('And this is my neighbour');
  await shoot(chat.page, 'media-dark');
}

async function operator(browser: Browser): Promise<void> {
  const slow = {
    PARLEY_SIMULATED_TEXT_DELAY_MS: '600000',
    PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS: '700000',
    PARLEY_PROVIDER_TOTAL_TIMEOUT_MS: '800000',
  };
  await using world = await World.start('bridge', { env: slow });
  await using testSessions = new TestSessions(world.server, 'bidi');
  const zones = [
    'Asia/Tokyo',
    'Europe/Paris',
    'America/New_York',
    'Africa/Nairobi',
    'Australia/Sydney',
    'Europe/Lisbon',
  ];
  await using visitor = await Visitor.come(browser, world.url, { colorScheme: 'light', viewport: wide }, []);
  const { page } = await ChatPage.open(visitor, '#/operator');
  for (const [index, timeZone] of zones.entries()) {
    const { session } = await testSessions.connect({ clientId: `guest-${index + 1}`, timeZone });
    for (let said = 0; said < index; said += 1) await session.text(`Message ${said}`);
    // One after the other, so that the plots have something to show.
    await page.getByRole('row', { name: `guest-${index + 1}` }).waitFor();
  }
  // The six testSessions and this page: the meter follows the table.
  await page.getByRole('paragraph').filter({ hasText: '7 of 50' }).waitFor();
  await shoot(page, 'operator');
}

async function signIn(browser: Browser): Promise<void> {
  await using world = await World.start('bridge', { env: { PARLEY_AUTH: 'accounts' } });
  await using visitor = await Visitor.come(browser, world.url, { colorScheme: 'light', viewport: wide }, []);
  const { page } = await ChatPage.open(visitor);
  await page.getByRole('textbox', { name: 'User name' }).waitFor();
  await shoot(page, 'sign-in');
}

mkdirSync(folder, { recursive: true });
const browser = await launchChromium();
try {
  for (const scene of [conversations, media, operator, signIn]) await scene(browser);
} finally {
  await browser.close();
}

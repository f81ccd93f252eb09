import { describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { echoAnswer } from '../../../src/testing/openai-test-answers.ts';
import type { RecordedChatRequest } from '../../../src/testing/openai-test-server.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { drawingBreaches, drawnReplies, numbered, toldTexts, watchReplies } from './testing/drawn-replies.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();

const count = 80;
const whole = numbered(count).join('');

/** Slow enough to be interrupted. */
function script({ text }: RecordedChatRequest) {
  return text === 'Count.' ? ({ kind: 'reply', pieces: numbered(count), intervalMs: 80 } as const) : echoAnswer(text);
}

/** The same, at once: what was interrupted need not take as long again. */
function quickScript({ text }: RecordedChatRequest) {
  return text === 'Count.' ? ({ kind: 'reply', pieces: numbered(count), intervalMs: 1 } as const) : echoAnswer(text);
}

/** The reply is whole, once, as history has it, and nothing else was ever drawn on the way there. */
async function expectWhole(chat: ChatPage, world: World): Promise<void> {
  const reply = await chat.wholeReply(0);
  expect(await reply.textContent()).toContain(whole.trim());
  expect(drawingBreaches(await drawnReplies(chat.page), count)).toEqual([]);
  expect(await chat.replies.count()).toBe(1);
  expect(await chat.questions.count()).toBe(1);
  expect(await toldTexts(world.server.address, await chat.conversationId(), 2)).toEqual(['Count.', whole]);
}

/** Goes on talking, in the same conversation. */
async function expectGoesOn(chat: ChatPage): Promise<void> {
  await chat.is('connected');
  const reply = await chat.ask('And after that?');
  expect(await reply.textContent()).toContain('You said: And after that?');
}

const isOnline = (page: Page) => page.evaluate(() => navigator.onLine);

describe.each(doors)('over %s', (door) => {
  test('the server is killed in the middle of a reply and starts again: the reply comes whole, without hole or repeat', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url, { outage: true });
    const chat = await ChatPage.connected(visitor);
    await watchReplies(chat.page);
    await chat.say('Count.');
    await chat.sees('w5');
    await world.kill();
    await chat.is('reconnecting');
    // Said while nobody is there: it waits, and is said once.
    await chat.say('Are you there?');
    await chat.questions.getByText('Sending…').waitFor();
    world.model.follow(quickScript);
    await world.startAgain();
    await chat.is('connected');
    expect(await (await chat.wholeReply(0)).textContent()).toContain(whole.trim());
    expect(await (await chat.wholeReply(1)).textContent()).toContain('You said: Are you there?');
    expect(drawingBreaches(await drawnReplies(chat.page), count)).toEqual([]);
    const told = await toldTexts(world.server.address, await chat.conversationId(), 4);
    expect(told.toSorted()).toEqual(['Are you there?', 'Count.', 'You said: Are you there?', whole]);
    expect(await chat.questions.count()).toBe(2);
    expect(await chat.replies.count()).toBe(2);
  });

  test('a reload in the middle of a reply: it is there again and grows on', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.say('Count.');
    await chat.sees('w5');
    await chat.page.reload();
    await watchReplies(chat.page);
    await expectWhole(chat, world);
    await expectGoesOn(chat);
  });

  test('a draft survives a reload, and what was accepted does not come back as a draft', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.composer.fill('Half a thou');
    await chat.page.reload();
    await chat.is('connected');
    await eventually(
      () => chat.composer.inputValue(),
      (text) => text === 'Half a thou',
      waitTimeoutMs,
    );
    await chat.composer.press('End');
    await chat.composer.pressSequentially('ght');
    await chat.composer.press('Enter');
    await chat.wholeReply(0);
    expect(await chat.composer.inputValue()).toBe('');
    await chat.page.reload();
    await chat.is('connected');
    await chat.wholeReply(0);
    expect(await chat.composer.inputValue()).toBe('');
    expect(await toldTexts(world.server.address, await chat.conversationId(), 2)).toEqual([
      'Half a thought',
      'You said: Half a thought',
    ]);
  });

  test('without a network for a while: it says so, keeps what is said, and goes on when there is one', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url, { outage: true });
    const chat = await ChatPage.connected(visitor);
    await chat.ask('Hello.');
    await visitor.context.setOffline(true);
    expect(await isOnline(chat.page)).toBe(false);
    await chat.connection.getByText('Offline').waitFor();
    await chat.say('From afar.');
    await chat.questions.getByText('Sending…').waitFor();
    await visitor.context.setOffline(false);
    await chat.is('connected');
    await chat.wholeReply(1);
    const told = await toldTexts(world.server.address, await chat.conversationId(), 4);
    expect(told).toEqual(['Hello.', 'You said: Hello.', 'From afar.', 'You said: From afar.']);
    expect(await chat.questions.count()).toBe(2);
  });

  test('the server freezes and wakes up again: the page notices, and goes on', async () => {
    const env = { PARLEY_HEARTBEAT_INTERVAL_MS: '500', PARLEY_STALE_AFTER_MS: '60000' };
    await using world = await World.start(door, { script, env });
    await using visitor = await chromium.visitor(world.url, { outage: true });
    const chat = await ChatPage.connected(visitor);
    await chat.ask('Hello.');
    world.server.pause();
    await chat.is('reconnecting', 'connecting');
    world.server.resume();
    await expectGoesOn(chat);
  });
});

test('Envoy is restarted in the middle of a reply: it grows on where it was', async () => {
  await using world = await World.start('envoy', { script });
  await using visitor = await chromium.visitor(world.url, { outage: true });
  const chat = await ChatPage.connected(visitor);
  await watchReplies(chat.page);
  await chat.say('Count.');
  await chat.sees('w5');
  await world.envoy.kill();
  await chat.is('reconnecting', 'connecting');
  await world.envoy.start();
  await expectWhole(chat, world);
  await expectGoesOn(chat);
});

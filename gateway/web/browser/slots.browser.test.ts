import { describe, expect, test } from '@jest/globals';
import { TestSessions } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { onlyClient, operate, sessionsOpen } from './testing/operations.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();

/** Answers come at once. */
const prompt = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };
const maxClients = 50;

describe.each(doors)('over %s', (door) => {
  test('a second tab says that another has the session, takes it over, and the first can have it back', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const first = await ChatPage.connected(visitor);
    await first.ask('Hello from the first tab.');
    const second = await ChatPage.open(visitor);
    await second.is('other-tab');
    await first.is('connected');
    await second.button('Use here').click();
    await second.is('connected');
    await first.is('other-tab', 'taken-over');
    await second.ask('Hello from the second tab.');
    await first.notice.getByRole('button', { name: /^(?:Take back|Use here)$/ }).click();
    await first.is('connected');
    await second.is('other-tab', 'taken-over');
    await first.ask('Back again.');
    await sessionsOpen(world.server, 1);
  });

  test('a tab that is closed leaves the session to the other', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const first = await ChatPage.connected(visitor);
    await first.ask('Hello.');
    const second = await ChatPage.open(visitor);
    await second.is('other-tab');
    await first.page.close();
    await second.is('connected');
    await second.ask('Still here.');
  });

  test('with every slot taken it tells the place in line, and comes in when somebody leaves', async () => {
    const patient = { ...prompt, PARLEY_STALE_AFTER_MS: '600000', PARLEY_FIRST_MESSAGE_DEADLINE_MS: '600000' };
    await using world = await World.start(door, { env: { ...patient, PARLEY_MAX_WAIT_FOR_SLOT_MS: '600000' } });
    await using testSessions = new TestSessions(world.server, 'bidi');
    const crowd = await Promise.all(Array.from({ length: maxClients }, () => testSessions.connect()));
    await using visitor = await chromium.visitor(world.url);
    await using other = await chromium.visitor(world.url);
    const next = await ChatPage.open(visitor);
    await next.connection.getByText('Next in line').waitFor();
    const last = await ChatPage.open(other);
    await last.connection.getByText('2nd in line').waitFor();
    await last.notice.waitFor();
    await crowd[0]?.session.goodbye();
    await next.is('connected');
    await last.connection.getByText('Next in line').waitFor();
    await next.ask('At last.');
    await crowd[1]?.session.goodbye();
    await last.is('connected');
  });

  test('the longest wait in line is over: it stands in line again by itself', async () => {
    const short = { PARLEY_MAX_CLIENTS: '1', PARLEY_MAX_WAIT_FOR_SLOT_MS: '1000' };
    await using world = await World.start(door, { env: { ...prompt, ...short } });
    await using testSessions = new TestSessions(world.server, 'bidi');
    const { session } = await testSessions.connect();
    await using visitor = await chromium.visitor(world.url);
    const opened = visitor.context.waitForEvent('request', (request) => request.url().endsWith('ChatService/Open'));
    const chat = await ChatPage.open(visitor);
    await opened;
    await visitor.context.waitForEvent('request', (request) => request.url().endsWith('ChatService/Open'));
    await session.goodbye();
    await chat.is('connected');
  });

  test('who says nothing gives up the slot, and typing connects again', async () => {
    const env = { ...prompt, PARLEY_FIRST_MESSAGE_DEADLINE_MS: '3000' };
    await using world = await World.start(door, { env });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.open(visitor);
    await chat.is('resting');
    await chat.notice.getByRole('button', { name: 'Connect' }).waitFor();
    await chat.composer.pressSequentially('Here');
    await chat.is('connected');
    await chat.composer.press('Enter');
    await chat.wholeReply(0);
    expect((await chat.questions.allTextContents()).length).toBe(1);
  });

  test('an operator ends the session: it says why, and does not come back by itself', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.ask('Hello.');
    await operate(world.server, 'DisconnectClient', { clientId: await onlyClient(world.server) });
    await chat.is('refused');
    expect(await chat.notice.textContent()).toMatch(/operator/i);
    await sessionsOpen(world.server, 0);
    await chat.button('Try again').click();
    await chat.is('connected');
    await chat.ask('I am back.');
  });
});

test('a time zone that is not let in is refused in words, with what to do', async () => {
  await using world = await World.start('bridge', { env: { PARLEY_ALLOWED_TIME_ZONES: 'Asia/*' } });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  await chat.is('refused');
  const words = (await chat.notice.textContent()) ?? '';
  expect(words).toMatch(/time zone/i);
  expect(words).not.toMatch(/TIME_ZONE_REFUSED|INVALID_ARGUMENT/);
});

import { describe, expect, jest, test } from '@jest/globals';
import { call, clientOf, hangUp } from '../../../src/testing/contract.ts';
import { echoAnswer } from '../../../src/testing/openai-test-answers.ts';
import type { RecordedChatRequest } from '../../../src/testing/openai-test-server.ts';
import { eventually, TestSessions } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { toldTexts } from './testing/drawn-replies.ts';
import { fillConversation, scrollBy, scrollToTop } from './testing/long-conversation.ts';
import { onlyClient, sessionsOpen } from './testing/operations.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

jest.setTimeout(600_000);
const chromium = browsing();
const script = ({ text }: RecordedChatRequest) => echoAnswer(text);

/** Says this in a conversation of its own; resolves when history has it. */
async function startWith(chat: ChatPage, world: World, text: string): Promise<void> {
  await chat.page.getByRole('link', { name: 'New conversation' }).click();
  await eventually(
    () => chat.questions.count(),
    (count) => count === 0,
    waitTimeoutMs,
  );
  await chat.ask(text);
  await chat.conversation(text).waitFor();
  await toldTexts(world.server.address, await chat.conversationId(), 2);
}

/** Resolves when history finds a title by this word. */
async function titleFound(world: World, query: string): Promise<void> {
  const history = clientOf('chat.v1.HistoryService', world.server.address);
  const clientId = await onlyClient(world.server);
  await eventually(
    () => call(history, 'SearchMessages', { clientId, query }),
    ({ conversations }) => conversations.length === 1,
    waitTimeoutMs,
  );
  hangUp(history);
}

const heading = (chat: ChatPage) => chat.page.getByRole('heading', { level: 1 });

describe.each(doors)('over %s', (door) => {
  test('conversations are listed, opened, searched, renamed and deleted', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    for (const text of ['Of apples', 'Of pears', 'Of plums']) await startWith(chat, world, text);
    const list = chat.page.getByRole('list', { name: 'Conversations' });
    await eventually(
      async () => (await list.getByRole('link').allTextContents()).map((text) => /Of \w+/.exec(text)?.[0]),
      (titles) => titles.join() === 'Of plums,Of pears,Of apples',
      waitTimeoutMs,
    );
    await chat.conversation('Of apples').click();
    await chat.replies.getByText('You said: Of apples').waitFor();
    expect(await chat.conversation('Of apples').getAttribute('aria-current')).toBe('page');
    await chat.ask('And of quinces.');
    // What is looked for is looked for once, and history follows the log.
    await toldTexts(world.server.address, await chat.conversationId(), 4);

    await chat.page.getByRole('searchbox', { name: 'Search messages' }).fill('quinces');
    const found = chat.page.getByRole('list', { name: 'Found messages' });
    await found.getByRole('link').first().waitFor();
    // The beginning of a word is enough, and the whole word is marked.
    await chat.page.getByRole('searchbox').fill('PEA');
    await found.getByText('pears').first().waitFor();
    expect(new Set(await found.locator('mark').allTextContents())).toEqual(new Set(['pears']));
    await found.getByRole('link').first().click();
    await chat.replies.getByText('You said: Of pears').waitFor();
    await chat.page.getByRole('searchbox').fill('nectarines');
    await chat.page.getByText('Nothing found.').waitFor();
    await chat.page.getByRole('searchbox').press('Escape');

    await list.getByRole('listitem').filter({ hasText: 'Of pears' }).hover();
    await chat.button('Rename Of pears').click();
    await chat.page.getByRole('textbox', { name: 'New title' }).fill('A better title');
    await chat.page.keyboard.press('Enter');
    await chat.conversation('A better title').waitFor();
    await eventually(
      async () => (await heading(chat).textContent()) ?? '',
      (title) => title.includes('A better title'),
      waitTimeoutMs,
    );
    await titleFound(world, 'better');
    await chat.page.getByRole('searchbox').fill('better titles');
    const title = found.getByRole('link').filter({ hasText: 'A better title' });
    await title.waitFor();
    expect(await title.locator('mark').allTextContents()).toEqual(['better', 'title']);
    await chat.page.getByRole('searchbox').press('Escape');

    await list.getByRole('listitem').filter({ hasText: 'Of plums' }).hover();
    await chat.button('Delete Of plums').click();
    await chat.dialog('Delete this conversation?').getByRole('button', { name: 'Cancel' }).click();
    await chat.conversation('Of plums').waitFor();
    await chat.button('Delete Of plums').click();
    await chat.dialog('Delete this conversation?').getByRole('button', { name: 'Delete' }).click();
    await chat.conversation('Of plums').waitFor({ state: 'detached' });
    await chat.page.reload();
    await chat.conversation('A better title').waitFor();
    expect(await chat.conversation('Of plums').count()).toBe(0);
  });

  test('a conversation that somebody else renames and deletes has the new title, and is left with a notice', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.ask('Of cherries.');
    await chat.conversation('Of cherries.').waitFor();
    const conversationId = await chat.conversationId();
    const history = clientOf('chat.v1.HistoryService', world.server.address);
    await call(history, 'RenameConversation', { conversationId, title: 'Red fruit' });
    await chat.conversation('Red fruit').waitFor();
    await heading(chat).getByText('Red fruit').waitFor();
    await chat.composer.fill('Half a thought');
    await call(history, 'DeleteConversation', { conversationId });
    hangUp(history);
    await chat.alert.getByText('This conversation was deleted.').waitFor();
    await chat.conversation('Red fruit').waitFor({ state: 'detached' });
    expect([await chat.questions.count(), await chat.composer.inputValue()]).toEqual([0, 'Half a thought']);
    expect(chat.page.url()).not.toContain(conversationId);
    await chat.ask('In a new one.');
    expect(await chat.alert.count()).toBe(0);
  });

  test('back and forward turn from one conversation to the other, and an address opens its conversation', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await startWith(chat, world, 'The first');
    const first = await chat.conversationId();
    await startWith(chat, world, 'The second');
    await chat.conversation('The first').click();
    await chat.replies.getByText('You said: The first').waitFor();
    await chat.page.goBack();
    await chat.replies.getByText('You said: The second').waitFor();
    await chat.ask('Still in the second.');
    await chat.page.goForward();
    await chat.replies.getByText('You said: The first').waitFor();
    expect(await chat.replies.count()).toBe(1);
    await chat.page.goto(world.url);
    await chat.page.goto(`${world.url}#/c/${first}`);
    await chat.replies.getByText('You said: The first').waitFor();
    await chat.ask('By its address.');
  });

  test('an answer under way goes on while another conversation is open', async () => {
    const slow = ({ text }: RecordedChatRequest) => ({ ...echoAnswer(text), intervalMs: 300 });
    await using world = await World.start(door, { script: slow });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.say('one two three four five six seven eight nine ten');
    await chat.sees('three');
    await startWith(chat, world, 'Something else');
    await chat.conversation('one two three four five six seven eight nine ten').click();
    // Until the page has turned, the first reply is that of the other conversation.
    await chat.questions.getByText('one two three four five six seven eight nine ten').waitFor();
    expect(await (await chat.wholeReply(0)).textContent()).toContain(
      'You said: one two three four five six seven eight nine ten',
    );
    expect(await chat.questions.count()).toBe(1);
  });
});

const said = 10_000;
/** Ten answers at a time, each whole at once. */
const quick = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_PIECES: '0',
  PARLEY_MAX_PROCESSING_PER_CONVERSATION: '10',
};

test('a conversation of 10,000 messages: older pages come as one scrolls up, without a jump, and scrolling is smooth', async () => {
  await using world = await World.start('bridge', { env: quick });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  await chat.ask('The very first.');
  const clientId = await onlyClient(world.server);
  const id = await chat.conversationId();
  await chat.page.close();
  await sessionsOpen(world.server, 0);
  await using testSessions = new TestSessions(world.server, 'bidi');
  await fillConversation(testSessions, world.server, { clientId, conversationId: id, count: said });
  const again = await ChatPage.open(visitor, `#/c/${id}`);
  await again.messages.getByText('Message 4999', { exact: true }).waitFor();
  // Over several pages that come meanwhile, what one reads stays where it is.
  expect((await scrollBy(again.messages, -400, 100)).jumps).toEqual([]);
  expect(await scrollToTop(again.messages, said + 2)).toBe(said + 2);
  expect(await again.messages.getByText('The very first.', { exact: true }).count()).toBe(1);
  const { frames } = await scrollBy(again.messages, 700, 100);
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
  console.log(
    `frames while scrolling through 10,000 messages: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`,
  );
  // A slow machine without a graphics card: what this would notice is work for every message in every frame.
  expect(at(0.5)).toBeLessThan(400);
});

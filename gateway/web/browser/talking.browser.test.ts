import { describe, expect, test } from '@jest/globals';
import { echoAnswer } from '../../../src/testing/openai-test-answers.ts';
import type { RecordedChatRequest } from '../../../src/testing/openai-test-server.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { drawingBreaches, drawnReplies, numbered, toldTexts, watchReplies } from './testing/drawn-replies.ts';
import { harmIn, hostileMarkdown } from './testing/hostile-markdown.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();

const code = 'const answer: number = 42;\nconsole.log(answer < 43 && "so it is");';
const codeReply = `Like **this**:\n\n\`\`\`ts\n${code}\n\`\`\`\n\nThat is all.`;

/** In pieces that cut tags, links and code wherever it happens. */
const inPieces = (text: string, pieceChars: number) => text.match(new RegExp(`[^]{1,${pieceChars}}`, 'g')) ?? [];

function script({ text }: RecordedChatRequest) {
  if (text === 'Count.') return { kind: 'reply', pieces: numbered(30), intervalMs: 60 } as const;
  if (text === 'Count for ever.') return { kind: 'reply', pieces: numbered(2_000), intervalMs: 60 } as const;
  if (text === 'Show me code.') return { kind: 'reply', pieces: inPieces(codeReply, 7), intervalMs: 5 } as const;
  if (text === 'Do harm.') return { kind: 'reply', pieces: inPieces(hostileMarkdown, 41), intervalMs: 5 } as const;
  return echoAnswer(text);
}

describe.each(doors)('over %s', (door) => {
  test('a first visit: something is said, and its reply grows piece by piece until it is whole', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.page.getByText('Those of the command line are another client’s').waitFor();
    // Cause: the focus stayed on the suggestion, where Enter only chose it again.
    await chat.button('What can you do?').click();
    expect(await chat.composer.evaluate((box) => box === document.activeElement)).toBe(true);
    await watchReplies(chat.page);
    await chat.say('Count.');
    await chat.wholeReply(0);
    const drawn = await drawnReplies(chat.page);
    expect(drawn.length).toBeGreaterThan(2);
    expect(drawingBreaches(drawn, 30)).toEqual([]);
    expect(drawn.at(-1)).toBe(numbered(30).join('').trim());
    expect(await chat.questions.allTextContents()).toEqual([expect.stringContaining('Count.')]);
    const id = await chat.conversationId();
    expect(await toldTexts(world.server.address, id, 2)).toEqual(['Count.', numbered(30).join('')]);
    await chat.conversation('Count.').waitFor();
    await chat.messages.getByRole('heading', { level: 2, name: 'Today' }).waitFor();
    await chat.ask('And again.');
    expect(await chat.replies.allTextContents()).toEqual([
      expect.stringContaining('w29'),
      expect.stringContaining('You said: And again.'),
    ]);
  });

  test('a reply is stopped: what was there of it stays, and the next message is answered', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.say('Count for ever.');
    await chat.sees('w5');
    await chat.button('Stop the reply').click();
    await chat.replies.getByText('Stopped').waitFor();
    expect(
      drawingBreaches([((await chat.replies.textContent()) ?? '').match(/w\d+/g)?.join(' ') ?? 'nothing'], 2_000),
    ).toEqual([]);
    await chat.say('And now?');
    await chat.replies.getByText('You said: And now?').waitFor();
    const id = await chat.conversationId();
    const [, stopped] = await toldTexts(world.server.address, id, 4);
    expect(
      numbered(2_000)
        .join('')
        .startsWith(stopped ?? 'nothing'),
    ).toBe(true);
  });

  test('a reply is stopped by keyboard, and the focus goes to the message box', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.say('Count for ever.');
    await chat.sees('w5');
    await chat.button('Stop the reply').focus();
    await chat.page.keyboard.press('Enter');
    await chat.replies.getByText('Stopped').waitFor();
    expect(await chat.composer.evaluate((box) => box === document.activeElement)).toBe(true);
  });

  test('Markdown is drawn, code can be copied', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const chat = await ChatPage.connected(visitor);
    const reply = await chat.ask('Show me code.');
    expect(await reply.getByRole('strong').textContent()).toBe('this');
    expect((await reply.locator('pre code').textContent())?.trimEnd()).toBe(code);
    await reply.getByRole('button', { name: 'Copy code' }).click();
    await reply.getByText('Copied').waitFor();
    expect((await chat.page.evaluate(() => navigator.clipboard.readText())).trimEnd()).toBe(code);
  });

  test('nothing that a reply says runs, is fetched or covers the page', async () => {
    await using world = await World.start(door, { script });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    const reply = await chat.ask('Do harm.');
    await reply.getByText('After it all').waitFor();
    expect(await reply.locator('.prose').evaluate(harmIn)).toEqual([]);
    for (const link of await reply.getByText(/a link|an anchor|a document/).all()) await link.click({ force: true });
    expect(await chat.page.evaluate(() => (globalThis as { __harmed?: string }).__harmed)).toBeUndefined();
    const kind = reply.getByRole('link', { name: 'a kind link' });
    expect(await kind.getAttribute('target')).toBe('_blank');
    expect(await kind.getAttribute('rel')).toContain('noopener');
    // What the person says is no Markdown at all.
    await chat.say('<img src=x onerror="window.__harmed=1"> **plain**');
    await chat.questions.getByText('<img src=x onerror="window.__harmed=1"> **plain**').waitFor();
    await chat.ask('Still there?');
  });

  test('what got no reply is sent again as a new message, and the reply names its model', async () => {
    const failing = { kind: 'status', status: 500 } as const;
    await using world = await World.start(door, { script: () => failing, env: { PARLEY_MAX_ATTEMPTS: '1' } });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    const announcements = chat.page.getByRole('log', { name: 'Announcements' });
    await chat.say('Is there anybody?');
    await chat.questions.getByText('No reply').waitFor();
    await announcements.getByText('No reply: The assistant').waitFor({ state: 'attached' });
    world.model.follow(script);
    await chat.button('Send again').click();
    const reply = await chat.wholeReply(0);
    expect(await reply.textContent()).toContain('You said: Is there anybody?');
    await reply.getByText('test', { exact: true }).waitFor();
    expect(await chat.questions.getByText('Is there anybody?').count()).toBe(2);
  });

  test('a reply whose model is away is said to wait, for how long, and is stopped meanwhile', async () => {
    const away = { kind: 'status', status: 503, headers: { 'retry-after': '9' } } as const;
    await using world = await World.start(door, { script: () => away });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.say('Is there anybody?');
    await chat.replies.getByText(/^The model failed to answer; trying again in \d s$/).waitFor();
    await chat.button('Stop the reply').click();
    await chat.questions.getByText('Stopped').waitFor();
    expect(await chat.page.getByText('The model failed to answer').count()).toBe(0);
    world.model.follow(script);
    await chat.ask('And now?');
  });

  test('what is too long to be sent is said before it is, and can be made shorter', async () => {
    await using world = await World.start(door, { script, env: { PARLEY_MAX_TEXT_BYTES: '100' } });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await chat.composer.fill('é'.repeat(51));
    await chat.alert.waitFor();
    expect(await chat.button('Send').isDisabled()).toBe(true);
    await chat.composer.press('Enter');
    expect(await chat.questions.count()).toBe(0);
    await chat.composer.fill('é'.repeat(50));
    await chat.composer.press('Enter');
    await chat.wholeReply(0);
  });
});

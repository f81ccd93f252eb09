import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call, clientOf, type DynamicClient, hangUp } from '../../../../src/testing/contract.ts';
import { padded, picture, video } from '../../../../src/testing/media-samples.ts';
import { wholeConversation } from '../../../../src/testing/oracle.ts';
import { type ParleyServer, startServer } from '../../../../src/testing/server.ts';
import { eventually } from '../../../../src/testing/test-sessions.ts';
import { reply, say, shown, TestBrowser, textOf, until, untilConnection } from './testing/browser.ts';

function blobOf(bytes: Uint8Array, type: string): Blob {
  return new Blob([new Uint8Array(bytes)], { type });
}

describe('conversations and what is in them', () => {
  let server: ParleyServer;
  let history: DynamicClient;
  beforeAll(async () => {
    server = await startServer({
      env: {
        PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
        PARLEY_SIMULATED_VIDEO_DELAY_MS: '0',
        PARLEY_MAX_MEDIA_BYTES: '2000000',
        PARLEY_MAX_INLINE_BYTES: '100000',
      },
    });
    history = clientOf('chat.v1.HistoryService', server.address);
  });
  afterAll(async () => {
    hangUp(history);
    await server[Symbol.asyncDispose]();
  });

  test('are listed, found, renamed, turned to and deleted', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { conversations, conversation } = tab.app;
    await untilConnection(tab, 'connected');
    await say(tab, 'about apples');
    await reply(tab, 'about apples');
    const apples = conversation.id.peek();
    conversations.startNew();
    expect(shown(tab)).toEqual([]);
    await say(tab, 'about pears');
    await reply(tab, 'about pears');
    const pears = conversation.id.peek();
    await until(
      () =>
        conversations.items.value.map(({ title, messageCount }) => `${title} ${messageCount}`).join(', ') ===
        'about pears 2, about apples 2',
    );
    expect(await conversations.rename(apples, ' Fruit ')).toBeUndefined();
    expect(await conversations.rename(apples, ' ')).toMatchObject({ reason: 'TITLE_INVALID' });
    conversations.open(apples);
    expect(conversation.title.peek()).toBe('Fruit');
    expect(shown(tab).map(textOf)[0]).toBe('about apples');
    await conversations.search('APPLES');
    expect(new Set(conversations.found.peek()?.map(({ conversationId }) => conversationId))).toEqual(new Set([apples]));
    await conversations.search('');
    expect(conversations.found.peek()).toBeUndefined();
    expect(await conversations.delete(apples)).toBeUndefined();
    expect(conversations.items.peek().map(({ conversationId }) => conversationId)).toEqual([pears]);
    expect(shown(tab)).toEqual([]);
    // A session goes on: there is still somebody to talk to.
    conversations.open(pears);
    await say(tab, 'and plums');
    await reply(tab, 'and plums');
  });

  test('are shown as somebody else renames them, and left when somebody else deletes them', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { conversations, conversation, composer } = tab.app;
    await untilConnection(tab, 'connected');
    await say(tab, 'about cherries');
    await reply(tab, 'about cherries');
    const conversationId = conversation.id.peek();
    await call(history, 'RenameConversation', { conversationId, title: 'Red fruit' });
    await until(() => conversation.title.value === 'Red fruit');
    composer.setText('half a thought');
    await call(history, 'DeleteConversation', { conversationId });
    const notice = await until(() => conversation.notice.value);
    expect(notice?.title).toBe('This conversation was deleted.');
    expect([conversation.id.peek() === conversationId, shown(tab), composer.text.peek()]).toEqual([
      false,
      [],
      'half a thought',
    ]);
    expect(conversations.items.peek()).toEqual([]);
    await say(tab, 'about something else');
    await reply(tab, 'about something else');
    expect(conversation.notice.peek()).toBeUndefined();
  });

  test('that are deleted here are left without a notice, whatever comes first', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { conversations, conversation } = tab.app;
    await untilConnection(tab, 'connected');
    await say(tab, 'about figs');
    await reply(tab, 'about figs');
    expect(await conversations.delete(conversation.id.peek())).toBeUndefined();
    expect([conversations.items.peek(), shown(tab)]).toEqual([[], []]);
    // The stream has told by then that it was deleted.
    await say(tab, 'about dates');
    await reply(tab, 'about dates');
    conversations.startNew();
    expect(conversation.notice.peek()).toBeUndefined();
  });

  test('show their newest messages first, and older ones on demand', async () => {
    await using browser = new TestBrowser(server);
    const writer = browser.openTab();
    const { conversation } = writer.app;
    for (let n = 0; n < 30; n += 1) {
      await say(writer, `number ${n}`);
      await reply(writer, `number ${n}`);
    }
    const id = conversation.id.peek();
    // History follows the log: what it does not have yet would come to the reader by the stream, behind the newest 50.
    await eventually(
      () => wholeConversation(server.address, id),
      (messages) => messages.length === 60,
    );
    await writer[Symbol.asyncDispose]();
    const reader = browser.openTab();
    reader.app.conversations.open(id);
    await until(() => shown(reader).length === 50);
    expect(reader.app.conversation.hasOlder.peek()).toBe(true);
    const newest = reader.app.conversation.entries.peek();
    await reader.app.conversation.loadOlder();
    expect(reader.app.conversation.hasOlder.peek()).toBe(false);
    expect(reader.app.conversation.entries.peek().slice(10)).toEqual(newest);
    expect(
      shown(reader)
        .filter(({ role }) => role === 'user')
        .map(textOf),
    ).toEqual(Array.from({ length: 30 }, (_, n) => `number ${n}`));
    await untilConnection(reader, 'connected');
    await say(reader, 'and more');
    await reply(reader, 'and more');
    expect(shown(reader)).toHaveLength(62);
  });

  test('that are not there are told so, and another can be begun', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    tab.app.conversations.open('never-was');
    expect((await until(() => tab.app.conversation.trouble.value))?.reason).toBe('NOT_FOUND');
    tab.app.conversations.startNew();
    await say(tab, 'hello');
    await reply(tab, 'hello');
  });

  test('keep drafts apart, and across reloads', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await say(tab, 'first');
    await reply(tab, 'first');
    const { composer, conversations, conversation } = tab.app;
    const first = conversation.id.peek();
    composer.setText('draft of the first');
    conversations.startNew();
    expect(composer.text.peek()).toBe('');
    composer.setText('draft of a new one');
    await tab[Symbol.asyncDispose]();
    const again = browser.openTab();
    await untilConnection(again, 'connected');
    expect(again.app.composer.text.peek()).toBe('draft of a new one');
    again.app.conversations.open(first);
    expect(again.app.composer.text.peek()).toBe('draft of the first');
  });

  test('take pictures in the message, and videos by upload, and show what comes back', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const { composer, conversation } = tab.app;
    await untilConnection(tab, 'connected');
    expect(await composer.attach(new Blob(['%PDF'], { type: 'application/pdf' }))).toMatchObject({
      reason: 'MEDIA_TYPE_UNSUPPORTED',
    });
    const tooLarge = new Blob([new Uint8Array(2_000_001)], { type: 'video/mp4' });
    expect(await composer.attach(tooLarge)).toMatchObject({ reason: 'MEDIA_TOO_LARGE' });
    expect(await composer.attach(blobOf(picture.bytes, 'image/png'))).toBeUndefined();
    expect(await composer.attach(blobOf(padded(video, 1_500_000), 'video/mp4'))).toBeUndefined();
    expect(composer.attachments.peek().map(({ kind }) => kind)).toEqual(['image', 'video']);
    await say(tab, 'look');
    await until(() => shown(tab).find(({ role, status }) => role === 'assistant' && status === 'completed'));
    const [question, answer] = shown(tab);
    expect(question?.parts.map(({ kind }) => kind)).toEqual(['text', 'image', 'video']);
    expect(answer?.parts.map(({ kind }) => kind).toSorted()).toEqual(['image', 'text', 'voice']);
    const voice = answer?.parts.find((part) => part.kind === 'voice');
    if (voice?.kind !== 'voice') throw new Error('the reply has no voice');
    expect((await fetch(voice.url)).headers.get('content-type')).toBe(voice.contentType);
    const renewed = await conversation.renewUrl(voice.mediaId);
    expect((await fetch(renewed ?? '')).ok).toBe(true);
  });
});

describe('what was said and not yet sent', () => {
  test('is sent once by the page that comes after, and what was lost of it is told', async () => {
    await using server = await startServer();
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await say(tab, 'before');
    await reply(tab, 'before');
    const id = tab.app.conversation.id.peek();
    await server.stop('SIGKILL');
    await untilConnection(tab, 'reconnecting');
    await say(tab, 'only words');
    await tab.app.composer.attach(blobOf(picture.bytes, 'image/png'));
    await say(tab, 'with a picture');
    await tab[Symbol.asyncDispose]();
    await using again = await server.restart();
    const next = browser.openTab();
    next.app.conversations.open(id);
    await reply(next, 'only words');
    const unsent = await until(() => shown(next).find(({ status }) => status === 'unsent'));
    expect(unsent?.refusal).toMatchObject({ reason: 'ATTACHMENTS_LOST', retryable: true });
    const entry = next.app.conversation.entries.peek().find(({ message }) => message.peek() === unsent);
    next.app.conversation.retry(entry?.key ?? '');
    await reply(next, 'with a picture');
    expect(
      shown(next)
        .filter(({ role }) => role === 'user')
        .map(textOf),
    ).toEqual(['before', 'only words', 'with a picture']);
    expect(again.httpAddress).toBe(server.httpAddress);
  });
});

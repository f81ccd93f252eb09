import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { wholeConversation } from '../../../../src/testing/oracle.ts';
import { type ParleyServer, startServer } from '../../../../src/testing/server.ts';
import { eventually } from '../../../../src/testing/test-sessions.ts';
import { reply, say, shown, type Tab, TestBrowser, textOf, until, untilConnection } from './testing/browser.ts';

/** Replies that take about two seconds: long enough to break something amid them. */
const slowReplies = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_PIECES: '20',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100',
};

describe('a session of the web client', () => {
  let server: ParleyServer;
  beforeAll(async () => {
    server = await startServer({ env: slowReplies });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('says a message and shows its reply growing, then complete', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    const announced: unknown[] = [];
    tab.app.conversation.onReply((reply) => announced.push(reply));
    await say(tab, 'hello');
    const lengths = new Set<number>();
    await until(
      () => shown(tab).find(({ status }) => status === 'growing'),
      (growing) => growing !== undefined && lengths.add(textOf(growing).length).size > 3,
    );
    const answer = await reply(tab, 'hello');
    expect(announced).toEqual([textOf(answer)]);
    expect(shown(tab).map(({ role, status }) => `${role} ${status}`)).toEqual([
      'user completed',
      'assistant completed',
    ]);
  });

  test('stops a reply', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await say(tab, 'a long story');
    const growing = await until(() => shown(tab).find(({ status, parts }) => status === 'growing' && parts.length > 0));
    expect(await tab.app.conversation.stop(growing?.replyToMessageId ?? '')).toBeUndefined();
    expect(textOf(await reply(tab, 'a long story', 'stopped'))).not.toBe('');
  });

  test('lets a second tab take the session over, and the first take it back', async () => {
    await using browser = new TestBrowser(server);
    const first = browser.openTab();
    await untilConnection(first, 'connected');
    const second = browser.openTab();
    await untilConnection(second, 'other-tab');
    second.app.connect();
    await untilConnection(second, 'connected');
    await untilConnection(first, 'other-tab');
    first.app.connect();
    await untilConnection(first, 'connected');
    await untilConnection(second, 'other-tab');
    // The tab that has it is closed: whoever waits gets it.
    await first[Symbol.asyncDispose]();
    await untilConnection(second, 'connected');
  });

  test('tells why an operator ended it, and connects again when it is told to', async () => {
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await untilConnection(tab, 'connected');
    const state = tab.app.signIn.state.peek();
    expect(await tab.app.operator.disconnect(state.kind === 'in' ? state.clientId : '')).toBeUndefined();
    const { refusal } = await untilConnection(tab, 'refused');
    expect(refusal).toMatchObject({ reason: 'DISCONNECTED', retryable: false });
    tab.app.connect();
    await untilConnection(tab, 'connected');
  });
});

describe('where places are few and stallTimeout is short', () => {
  let server: ParleyServer;
  beforeAll(async () => {
    server = await startServer({ env: { PARLEY_MAX_CLIENTS: '1', PARLEY_MAX_WAIT_FOR_SLOT_MS: '300' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('stands in line, also when the server lets it wait no longer, and gets the place of who leaves', async () => {
    await using browser = new TestBrowser(server);
    await using other = new TestBrowser(server);
    const first = browser.openTab();
    await untilConnection(first, 'connected');
    const second = other.openTab();
    expect(await untilConnection(second, 'waiting')).toEqual({ kind: 'waiting', place: 1 });
    const seen: string[] = [];
    const stop = second.app.connection.subscribe(({ kind }) => seen.push(kind));
    // Twice in line: the first time is over after 300 ms.
    await until(() => second.app.connection.value.kind === 'waiting' && seen.length >= 2);
    stop();
    expect(new Set(seen)).toEqual(new Set(['waiting']));
    await first[Symbol.asyncDispose]();
    await untilConnection(second, 'connected');
  });

  test('keeps its place when another tab takes the session over, though others wait for it', async () => {
    await using patient = await startServer({ env: { PARLEY_MAX_CLIENTS: '1' } });
    await using browser = new TestBrowser(patient);
    await using other = new TestBrowser(patient);
    const first = browser.openTab();
    await untilConnection(first, 'connected');
    const waiting = other.openTab();
    await untilConnection(waiting, 'waiting');
    const second = browser.openTab();
    await untilConnection(second, 'other-tab');
    second.app.connect();
    await untilConnection(second, 'connected');
    expect(waiting.app.connection.peek().kind).toBe('waiting');
  });

  test('rests after a while of silence, and connects again as soon as somebody writes', async () => {
    await using again = await startServer({ env: { PARLEY_FIRST_MESSAGE_DEADLINE_MS: '1000' } });
    await using browser = new TestBrowser(again);
    const tab = browser.openTab();
    const { because } = await untilConnection(tab, 'resting');
    expect(because.reason).toBe('FIRST_MESSAGE_TIMEOUT');
    tab.app.composer.setText('h');
    await untilConnection(tab, 'connected');
  });
});

describe('a server that is lost', () => {
  test('is found again: the reply under way is drawn whole, and what was said meanwhile is said once', async () => {
    await using server = await startServer({ env: slowReplies });
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await say(tab, 'a long story');
    await until(() => shown(tab).some(({ status, parts }) => status === 'growing' && parts.length > 0));
    await server.stop('SIGKILL');
    await untilConnection(tab, 'reconnecting');
    await say(tab, 'meanwhile');
    await using again = await server.restart();
    await reply(tab, 'a long story');
    await reply(tab, 'meanwhile');
    const drawn = shown(tab).map(textOf);
    expect(drawn).toHaveLength(4);
    expect(await readAnew(tab, again)).toEqual(drawn);
  });

  test('that answers nothing is given up, and found again', async () => {
    await using server = await startServer({ env: { PARLEY_HEARTBEAT_INTERVAL_MS: '500' } });
    await using browser = new TestBrowser(server);
    const tab = browser.openTab();
    await untilConnection(tab, 'connected');
    server.pause();
    await untilConnection(tab, 'reconnecting');
    server.resume();
    await untilConnection(tab, 'connected');
    await say(tab, 'hello');
    await reply(tab, 'hello');
  });
});

/** What a page that was not there reads in history, once that has it all: without a session, which the tab has, it reads it once. */
async function readAnew(tab: Tab, server: ParleyServer): Promise<readonly string[]> {
  const id = tab.app.conversation.id.peek();
  await eventually(
    () => wholeConversation(server.address, id),
    (messages) => messages.length === shown(tab).length,
  );
  await using browser = new TestBrowser(server);
  const reader = browser.openTab({ 'parley.clientId': tab.page.store.getItem('parley.clientId') ?? '' });
  reader.app.conversations.open(id);
  await until(() => shown(reader).length === shown(tab).length);
  return shown(reader).map(textOf);
}

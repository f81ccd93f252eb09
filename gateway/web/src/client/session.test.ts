import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { Chat } from '../../../../src/client/chat.ts';
import {
  ChatService,
  type OpenResponse,
  OpenResponseSchema,
} from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { Unread } from '../../../../src/client/unread.ts';
import type { Wire } from '../../../../src/client/wire.ts';
import { JsonStorage } from './json-storage.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Session, storedResumeToken } from './session.ts';
import { until } from './testing/browser.ts';
import { TestPage } from './testing/test-page.ts';

/** A server that welcomes every session, says what the test wants, and writes down what is said to it. */
class ScriptedServer implements Wire {
  readonly shape = 'split';
  readonly said: string[] = [];
  #events = new Unread<OpenResponse>();

  connect() {
    const transport = createRouterTransport(({ service }) => {
      service(ChatService, {
        open: ({ hello }) => {
          this.said.push(`open with ${hello?.resumeToken || 'nothing'}`);
          this.#events = new Unread();
          const sessionId = String(this.said.length);
          this.say({
            case: 'welcome',
            value: { sessionId, conversationId: 'talk', resumeToken: `token ${sessionId}` },
          });
          return this.#events;
        },
        heartbeat: ({ sessionId }) => {
          this.said.push(`heartbeat ${sessionId}`);
          return {};
        },
        close: ({ sessionId }) => {
          this.said.push(`close ${sessionId}`);
          this.#events.end(undefined);
          return {};
        },
      });
    });
    return { transport, close: () => undefined };
  }

  say(
    event: NonNullable<NonNullable<Parameters<typeof create<typeof OpenResponseSchema>>[1]>['event']>['event'],
  ): void {
    this.#events.push(create(OpenResponseSchema, { event: { event } }));
  }
}

function begin(name: string) {
  const server = new ScriptedServer();
  const page = new TestPage('');
  const storage = new JsonStorage(new MemoryStorage(), `${name}.`);
  const chat = new Chat({
    wire: server,
    clientId: 'ann',
    timeZone: page.timeZone,
    persistent: true,
    resumeToken: () => storedResumeToken(storage),
  });
  const awaited = { reply: false };
  const session = new Session({
    chat,
    page,
    clientId: 'ann',
    storage,
    lockName: name,
    hasUnsent: () => false,
    awaitsReply: () => awaited.reply,
    onHold: () => undefined,
    onWelcome: () => undefined,
  });
  return { server, chat, session, page, awaited };
}

async function said(server: ScriptedServer, ...expected: readonly string[]): Promise<void> {
  for (let turns = 0; server.said.length < expected.length && turns < 1_000; turns += 1)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(server.said).toEqual(expected);
}

describe('a session of one tab', () => {
  test('leaves a server that is leaving once no reply is awaited, and shows the next one its token', async () => {
    const { server, chat, session, awaited } = begin('drain');
    await until(() => session.connection.value.kind === 'connected');
    awaited.reply = true;
    const isHeard = new Promise<void>((resolve) => {
      chat.on('event', (event) => {
        if (event.case === 'pong') resolve();
      });
    });
    server.say({ case: 'drain', value: {} });
    server.say({ case: 'pong', value: {} });
    await isHeard;
    expect(session.connection.peek().kind).toBe('connected');
    awaited.reply = false;
    server.say({ case: 'pong', value: {} });
    await said(server, 'open with nothing', 'open with token 1');
    await session.stop();
    expect(session.connection.peek()).toEqual({ kind: 'none' });
  });

  test('asks the server whether it is there when somebody comes back, and says at once that there is no network', async () => {
    const { server, session, page } = begin('network');
    await until(() => session.connection.value.kind === 'connected');
    page.goOnline(true);
    await said(server, 'open with nothing', 'heartbeat 1');
    page.goOnline(false);
    const { connection } = session;
    await until(() => connection.value.kind === 'reconnecting' && connection.value.offline);
    page.goOnline(true);
    await until(() => connection.value.kind === 'connected');
    await session.stop();
    await said(server, 'open with nothing', 'heartbeat 1', 'open with token 1', 'close 3');
  });
});

import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import {
  AcceptedSchema,
  DrainSchema,
  type OpenResponse,
  OpenResponseSchema,
  WaitingSchema,
  WelcomeSchema,
} from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { Bell } from './bell.ts';
import type { Calls } from './calls.ts';
import { Conversation } from './conversation.ts';
import { Dialogue } from './dialogue.ts';
import { Kept } from './kept.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Outbox } from './outbox.ts';
import { Session } from './session.ts';
import { until } from './testing/browser.ts';
import { TestPage } from './testing/test-page.ts';

/** A server that says what the test wants, and writes down what is said to it. */
class ScriptedServer {
  readonly said: string[] = [];
  #say: (response: OpenResponse) => void = () => undefined;

  readonly chat = {
    open: ({ hello }: { hello: { resumeToken: string } }, { signal }: { signal: AbortSignal }) =>
      this.#open(hello.resumeToken, signal),
    send: async ({ sessionId, message }: { sessionId: string; message: { clientMessageId: string } }) => {
      this.said.push(`send in ${sessionId}`);
      const { clientMessageId } = message;
      return {
        accepted: create(AcceptedSchema, {
          clientMessageId,
          messageId: clientMessageId,
          conversationId: 'talk',
          sequence: 1n,
        }),
      };
    },
    heartbeat: async () => ({}),
    close: async ({ sessionId }: { sessionId: string }) => this.said.push(`close ${sessionId}`),
  };

  say(event: OpenResponse['event']): void {
    this.#say(create(OpenResponseSchema, { event }));
  }

  welcome(sessionId: string): void {
    const value = create(WelcomeSchema, { sessionId, conversationId: 'talk', resumeToken: `token of ${sessionId}` });
    this.say({ $typeName: 'chat.v1.ServerEvent', event: { case: 'welcome', value } });
  }

  async *#open(resumeToken: string, signal: AbortSignal): AsyncGenerator<OpenResponse> {
    this.said.push(`open with ${resumeToken || 'nothing'}`);
    // What is said before the stream is read is kept for it.
    const unread: OpenResponse[] = [];
    let ring = () => {};
    this.#say = (response) => {
      unread.push(response);
      ring();
    };
    signal.addEventListener('abort', () => ring(), { once: true });
    while (!signal.aborted) {
      const response = unread.shift();
      if (response !== undefined) yield response;
      else
        await new Promise<void>((resolve) => {
          ring = resolve;
        });
    }
  }
}

function begin(name: string) {
  const server = new ScriptedServer();
  const page = new TestPage('');
  const kept = new Kept(new MemoryStorage(), `${name}.`);
  const outbox: Outbox = new Outbox({
    kept: kept.within('unsent'),
    tabId: 'tab',
    limits: () => new Promise(() => undefined),
    store: () => new Promise(() => undefined),
    onReady: () => session.wake(),
  });
  const conversation = new Conversation('talk', true);
  const pages = { loadNewest: async () => undefined };
  const dialogue = new Dialogue(
    {
      pages,
      outbox,
      onNews: () => undefined,
      onNamed: () => undefined,
      onRenamed: () => undefined,
      onDeleted: () => undefined,
    },
    conversation,
  );
  const session: Session = new Session({
    calls: server as unknown as Calls,
    credentials: { fresh: async () => undefined, instead: async () => undefined },
    page,
    kept,
    lockName: name,
    clientId: 'ann',
    dialogue,
    outbox,
    returning: new Bell(),
    onHold: () => undefined,
    onWelcome: () => undefined,
  });
  return { server, session, outbox, conversation };
}

async function opened({ said }: ScriptedServer, times: number): Promise<void> {
  const isThere = () => said.filter((what) => what.startsWith('open')).length === times;
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function accepted(conversation: Conversation, count: number): Promise<void> {
  await until(
    () =>
      conversation.transcript.entries.value.filter(({ message }) => message.value.messageId !== '').length === count,
  );
}

describe('a session that the server moves', () => {
  test('goes on under the new id where the same stream is welcomed again', async () => {
    const { server, session, outbox, conversation } = begin('again');
    await opened(server, 1);
    server.welcome('one');
    await until(() => session.connection.value.kind === 'connected');
    server.say({
      $typeName: 'chat.v1.ServerEvent',
      event: { case: 'waiting', value: create(WaitingSchema, { place: 1 }) },
    });
    await until(() => session.connection.value.kind === 'waiting');
    outbox.add(conversation, 'hello', []);
    server.welcome('two');
    await accepted(conversation, 1);
    outbox.add(conversation, 'and more', []);
    await accepted(conversation, 2);
    await session.stop();
    expect(server.said).toEqual(['open with nothing', 'send in two', 'send in two', 'close two']);
  });

  test('leaves a server that is leaving, and shows the next one its token', async () => {
    const { server, session } = begin('drain');
    await opened(server, 1);
    server.welcome('one');
    await until(() => session.connection.value.kind === 'connected');
    server.say({ $typeName: 'chat.v1.ServerEvent', event: { case: 'drain', value: create(DrainSchema, {}) } });
    await opened(server, 2);
    expect(server.said).toEqual(['open with nothing', 'open with token of one']);
    server.welcome('two');
    await until(() => session.connection.value.kind === 'connected');
    await session.stop();
    expect(session.connection.peek()).toEqual({ kind: 'none' });
  });
});

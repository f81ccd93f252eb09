import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { callsOver } from './calls.ts';
import { Chat } from './chat.ts';
import { ChatService, OpenResponseSchema, type OutgoingMessage } from './gen/chat/v1/chat_service_pb.js';
import { ErrorInfoSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { Unread } from './unread.ts';
import type { Wire } from './wire.ts';

/** The service as one gateway behind a proxy offers it, with failures that a test asks for. */
class Gateway implements Wire {
  readonly shape = 'split';
  readonly sent: OutgoingMessage[] = [];
  /** The session of each of them. */
  readonly sentIn: string[] = [];
  /** Of each unary call: by which name the proxy found the gateway, and with which token. */
  readonly calls: { readonly method: string; readonly gateway: string | null; readonly token: string | null }[] = [];
  readonly failures: ConnectError[] = [];
  /** The next so many Send calls are not answered. */
  hanging = 0;
  opened = 0;
  #events = new Unread<ReturnType<typeof welcome>>();

  /** Its log was away for a while: the same stream is in line, and then welcomed under another id. */
  suspend(): void {
    this.#events.push(create(OpenResponseSchema, { event: { event: { case: 'waiting', value: { place: 1 } } } }));
  }

  goOn(sessionId: string): void {
    this.#events.push(welcome(sessionId));
  }

  /** The connection breaks. */
  break(): void {
    this.#events.end(new ConnectError('gone', Code.Unavailable));
  }

  connect() {
    const called = (method: string, headers: Headers): void => {
      this.calls.push({ method, gateway: headers.get('x-parley-gateway'), token: headers.get('authorization') });
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
    };
    const transport = createRouterTransport(({ service }) => {
      service(ChatService, {
        open: (_request, { responseHeader }) => {
          responseHeader.set('x-parley-gateway', 'gateway-1');
          this.opened += 1;
          this.#events = new Unread();
          this.#events.push(welcome());
          return this.#events;
        },
        send: async ({ sessionId, message }, { requestHeader, signal }) => {
          this.sent.push(message!);
          this.sentIn.push(sessionId);
          if (this.hanging > 0) {
            this.hanging -= 1;
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          }
          called('send', requestHeader);
          this.#events.push(accepted(message!));
          return {};
        },
        heartbeat: (_request, { requestHeader }) => {
          called('heartbeat', requestHeader);
          return {};
        },
        close: () => {
          this.#events.end(undefined);
          return {};
        },
      });
    });
    return { transport, close: () => undefined };
  }
}

function welcome(sessionId = 's') {
  const value = { sessionId, resumeToken: 't', conversationId: 'c', heartbeatInterval: { nanos: 20_000_000 } };
  return create(OpenResponseSchema, { event: { event: { case: 'welcome', value } } });
}

function accepted({ clientMessageId }: OutgoingMessage) {
  const value = { clientMessageId, messageId: `m-${clientMessageId}`, sequence: 7n, conversationId: 'c' };
  return create(OpenResponseSchema, { event: { event: { case: 'accepted', value } } });
}

function refused(code: Code, reason: string, retryDelayMs?: number): ConnectError {
  const value = create(ErrorInfoSchema, { reason, domain: 'parley' });
  const info = { desc: ErrorInfoSchema, value };
  if (retryDelayMs === undefined) return new ConnectError('No.', code, undefined, [info]);
  const retry = create(RetryInfoSchema, { retryDelay: durationFromMs(retryDelayMs) });
  return new ConnectError('Later.', code, undefined, [info, { desc: RetryInfoSchema, value: retry }]);
}

let gateway: Gateway;
let chat: Chat;

beforeEach(async () => {
  gateway = new Gateway();
  const tokens = { fresh: async () => ({ text: `token-${gateway.opened}`, renewAtMs: undefined }) };
  const backoff = { initialMs: 5, maxMs: 20 };
  chat = new Chat({ wire: gateway, clientId: 'ann', timeZone: 'UTC', tokens, backoff });
  await chat.connect();
});

afterEach(() => chat.close());

test('calls go to the gateway that holds the session, with the token of the session', async () => {
  await chat.send('hello');
  expect(gateway.calls).toContainEqual({ method: 'send', gateway: 'gateway-1', token: 'Bearer token-0' });
});

test('a message whose call was lost is sent again under its id, before the next one', async () => {
  const rejected: unknown[] = [];
  chat.on('rejected', (told) => rejected.push(told));
  gateway.failures.push(new ConnectError('gone', Code.Unavailable));
  const [first, second] = [chat.post('one'), chat.post('two')];
  await Promise.all([first.accepted, second.accepted]);
  const [one, two] = [first.clientMessageId, second.clientMessageId];
  expect(gateway.sent.map(({ clientMessageId }) => clientMessageId)).toEqual([one, one, two]);
  expect(rejected).toEqual([]);
  expect(gateway.opened).toBe(1);
});

test('a message that is refused fails with the reason; the session goes on', async () => {
  gateway.failures.push(refused(Code.InvalidArgument, 'TEXT_TOO_LONG'));
  await expect(chat.send('too long')).rejects.toMatchObject({ name: 'MessageRefused', reason: 'TEXT_TOO_LONG' });
  expect(gateway.opened).toBe(1);
});

// Two messages were under way at a time: the second got the place of the first, which had none.
test('a message that is refused for now holds up what is behind it in its conversation', async () => {
  gateway.failures.push(refused(Code.ResourceExhausted, 'TOO_MANY_PENDING', 20));
  const posted = ['one', 'two', 'three'].map((text) => chat.post(text));
  await Promise.all(posted.map(({ accepted: taken }) => taken));
  const [one, two, three] = posted.map(({ clientMessageId }) => clientMessageId);
  expect(gateway.sent.map(({ clientMessageId }) => clientMessageId)).toEqual([one, one, two, three]);
});

test('a call whose token is refused is made again with another one', async () => {
  const tokens = {
    fresh: async () => ({ text: 'refused', renewAtMs: undefined }),
    instead: async () => ({ text: 'other', renewAtMs: undefined }),
  };
  gateway.failures.push(refused(Code.Unauthenticated, 'UNAUTHENTICATED'));
  const client = createClient(ChatService, callsOver(gateway.connect().transport, tokens));
  await client.heartbeat({ sessionId: 's' });
  const shown = gateway.calls.map(({ token }) => token).filter((token) => token !== 'Bearer token-0');
  expect(shown).toEqual(['Bearer refused', 'Bearer other']);
});

test('a session that the gateway does not know any more is opened again, and what was said there sent', async () => {
  gateway.failures.push(refused(Code.NotFound, 'SESSION_NOT_FOUND'));
  await chat.send('hello');
  expect(gateway.opened).toBe(2);
});

// The session ended only with the call: a page that lost its connection amid a Send was not there for half a minute.
test('a stream that is lost ends the calls that nobody answers, and what was said there is sent again', async () => {
  gateway.hanging = 1;
  const posted = chat.post('hello');
  while (gateway.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const lost: (string | undefined)[] = [];
  chat.on('status', (told) => {
    if (told.state === 'reconnecting') lost.push(told.refusal?.message);
  });
  gateway.break();
  await posted.accepted;
  // And not that the server has gone silent, which takes two heartbeats.
  expect([gateway.opened, gateway.sent.length, lost]).toEqual([2, 2, ['gone']]);
});

test('a session goes on under the new id where the same stream is welcomed again', async () => {
  const isInLine = new Promise((resolve) => chat.once('status', resolve));
  gateway.suspend();
  expect(await isInLine).toMatchObject({ state: 'waiting', place: 1 });
  const posted = chat.post('hello');
  gateway.goOn('other');
  await posted.accepted;
  await chat.send('and more');
  expect([gateway.sentIn, gateway.opened]).toEqual([['other', 'other'], 1]);
});

test('heartbeats keep the session', async () => {
  while (gateway.calls.filter(({ method }) => method === 'heartbeat').length < 3)
    await new Promise((resolve) => setTimeout(resolve, 5));
});

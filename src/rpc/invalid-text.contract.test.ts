import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, framed } from '../../gateway/door/testing/browser.ts';
import { ChatRequest } from '../gen/chat/v1/chat_service.ts';
import { CallRefused, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';

/*
 * Cause: what is not UTF-8 in a string of a request was read as replacement characters. So the log had what nobody had said, and ids of a
 * client that differ could become one. Protobuf asks that such a request be refused.
 */

let server: ParleyServer;
let client: DynamicClient;
beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  client = clientOf('chat.v1.ChatService', server.address);
});
afterAll(async () => {
  hangUp(client);
  await server?.[Symbol.asyncDispose]();
});

/** A string, or a message, in a field, as protobuf encodes it. */
function field(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
}

const same = (value: Buffer) => value;

/** How a call ends that sends these messages, and nothing more where `ends`. On the wire a call of one request is a stream that ends. */
function endOf(path: string, messages: readonly Buffer[], ends = true): Promise<CallRefused> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(path, same, same);
    call.on('error', () => undefined).resume();
    call.on('status', (status: grpc.StatusObject) => resolve(new CallRefused(status)));
    for (const message of messages) call.write(message);
    if (ends) call.end();
  });
}

const refused = { code: 'INVALID_ARGUMENT', reason: 'FRAME_INVALID', domain: 'parley' };
const chat = '/chat.v1.ChatService/Chat';

describe.each([
  ['an octet that begins nothing', Buffer.from([0xff])],
  ['a character without its end', Buffer.from([0xc3, 0x28])],
  ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
  ['a longer way to write one', Buffer.from([0xc0, 0xaf])],
  ['one of them behind much text', Buffer.concat([Buffer.alloc(100, 'x'), Buffer.from([0xff])])],
])('a string with %s is refused', (_, text) => {
  test.each([
    ['an id', '/chat.v1.ChatService/Heartbeat', field(1, text)],
    ['a message', '/chat.v1.ChatService/Send', field(2, field(2, field(1, text)))],
    ['the Hello of a stream without a request stream', '/chat.v1.ChatService/Open', field(1, field(1, text))],
    ['a page token', '/chat.v1.HistoryService/ListConversations', field(2, text)],
    ['a user name', '/chat.v1.AccountService/SignIn', field(1, text)],
    ['a content type', '/chat.v1.MediaService/CreateUpload', field(2, text)],
    ['a client to disconnect', '/chat.v1.OperationsService/DisconnectClient', field(1, text)],
    ['the Hello of a stream', chat, field(1, field(1, text))],
  ])('in %s', async (_what, path, bytes) => {
    expect(await endOf(path, [bytes])).toMatchObject(refused);
  });

  test('in a message on an open stream', async () => {
    const hello = { $case: 'hello', value: { clientId: 'somebody', timeZone: 'Europe/Paris' } } as const;
    const opened = Buffer.from(ChatRequest.encode(ChatRequest.fromPartial({ frame: hello })).finish());
    const said = field(2, field(2, field(1, text)));
    expect(await endOf(chat, [opened, said], false)).toMatchObject(refused);
  });

  test('by gRPC-Web', async () => {
    const url = `http://${server.httpAddress}/chat.v1.ChatService/Heartbeat`;
    expect(await exchange(url, framed(field(1, text)))).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });
});

test('what is UTF-8 is read as it is, whatever it looks like', async () => {
  const text = Buffer.from('\ufeff\ufffd\u0000\u{1f600}');
  const refusal = await endOf('/chat.v1.ChatService/Heartbeat', [field(1, text)]);
  expect(refusal.reason).not.toBe('FRAME_INVALID');
});

import { connect } from '../black-box-client.ts';
import { type CallRefused, call, clientOf, hangUp } from '../contract.ts';
import { inlinePart, picture, sha256, video, voice } from '../media-samples.ts';

/** The client that is recorded. An input has another name of the same length in its place, so that inputs do not meet. */
export const recordedClient = clientNumber(0);

/** The id of a client of an input, as long as that which is recorded. */
export function clientNumber(number: number): string {
  return `fuzz-client-${String(number).padStart(8, '0')}`;
}

/** Says in a recording something of everything that a client may say. What the server refuses is recorded as well. */
export async function talkAboutEverything(address: string): Promise<void> {
  await onStream(address);
  await bySplitCalls(address);
  await inCallsOfTheirOwn(address);
}

async function onStream(address: string): Promise<void> {
  const hello = { clientId: recordedClient, waitForSlotMs: 1_000 };
  const { session } = await connect({ address, shape: 'bidi' }, hello);
  const { accepted } = await session.ask('Où est la gare ? 🚉', 'first');
  await session.ping();
  await session.stopReply(accepted.messageId);
  await session.renew('a.b.c');
  await session.join('');
  const parts = [{ text: 'Look' }, inlinePart(picture), inlinePart(voice)];
  await session.reply((await session.say(parts, 'second')).messageId);
  await session.goodbye();
}

async function bySplitCalls(address: string): Promise<void> {
  const { session, welcome } = await connect({ address, shape: 'split' }, { clientId: recordedClient });
  const { accepted } = await session.ask('And by calls of their own?', 'third');
  await session.ping();
  await session.stopReply(accepted.messageId);
  await session.join(welcome.conversationId, 1);
  await session.goodbye();
}

type Calls = readonly (readonly [method: string, request: object])[];

async function inCallsOfTheirOwn(address: string): Promise<void> {
  const conversationId = 'no-conversation';
  const accounts: Calls = [
    ['DescribeSignIn', {}],
    ['SignUp', { userName: 'somebody', password: 'correct horse' }],
    ['SignIn', { userName: 'somebody', password: 'correct horse' }],
    ['RefreshTokens', { refreshToken: 'a-token' }],
    ['SignOut', { refreshToken: 'a-token' }],
    ['SignOutEverywhere', {}],
    ['ChangePassword', { oldPassword: 'correct horse', newPassword: 'battery staple' }],
  ];
  const history: Calls = [
    ['ListConversations', { pageSize: 10, clientId: recordedClient }],
    ['GetConversation', { conversationId }],
    ['ListMessages', { conversationId, pageSize: 5, newestFirst: true, atLeastSequence: 1 }],
    ['SearchMessages', { query: 'gare', pageSize: 5, clientId: recordedClient }],
    ['RenameConversation', { conversationId, title: 'Trains' }],
    ['DeleteConversation', { conversationId }],
  ];
  const media: Calls = [
    ...[voice, video, picture].map(({ kind, contentType, bytes }): [string, object] => [
      'CreateUpload',
      { kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes), clientId: recordedClient },
    ]),
    ['GetMedia', { mediaId: '20261122-none' }],
  ];
  const operations: Calls = [
    ['GetUsage', {}],
    ['ListActiveConnections', { pageSize: 10 }],
    ['DisconnectClient', { clientId: recordedClient, reason: 'enough' }],
    ['ExplainMessage', { messageId: 'no-message' }],
    ['ListParked', { pageSize: 10 }],
    ['ReplayParked', { place: { topic: 'parley.conversations', partition: 1, offset: 2 } }],
    ['ReplayParked', { messageId: 'no-message' }],
  ];
  await callAll(address, 'chat.v1.AccountService', accounts);
  await callAll(address, 'chat.v1.HistoryService', history);
  await callAll(address, 'chat.v1.MediaService', media);
  await callAll(address, 'chat.v1.OperationsService', operations);
  await callAll(address, 'grpc.health.v1.Health', [['Check', { service: 'chat.v1.ChatService' }]]);
}

async function callAll(address: string, service: string, calls: Calls): Promise<void> {
  const client = clientOf(service, address);
  for (const [method, request] of calls) await call(client, method, request).catch((refused: CallRefused) => refused);
  hangUp(client);
}

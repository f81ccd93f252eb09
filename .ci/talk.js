// Talks once to a server that is starting: says something, and waits for the whole reply. Exit code 0 when it came.
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const address = '127.0.0.1:50051';
/** A start on an empty folder takes a second; the rest is for a busy machine. */
const readyMs = 60_000;
const replyMs = 30_000;

const definition = loadSync('chat/v1/chat_service.proto', { includeDirs: ['proto'], longs: Number, oneofs: true });
const { chat } = grpc.loadPackageDefinition(definition);
const client = new chat.v1.ChatService(address, grpc.credentials.createInsecure());

await new Promise((resolve, reject) => {
  client.waitForReady(Date.now() + readyMs, (error) => (error ? reject(error) : resolve()));
});
const call = client.Chat({ deadline: Date.now() + replyMs });
call.write({ hello: { clientId: 'first-visitor', timeZone: 'Europe/Paris', waitForSlot: { seconds: 5 } } });
let replied = false;
for await (const { event } of call) {
  if (event.welcome) call.write({ message: { clientMessageId: 'first', parts: [{ text: 'Good morning!' }] } });
  if (event.rejected) throw new Error(`rejected: ${event.rejected.reason}`);
  if (event.message?.role !== 'ROLE_ASSISTANT' && event.message?.role !== 2) continue;
  console.log(`The server replied: ${event.message.parts.map(({ text }) => text).join(' ')}`);
  replied = true;
  call.write({ goodbye: {} });
}
grpc.Client.prototype.close.call(client); // client.close() is the contract's own call
if (!replied) throw new Error('the stream ended without a reply');

/** What grpc-js alone costs: the same frames and generated code, one answer per message, nothing behind it. */
import * as grpc from '@grpc/grpc-js';
import {
  type ChatRequest,
  type ChatResponse,
  ChatServiceService,
  type ServerEvent,
} from '../../src/gen/chat/v1/chat_service.ts';
import { Message } from '../../src/gen/chat/v1/content.ts';

const noLimits = { sessionId: 's', resumeToken: 't', conversationId: 'c' };

function answer(request: ChatRequest): ServerEvent['event'] | undefined {
  if (request.frame?.$case === 'hello') return { $case: 'welcome', value: noLimits };
  if (request.frame?.$case !== 'message') return undefined;
  const { parts, clientMessageId } = request.frame.value;
  return { $case: 'message', value: Message.fromPartial({ messageId: clientMessageId, parts }) };
}

const server = new grpc.Server();
server.addService({ chat: ChatServiceService.chat } as grpc.ServiceDefinition, {
  chat: (call: grpc.ServerDuplexStream<ChatRequest, ChatResponse>) => {
    call.on('data', (request: ChatRequest) => {
      const event = answer(request);
      if (event === undefined) call.end();
      else call.write({ event: { event } });
    });
    call.on('end', () => call.end());
    call.on('error', () => {});
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(`127.0.0.1:${port}`);
});

import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type {
  DeleteConversationRequest,
  DeleteConversationResponse,
  GetConversationRequest,
  GetConversationResponse,
  ListMessagesRequest,
  ListMessagesResponse,
  RenameConversationRequest,
  RenameConversationResponse,
  SearchMessagesRequest,
  SearchMessagesResponse,
} from '../../gen/chat/v1/history_service.ts';
import { Conversation, HistoryServiceService } from '../../gen/chat/v1/history_service.ts';
import type { ScriptedServer, ScriptedService } from './scripted-server.ts';
import { detailsOf, textOf } from './scripted-server.ts';

/** History of what a scripted server remembers. */
export class ScriptedHistory {
  readonly renamed: RenameConversationRequest[] = [];
  readonly deleted: string[] = [];
  readonly searched: SearchMessagesRequest[] = [];
  readonly listed: ListMessagesRequest[] = [];
  readonly #server: ScriptedServer;

  constructor(server: ScriptedServer) {
    this.#server = server;
  }

  /** HistoryService, but for ListConversations. */
  get service(): ScriptedService {
    return {
      definition: HistoryServiceService,
      implementation: {
        listMessages: (
          { request }: ServerUnaryCall<ListMessagesRequest, ListMessagesResponse>,
          answer: sendUnaryData<ListMessagesResponse>,
        ) => {
          this.listed.push(request);
          const messages = this.#server.messages.filter((one) => one.conversationId === request.conversationId);
          if (request.newestFirst) messages.reverse();
          answer(null, { messages: messages.slice(0, request.pageSize), nextPageToken: '' });
        },
        searchMessages: (
          { request }: ServerUnaryCall<SearchMessagesRequest, SearchMessagesResponse>,
          answer: sendUnaryData<SearchMessagesResponse>,
        ) => {
          this.searched.push(request);
          const messages = this.#server.messages.filter((one) => textOf(one).includes(request.query)).reverse();
          const pieces = [{ text: request.query, found: true }];
          const excerpts = messages.map((one) => ({
            pieces: textOf(one)
              .split(request.query)
              .flatMap((text, index) => [...(index === 0 ? [] : pieces), { text, found: false }]),
          }));
          const conversations = this.renamed
            .filter(({ title }) => title === request.query)
            .map((one) => ({ conversation: Conversation.create(one), title: { pieces } }));
          answer(null, { messages, nextPageToken: '', excerpts, conversations });
        },
        getConversation: (
          { request }: ServerUnaryCall<GetConversationRequest, GetConversationResponse>,
          answer: sendUnaryData<GetConversationResponse>,
        ) => answer(null, { conversation: Conversation.create(request) }),
        renameConversation: (
          { request }: ServerUnaryCall<RenameConversationRequest, RenameConversationResponse>,
          answer: sendUnaryData<RenameConversationResponse>,
        ) => {
          this.renamed.push(request);
          const title = request.title.trim();
          this.#server.change(request.conversationId, title);
          answer(null, { conversation: Conversation.create({ ...request, title }) });
        },
        deleteConversation: (
          { request }: ServerUnaryCall<DeleteConversationRequest, DeleteConversationResponse>,
          answer: sendUnaryData<DeleteConversationResponse>,
        ) => this.#delete(request.conversationId, answer),
      },
    };
  }

  #delete(conversationId: string, answer: sendUnaryData<DeleteConversationResponse>): void {
    const refusal = { code: status.NOT_FOUND, reason: 'NOT_FOUND', detail: 'There is no such conversation.' };
    if (!this.#server.conversations.has(conversationId))
      return answer({ code: refusal.code, details: refusal.detail, metadata: detailsOf(refusal) });
    this.deleted.push(conversationId);
    this.#server.change(conversationId);
    answer(null, {});
  }
}

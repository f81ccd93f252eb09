import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import type { AccessTokens } from './access-tokens.ts';
import { callsOver } from './calls.ts';
import { type Caller, Chat, type ChatOptions } from './chat.ts';
import { AccountService } from './gen/chat/v1/account_service_pb.js';
import type { Message } from './gen/chat/v1/content_pb.js';
import { type Conversation, type ExcerptPiece, HistoryService } from './gen/chat/v1/history_service_pb.js';
import { MediaService } from './gen/chat/v1/media_service_pb.js';
import { OperationsService } from './gen/chat/v1/operations_service_pb.js';
import { textOf } from './message-text.ts';
import type { OutgoingPart } from './outbox.ts';
import { allItems, type ListOptions } from './pages.ts';
import { type MediaSource, mediaPart, type UploadOptions } from './uploads.ts';
import type { Wire, WireConnection } from './wire.ts';

/** Who speaks to which server. */
export interface ParleyOptions {
  /** `grpc(…)` in Node, `grpcWeb(…)` in browsers. */
  readonly wire: Wire;
  /** Stable: a client has one session at a time. Default: whom the access token says. */
  readonly clientId?: string | undefined;
  /** IANA. Default: that of this machine. */
  readonly timeZone?: string | undefined;
  /** The person's own instructions to the model, which chats send with each message. Default: none. */
  readonly instructions?: Caller['instructions'];
  /** Default: calls carry no credentials. */
  readonly tokens?: AccessTokens | undefined;
}

/** Which messages of a conversation. */
export interface MessageListOptions extends ListOptions {
  readonly newestFirst?: boolean | undefined;
  /** History must have caught up with this sequence first. */
  readonly atLeastSequence?: bigint | undefined;
}

/** What a search found: a message, or a conversation whose title has the words; and the text around them. */
export type Found = ({ readonly message: Message } | { readonly conversation: Conversation }) & {
  readonly excerpt: readonly Pick<ExcerptPiece, 'text' | 'found'>[];
};

/**
 * A Parley server, as one client speaks to it. The services' own methods take and give what docs/api.md says, and throw Refusal; `chat` and the lists
 * know more of how the parts of the contract play together.
 */
export class Parley implements Disposable {
  readonly accounts: Client<typeof AccountService>;
  readonly history: Client<typeof HistoryService>;
  readonly media: Client<typeof MediaService>;
  readonly operations: Client<typeof OperationsService>;
  readonly #options: ParleyOptions;
  readonly #connection: WireConnection;
  readonly #transport: Transport;

  constructor(options: ParleyOptions) {
    this.#options = options;
    this.#connection = options.wire.connect();
    this.#transport = callsOver(this.#connection.transport, options.tokens);
    this.accounts = createClient(AccountService, this.#transport);
    this.history = createClient(HistoryService, this.#transport);
    this.media = createClient(MediaService, this.#transport);
    this.operations = createClient(OperationsService, this.#transport);
  }

  /** Another service of the contract, by its generated code: a page that does not use it need not load that. */
  service<Service extends DescService>(service: Service): Client<Service> {
    return createClient(service, this.#transport);
  }

  /** Empty: whom the access token says. */
  get clientId(): string {
    return this.#options.clientId ?? '';
  }

  /**
   * Opens a session, which is kept through lost connections, restarts and take-overs until it is closed.
   * @param signal ends the wait for it
   * @throws Refusal, or the reason of the signal
   */
  async chat(options: ChatOptions = {}, signal?: AbortSignal): Promise<Chat> {
    const chat = this.newChat(options);
    await chat.connect(signal);
    return chat;
  }

  /** The same before its `connect`, for whoever wants to hear of all that comes. */
  newChat(options: ChatOptions = {}): Chat {
    const { wire, tokens, instructions, timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone } = this.#options;
    return new Chat({ wire, tokens, timeZone, instructions, clientId: this.clientId, ...options });
  }

  /** The conversations of the client, newest activity first, fetched page by page. */
  conversations(options: ListOptions = {}): AsyncGenerator<Conversation, void, void> {
    const { clientId } = this;
    return allItems(options, async (page, call) => {
      const { conversations: items, nextPageToken } = await this.history.listConversations({ clientId, ...page }, call);
      return { items, nextPageToken };
    });
  }

  /** The messages of a conversation, fetched page by page. */
  messages(
    conversationId: string,
    { newestFirst = false, atLeastSequence = 0n, ...options }: MessageListOptions = {},
  ): AsyncGenerator<Message, void, void> {
    return allItems(options, async (page, call) => {
      const request = { conversationId, newestFirst, atLeastSequence, ...page };
      const { messages: items, nextPageToken } = await this.history.listMessages(request, call);
      return { items, nextPageToken };
    });
  }

  /** The messages of the client in which all of these words are found, newest first, fetched page by page. */
  search(query: string, options: ListOptions = {}): AsyncGenerator<Message, void, void> {
    const { clientId } = this;
    return allItems(options, async (page, call) => {
      const { messages: items, nextPageToken } = await this.history.searchMessages({ query, clientId, ...page }, call);
      return { items, nextPageToken };
    });
  }

  /** The same with the words marked, after conversations whose titles have them. */
  find(query: string, options: ListOptions = {}): AsyncGenerator<Found, void, void> {
    const { clientId } = this;
    return allItems(options, async (page, call) => {
      const answer = await this.history.searchMessages({ query, clientId, ...page }, call);
      const titles = answer.conversations.flatMap(({ conversation, title }) =>
        conversation === undefined ? [] : [{ conversation, excerpt: title?.pieces ?? [] }],
      );
      // A server of a release before 0.3 marks nothing.
      const messages = answer.messages.map((message, index) => ({
        message,
        excerpt: answer.excerpts[index]?.pieces ?? [{ text: textOf(message), found: false }],
      }));
      return { items: [...titles, ...messages], nextPageToken: answer.nextPageToken };
    });
  }

  /**
   * A medium as a part of a message: a small one holds its bytes, a large one is stored at the server first.
   * @throws MessageRefused when it is too large, Refusal, TransferFailed, or the reason of the signal
   */
  mediaPart(source: MediaSource, options?: UploadOptions): Promise<OutgoingPart> {
    return mediaPart(this.media, this.clientId, source, options);
  }

  /** Ends calls under way. Chats have connections of their own. */
  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

import * as grpc from '@grpc/grpc-js';
import {
  HistoryServiceService,
  ListMessagesRequest,
  ListMessagesResponse,
} from '../../src/gen/chat/v1/history_service.ts';

const { path } = HistoryServiceService.listMessages;

/** A place in a conversation. */
export interface Mark {
  readonly conversationId: string;
  readonly sequence: number;
}

/** Reads history on one connection. */
export class HistoryClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure());
  }

  /** The newest messages of a conversation. Rejects with the status of the call. */
  newest(conversationId: string, pageSize: number, atLeastSequence = 0): Promise<ListMessagesResponse> {
    const request = {
      conversationId,
      pageSize,
      pageToken: '',
      newestFirst: true,
      atLeastSequence: BigInt(atLeastSequence),
    };
    const serialize = (value: ListMessagesRequest) => Buffer.from(ListMessagesRequest.encode(value).finish());
    const deserialize = (bytes: Buffer) => ListMessagesResponse.decode(bytes);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, serialize, deserialize, request, (error, answer) =>
        answer === undefined ? reject(error) : resolve(answer),
      );
    });
  }

  /** Resolves when history holds all the marks. */
  async caughtUp(marks: readonly Mark[]): Promise<void> {
    for (const { conversationId, sequence } of marks) {
      for (let behind = true; behind; ) {
        behind = await this.newest(conversationId, 1, sequence).then(
          () => false,
          (error: grpc.ServiceError) => {
            // NOT_FOUND: the projection has not even come to where the conversation begins.
            if (error.code === grpc.status.UNAVAILABLE || error.code === grpc.status.NOT_FOUND) return true;
            throw error;
          },
        );
      }
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

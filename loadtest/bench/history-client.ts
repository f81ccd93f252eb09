import { status } from '@grpc/grpc-js';
import { HistoryServiceService, type ListMessagesResponse } from '../../src/gen/chat/v1/history_service.ts';
import { GrpcLine } from '../driver/grpc-line.ts';
import { Refusal } from '../driver/refusal.ts';

/** A place in a conversation. */
export interface Mark {
  readonly conversationId: string;
  readonly sequence: number;
}

/** NOT_FOUND: the projection has not even come to where the conversation begins. */
const behindCodes: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.NOT_FOUND]);

/** Reads history on one connection. */
export class HistoryClient implements Disposable {
  readonly #line: GrpcLine;

  constructor(address: string) {
    this.#line = new GrpcLine({ address, readBytesPerSecond: undefined });
  }

  /** The newest messages of a conversation. Rejects with Refusal. */
  newest(conversationId: string, pageSize: number, atLeastSequence = 0): Promise<ListMessagesResponse> {
    return this.#line.call(HistoryServiceService.listMessages, {
      conversationId,
      pageSize,
      pageToken: '',
      newestFirst: true,
      atLeastSequence: BigInt(atLeastSequence),
    });
  }

  /** Resolves when history holds all the marks. */
  async caughtUp(marks: readonly Mark[]): Promise<void> {
    for (const mark of marks) while (!(await this.#holds(mark)));
  }

  [Symbol.dispose](): void {
    this.#line.drop();
  }

  async #holds({ conversationId, sequence }: Mark): Promise<boolean> {
    try {
      await this.newest(conversationId, 1, sequence);
      return true;
    } catch (error) {
      if (error instanceof Refusal && behindCodes.has(error.code)) return false;
      throw error;
    }
  }
}

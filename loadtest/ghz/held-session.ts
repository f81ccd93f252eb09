import { randomUUID } from 'node:crypto';
import { Hello } from '../../src/gen/chat/v1/chat_service.ts';
import { GrpcLine } from '../driver/grpc-line.ts';
import { conversationPage } from '../driver/history.ts';
import type { Event } from '../driver/line.ts';

/** Well within the interval that servers ask for, unless they are set otherwise. */
const heartbeatMs = 5_000;
/** Messages of a client that may be unanswered, by default; with as many replies, a page of 20. */
const pageMessages = 10;

/** A session that is kept open for the calls of others, which need its ids; if it ends too early, they are told. */
export class HeldSession implements AsyncDisposable {
  sessionId = '';
  conversationId = '';
  readonly #line: GrpcLine;
  readonly #ended = Promise.withResolvers<void>();
  #onEvent: (event: Event) => void = () => {};
  #heartbeat: NodeJS.Timeout | undefined;

  private constructor(address: string) {
    this.#line = new GrpcLine({ address });
  }

  /** Resolves at Welcome. Rejects with the Refusal of a client that is not let in. */
  static async open(address: string): Promise<HeldSession> {
    const session = new HeldSession(address);
    await session.#begin();
    return session;
  }

  /** Says things, and resolves when history holds them with their replies. */
  async fillPage(): Promise<void> {
    const last = await this.#sayAll();
    await conversationPage(this.#line, this.conversationId, '', Number(last));
  }

  /** Says goodbye; resolves when the server has ended the stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#line.goodbye();
    await this.#ended.promise;
  }

  #begin(): Promise<void> {
    const hello = Hello.fromPartial({ clientId: `ghz-${randomUUID()}`, timeZone: 'Europe/Paris' });
    return new Promise((resolve, reject) => {
      this.#onEvent = (event) => {
        if (event.$case !== 'welcome') return;
        ({ sessionId: this.sessionId, conversationId: this.conversationId } = event.value);
        this.#heartbeat = setInterval(() => this.#line.ping(), heartbeatMs);
        resolve();
      };
      this.#line.begin(hello, {
        onEvent: (event) => this.#onEvent(event),
        onEnd: (refusal) => {
          clearInterval(this.#heartbeat);
          this.#ended.resolve();
          reject(refusal ?? new Error('the server ended a session before it began'));
        },
      });
    });
  }

  /** Resolves with the sequence of the last reply. */
  #sayAll(): Promise<bigint> {
    return new Promise((resolve, reject) => {
      let left = pageMessages;
      this.#onEvent = (event) => {
        if (event.$case === 'message') left -= 1;
        if (event.$case === 'message' && left === 0) resolve(event.value.sequence);
        if (event.$case === 'rejected') reject(new Error(`a message was rejected: ${event.value.reason}`));
      };
      void this.#ended.promise.then(() => reject(new Error('a session ended before all was answered')));
      for (let index = 0; index < pageMessages; index += 1) {
        const parts = [{ value: { $case: 'text' as const, value: 'Tell me something about the sea.' } }];
        this.#line.say({ clientMessageId: `m${index}`, parts });
      }
    });
  }
}

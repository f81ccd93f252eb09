import { randomUUID } from 'node:crypto';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { LiveEvent } from '../../ports/live-bus.ts';
import { askAgainMs, draftsWaitMs, maxRequests } from './limits.ts';
import { answersSubject } from './subjects.ts';

type Handler = (event: LiveEvent) => void;

interface Request {
  readonly conversationId: string;
  readonly askedMs: number;
  /** Each once, however often it has asked. */
  readonly handlers: Set<Handler>;
  readonly timer: NodeJS.Timeout;
}

export interface DraftRequestsDeps {
  readonly prefix: string;
  /** Sends a request, to be answered to this subject. */
  readonly ask: (conversationId: string, answerTo: string) => void;
  /** What came, if it can be read. */
  readonly read: (bytes: Uint8Array) => LiveEvent | undefined;
  readonly tell: (handlers: Iterable<Handler>, event: LiveEvent) => void;
}

/**
 * Draft requests of this process, and their waiters.
 *
 * One request in flight serves all of its conversation: its response is newer than anything its waiters have received (a worker's messages keep their
 * order), and a session that has missed a piece asks again with each further one.
 */
export class DraftRequests {
  readonly #deps: DraftRequestsDeps;
  readonly #answers: string;
  readonly #requests = new Map<string, Request>();
  /** The number of each conversation's request that nobody has answered yet. */
  readonly #unanswered = new Map<string, string>();
  #asked = 0;

  constructor(deps: DraftRequestsDeps) {
    this.#deps = deps;
    this.#answers = answersSubject(deps.prefix, randomUUID());
  }

  /** To be called with each new connection. */
  subscribe(connection: NatsConnection): void {
    connection.subscribe(`${this.#answers}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message);
      },
    });
  }

  ask(conversationId: string, handler: Handler): void {
    const open = this.#requests.get(this.#unanswered.get(conversationId) ?? '');
    if (open !== undefined && performance.now() - open.askedMs < askAgainMs) {
      open.handlers.add(handler);
      return;
    }
    // The asker hears no less than if the bus had lost its request.
    if (this.#requests.size >= maxRequests) return;
    this.#asked += 1;
    const number = String(this.#asked);
    const timer = setTimeout(() => this.#end(number), draftsWaitMs).unref();
    this.#requests.set(number, { conversationId, askedMs: performance.now(), handlers: new Set([handler]), timer });
    this.#unanswered.set(conversationId, number);
    this.#deps.ask(conversationId, `${this.#answers}.${number}`);
  }

  close(): void {
    for (const number of this.#requests.keys()) this.#end(number);
  }

  #answered({ subject, data, headers }: Msg): void {
    const number = subject.slice(this.#answers.length + 1);
    const request = this.#requests.get(number);
    if (request === undefined) return;
    // The server's "no responders" message.
    if (headers?.code === 503) return this.#end(number);
    this.#answeredOnce(request.conversationId, number);
    const event = this.#deps.read(data);
    if (event !== undefined) this.#deps.tell(request.handlers, event);
  }

  #end(number: string): void {
    const request = this.#requests.get(number);
    if (request === undefined) return;
    clearTimeout(request.timer);
    this.#requests.delete(number);
    this.#answeredOnce(request.conversationId, number);
  }

  #answeredOnce(conversationId: string, number: string): void {
    if (this.#unanswered.get(conversationId) === number) this.#unanswered.delete(conversationId);
  }
}

import type { LiveBus, LiveEvent } from '../../../ports/live-bus.ts';

type Handler = (event: LiveEvent) => void;
type DraftServer = (conversationId: string) => readonly LiveEvent[];

/** Each its own, even if two have the same handler. */
interface Subscription {
  readonly handler: Handler;
}

/** The live bus within one process: handlers are called at once, in the order of subscribing, whatever handle they came by. */
export class InProcessBusServer {
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  readonly #draftServers = new Set<{ readonly answer: DraftServer }>();

  /** How many subscriptions and servers of drafts there are, of all handles. */
  get size(): number {
    let size = this.#draftServers.size;
    for (const subscribed of this.#subscriptions.values()) size += subscribed.size;
    return size;
  }

  /** Dispose ends its subscriptions and its service, and drops further messages; other handles are not affected. */
  handle(): LiveBus {
    const stops = new Set<() => void>();
    let isClosed = false;
    const stoppable = (end: () => void) => {
      const stop = () => {
        if (stops.delete(stop)) end();
      };
      stops.add(stop);
      if (isClosed) stop();
      return stop;
    };
    return {
      publish: (conversationId, event) => {
        if (!isClosed) this.#publish(conversationId, event);
      },
      subscribe: (conversationId, handler) => stoppable(this.#subscribe(conversationId, handler)),
      requestDrafts: (conversationId, handler) => {
        if (isClosed) return;
        for (const { answer } of this.#draftServers) for (const event of answer(conversationId)) handler(event);
      },
      serveDrafts: (answer) => {
        const server = { answer };
        this.#draftServers.add(server);
        return stoppable(() => this.#draftServers.delete(server));
      },
      async [Symbol.asyncDispose]() {
        isClosed = true;
        for (const stop of [...stops]) stop();
      },
    };
  }

  #publish(conversationId: string, event: LiveEvent): void {
    for (const { handler } of this.#subscriptions.get(conversationId) ?? []) handler(event);
  }

  #subscribe(conversationId: string, handler: Handler): () => void {
    const subscription = { handler };
    const subscribed = this.#subscriptions.get(conversationId) ?? new Set();
    this.#subscriptions.set(conversationId, subscribed.add(subscription));
    return () => {
      subscribed.delete(subscription);
      if (subscribed.size === 0) this.#subscriptions.delete(conversationId);
    };
  }
}

/** The live bus of a process that has all of it to itself. */
export function inProcessBus(): LiveBus {
  return new InProcessBusServer().handle();
}

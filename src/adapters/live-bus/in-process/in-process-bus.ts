import type { LiveBus, LiveEvent } from '../../../ports/live-bus.ts';

type Handler = (event: LiveEvent) => void;
type DraftServer = (conversationId: string) => readonly LiveEvent[];

/** The live bus of one process: handlers are called at once, in the order of subscribing. */
export function inProcessBus(): LiveBus {
  const handlers = new Map<string, Set<Handler>>();
  const draftServers = new Set<DraftServer>();
  return {
    publish(conversationId, event) {
      for (const handler of handlers.get(conversationId) ?? []) handler(event);
    },
    subscribe(conversationId, handler) {
      const subscribed = handlers.get(conversationId) ?? new Set();
      handlers.set(conversationId, subscribed.add(handler));
      return () => {
        if (subscribed.delete(handler) && subscribed.size === 0) handlers.delete(conversationId);
      };
    },
    requestDrafts(conversationId, handler) {
      for (const answer of draftServers) for (const event of answer(conversationId)) handler(event);
    },
    serveDrafts(answer) {
      draftServers.add(answer);
      return () => draftServers.delete(answer);
    },
    async [Symbol.asyncDispose]() {
      handlers.clear();
      draftServers.clear();
    },
  };
}

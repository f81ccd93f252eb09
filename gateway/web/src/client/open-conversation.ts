import { computed, type ReadonlySignal } from '@preact/signals';
import type { ConversationSummary, OpenConversation } from './app.ts';
import { type Calls, orRefusal } from './calls.ts';
import type { Conversation } from './conversation.ts';
import { saidPrefix } from './transcript.ts';
import type { Visit } from './visit.ts';

export interface OpenConversationDeps {
  readonly open: ReadonlySignal<Conversation>;
  /** undefined: nobody is signed in. */
  readonly visit: ReadonlySignal<Visit | undefined>;
  readonly items: ReadonlySignal<readonly ConversationSummary[]>;
  readonly calls: Calls;
}

/** The conversation that is shown, whichever it is. */
export function createOpenConversation({ open, visit, items, calls }: OpenConversationDeps): OpenConversation {
  const id = computed(() => open.value.id.value);
  return {
    id,
    title: computed(() => items.value.find(({ conversationId }) => conversationId === id.value)?.title ?? ''),
    entries: computed(() => open.value.transcript.entries.value),
    hasOlder: computed(() => open.value.hasOlder.value),
    isLoadingOlder: computed(() => open.value.isLoadingOlder.value),
    trouble: computed(() => open.value.trouble.value),
    notice: computed(() => open.value.notice.value),
    dismissNotice() {
      open.peek().notice.value = undefined;
    },
    async loadOlder() {
      await visit.peek()?.pages.loadOlder(open.peek());
    },
    stop: async (messageId) => visit.peek()?.stopReply(messageId),
    retry: (key) => visit.peek()?.outbox.retry(idOf(key)),
    sendAgain: (key) => visit.peek()?.sendAgain(open.peek(), key),
    discard: (key) => visit.peek()?.outbox.discard(idOf(key)),
    async renewUrl(mediaId) {
      let url: string | undefined;
      await orRefusal(
        calls.media.getMedia({ mediaId }).then(({ media }) => {
          url = media?.url;
        }),
      );
      return url;
    },
    onReply(listener) {
      // Who is signed in may change; who listens need not know.
      let stop: (() => void) | undefined;
      const stopWatching = visit.subscribe((now) => {
        stop?.();
        stop = now?.dialogue.onReply(listener);
      });
      return () => {
        stopWatching();
        stop?.();
      };
    },
  };
}

function idOf(key: string): string {
  return key.startsWith(saidPrefix) ? key.slice(saidPrefix.length) : '';
}

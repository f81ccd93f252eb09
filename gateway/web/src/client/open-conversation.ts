import { computed, type ReadonlySignal } from '@preact/signals';
import type { ConversationSummary, OpenConversation } from './app.ts';
import { type Calls, orRefusal } from './calls.ts';
import type { Conversation } from './conversation.ts';
import type { SignedInSession } from './signed-in-session.ts';
import { saidPrefix } from './transcript.ts';

export interface OpenConversationDeps {
  readonly open: ReadonlySignal<Conversation>;
  /** undefined: nobody is signed in. */
  readonly signedIn: ReadonlySignal<SignedInSession | undefined>;
  readonly items: ReadonlySignal<readonly ConversationSummary[]>;
  readonly calls: Calls;
}

/** The conversation that is shown, whichever it is. */
export function createOpenConversation({ open, signedIn, items, calls }: OpenConversationDeps): OpenConversation {
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
      await signedIn.peek()?.pages.loadOlder(open.peek());
    },
    stop: async (messageId) => signedIn.peek()?.stopReply(messageId),
    retry: (key) => signedIn.peek()?.outbox.retry(idOf(key)),
    sendAgain: (key) => signedIn.peek()?.sendAgain(open.peek(), key),
    discard: (key) => signedIn.peek()?.outbox.discard(idOf(key)),
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
      const stopWatching = signedIn.subscribe((now) => {
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

export function idOf(key: string): string {
  return key.startsWith(saidPrefix) ? key.slice(saidPrefix.length) : '';
}

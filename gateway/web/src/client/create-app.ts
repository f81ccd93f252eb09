import { computed, effect, untracked } from '@preact/signals';
import type { AccessTokens } from '../../../../src/client/access-tokens.ts';
import { grpcWeb } from '../../../../src/client/grpc-web.ts';
import type { App, Connection, ConversationList } from './app.ts';
import { browserPage } from './browser-page.ts';
import { Calls } from './calls.ts';
import { createComposer } from './composer.ts';
import { JsonStorage } from './json-storage.ts';
import { Notifications } from './notifications.ts';
import { createOpenConversation } from './open-conversation.ts';
import { createOperatorCommands } from './operator-commands.ts';
import type { Page } from './page.ts';
import { Reception } from './reception.ts';
import { refusal } from './refusals.ts';
import { SignInDesk } from './sign-in.ts';
import { Visit } from './visit.ts';

/** What the app runs in. */
export interface AppOptions {
  /** Default: the browser's. */
  readonly page?: Page;
}

/** An app that can be ended, as a page is that is closed. */
export interface RunningApp extends App {
  close(): Promise<void>;
}

/** The client behind the page. It begins to connect at once. */
export function createApp({ page = browserPage() }: AppOptions = {}): RunningApp {
  const kept = new JsonStorage(page.store, 'parley.');
  const ofClient = (clientId: string) => kept.within('of').within(clientId);
  const returning = new Notifications();
  const stopReturning = page.onChange(() => {
    if (page.isOnline()) returning.ring();
  });
  const tokens: AccessTokens = {
    fresh: () => operatorCommands.fresh(),
    instead: (refused) => operatorCommands.instead(refused),
  };
  const wire = grpcWeb(page.apiUrl);
  const calls = new Calls(wire, tokens);
  const closed = Promise.withResolvers<void>();
  const tabId = page.isSecure ? nameTab(page.locks, closed.promise) : '';
  const common = { calls, page };
  const reception: Reception = new Reception(
    (clientId) =>
      new Visit({ ...common, wire, tokens, tabId, kept: ofClient(clientId), clientId: operatorCommands.wireClientId }),
  );
  const { visit, open } = reception;
  const operatorCommands: SignInDesk = new SignInDesk({
    ...common,
    kept,
    returning,
    async onSigningOut(clientId) {
      await visit.peek()?.stop();
      ofClient(clientId).clear();
    },
  });
  const stopReceiving = page.isSecure ? receiveWhoeverComes(operatorCommands, reception) : undefined;
  const limits = computed(() => visit.value?.limits.value);
  const conversations = createConversationList(reception);
  const operator = createOperatorCommands(calls, operatorCommands.state);
  return {
    signIn: operatorCommands,
    connection: computed(() => visit.value?.connection.value ?? (page.isSecure ? nobody : insecure)),
    connect: () => visit.peek()?.connect(),
    limits,
    conversations,
    conversation: createOpenConversation({ open, visit, items: conversations.items, calls }),
    composer: createComposer({
      open,
      limits,
      drafts: () => visit.peek()?.drafts,
      mayPost: computed(() => visit.value !== undefined),
      onWriting: () => visit.peek()?.wake(),
      post: (conversation) => visit.peek()?.post(conversation),
    }),
    operator,
    async close() {
      stopReceiving?.();
      stopReturning();
      operator.stop();
      operatorCommands.stop();
      await visit.peek()?.stop();
      closed.resolve();
    },
  };
}

const nobody: Connection = { kind: 'none' };
/** Browsers keep locks and hashes from a page that anybody on the way could have changed: without them it does not work. */
const insecure: Connection = { kind: 'refused', refusal: refusal('INSECURE_PAGE') };

/** A lock that this page holds as long as it lives tells the other tabs that it does. */
function nameTab(locks: LockManager, closed: Promise<void>): string {
  const tabId = `parley.tab.${crypto.randomUUID()}`;
  void locks.request(tabId, () => closed);
  return tabId;
}

function receiveWhoeverComes(operatorCommands: SignInDesk, reception: Reception): () => void {
  return effect(() => {
    const state = operatorCommands.state.value;
    untracked(() => reception.receive(state));
  });
}

function createConversationList(reception: Reception): ConversationList {
  const { visit } = reception;
  return {
    items: computed(() => visit.value?.list.items.value ?? []),
    isLoading: computed(() => visit.value?.list.isLoading.value ?? false),
    hasMore: computed(() => visit.value?.list.hasMore.value ?? false),
    trouble: computed(() => visit.value?.list.trouble.value),
    found: computed(() => visit.value?.list.found.value),
    async loadMore() {
      await visit.peek()?.list.loadMore();
    },
    async search(query) {
      await visit.peek()?.list.search(query);
    },
    rename: async (conversationId, title) => visit.peek()?.list.rename(conversationId, title),
    async delete(conversationId) {
      const why = await visit.peek()?.list.delete(conversationId);
      if (why === undefined) visit.peek()?.leave(conversationId);
      return why;
    },
    open: (conversationId) => reception.turnTo(conversationId),
    startNew: () => reception.turnTo(''),
  };
}

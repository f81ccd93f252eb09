import { computed, effect, type ReadonlySignal, untracked } from '@preact/signals';
import type { AccessTokens } from '../../../../src/client/access-tokens.ts';
import { grpcWeb } from '../../../../src/client/grpc-web.ts';
import { Parley } from '../../../../src/client/parley.ts';
import type { App, Composer, Connection, ConversationList, Limits } from './app.ts';
import { AppShell } from './app-shell.ts';
import { browserPage } from './browser-page.ts';
import { Calls } from './calls.ts';
import { createComposer } from './composer.ts';
import { JsonStorage } from './json-storage.ts';
import { Notifications } from './notifications.ts';
import { createOpenConversation, idOf } from './open-conversation.ts';
import { createOperatorCommands } from './operator-commands.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';
import { createSettings } from './settings.ts';
import { SignInCommands } from './sign-in.ts';
import { SignedInSession } from './signed-in-session.ts';

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
  const storage = new JsonStorage(page.store, 'parley.');
  const ofClient = (clientId: string) => storage.within('of').within(clientId);
  const returning = new Notifications();
  const stopReturning = page.onChange(() => {
    if (page.isOnline()) returning.ring();
  });
  const tokens: AccessTokens = {
    fresh: () => signIn.fresh(),
    instead: (refused) => signIn.instead(refused),
  };
  const wire = grpcWeb(page.apiUrl);
  const calls = new Calls(wire, tokens);
  const closed = Promise.withResolvers<void>();
  const tabId = page.isSecure ? nameTab(page.locks, closed.promise) : '';
  const common = { calls, page };
  const settings = createSettings({
    page,
    storage,
    storageOfClient: () => signedIn.peek()?.storage,
    newParley: () => new Parley({ wire, tokens, clientId: signIn.wireClientId }),
  });
  const appShell: AppShell = new AppShell(
    (clientId) =>
      new SignedInSession({
        ...common,
        wire,
        tokens,
        tabId,
        storage: ofClient(clientId),
        clientId: signIn.wireClientId,
        timeZone: settings.timeZone,
      }),
  );
  const { signedIn, open } = appShell;
  const signIn: SignInCommands = new SignInCommands({
    ...common,
    storage,
    returning,
    async onSigningOut(clientId) {
      await signedIn.peek()?.stop();
      ofClient(clientId).clear();
    },
  });
  const stopFollowing = page.isSecure ? followSignIn(signIn, appShell) : undefined;
  const limits = computed(() => signedIn.value?.limits.value);
  const conversations = createConversationList(appShell);
  const operator = createOperatorCommands(calls, signIn.state);
  return {
    signIn: signIn,
    connection: computed(() => signedIn.value?.connection.value ?? (page.isSecure ? nobody : insecure)),
    connect: () => signedIn.peek()?.connect(),
    limits,
    conversations,
    conversation: createOpenConversation({ open, signedIn, items: conversations.items, calls }),
    composer: newComposer(appShell, limits, page),
    settings,
    operator,
    async close() {
      settings.stop();
      stopFollowing?.();
      stopReturning();
      operator.stop();
      signIn.stop();
      await signedIn.peek()?.stop();
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

function followSignIn(signIn: SignInCommands, appShell: AppShell): () => void {
  return effect(() => {
    const state = signIn.state.value;
    untracked(() => appShell.receive(state));
  });
}

function newComposer({ signedIn, open }: AppShell, limits: ReadonlySignal<Limits | undefined>, page: Page): Composer {
  return createComposer({
    open,
    limits,
    drafts: () => signedIn.peek()?.drafts,
    mayPost: computed(() => signedIn.value !== undefined),
    onWriting: () => signedIn.peek()?.wake(),
    post: (conversation) => signedIn.peek()?.post(conversation),
    takeBack: (key) => signedIn.peek()?.outbox.takeBack(idOf(key)),
    canShow: (file) => page.canShow(file),
  });
}

function createConversationList(appShell: AppShell): ConversationList {
  const { signedIn } = appShell;
  return {
    items: computed(() => signedIn.value?.list.items.value ?? []),
    isLoading: computed(() => signedIn.value?.list.isLoading.value ?? false),
    hasMore: computed(() => signedIn.value?.list.hasMore.value ?? false),
    trouble: computed(() => signedIn.value?.list.trouble.value),
    found: computed(() => signedIn.value?.list.found.value),
    async loadMore() {
      await signedIn.peek()?.list.loadMore();
    },
    async search(query) {
      await signedIn.peek()?.list.search(query);
    },
    rename: async (conversationId, title) => signedIn.peek()?.list.rename(conversationId, title),
    async delete(conversationId) {
      const why = await signedIn.peek()?.list.delete(conversationId);
      if (why === undefined) signedIn.peek()?.leave(conversationId);
      return why;
    },
    open: (conversationId) => appShell.turnTo(conversationId),
    startNew: () => appShell.turnTo(''),
  };
}

import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals';
import type { App } from '../../client/app.ts';
import { hashOf, type Route, routeAfter, routeOf } from './route.ts';

/** The page's route, and how to end following it. */
export interface Navigation {
  readonly route: ReadonlySignal<Route>;
  end(): void;
}

/**
 * Ties the address to the open conversation. People follow links, so the address leads; where the conversation turns by itself (a new one is
 * begun, a deleted one is left), the address follows without a step in the browser's history.
 */
export function followAddress(app: App): Navigation {
  const route = signal(routeOf(location.hash));
  const turn = () => {
    route.value = routeOf(location.hash);
  };
  addEventListener('hashchange', turn);

  const endOpening = effect(() => {
    const wanted = route.value;
    if (app.signIn.state.value.kind === 'in') untracked(() => openConversation(app, wanted));
  });

  let lastId = app.conversation.id.peek();
  const hasWords = computed(() => app.conversation.entries.value.length > 0);
  const endNaming = effect(() => {
    const id = app.conversation.id.value;
    const next = routeAfter(route.peek(), { id, lastId, hasWords: hasWords.value });
    lastId = id;
    if (next === undefined) return;
    history.replaceState(history.state, '', hashOf(next));
    route.value = next;
  });

  return {
    route,
    end() {
      removeEventListener('hashchange', turn);
      endOpening();
      endNaming();
    },
  };
}

function openConversation(app: App, wanted: Route): void {
  const id = app.conversation.id.value;
  if (wanted.kind === 'conversation' && wanted.conversationId !== id) app.conversations.open(wanted.conversationId);
  if (wanted.kind === 'new' && id !== '') app.conversations.startNew();
}

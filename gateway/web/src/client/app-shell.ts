import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { SignInState } from './app.ts';
import { Conversation } from './conversation.ts';
import type { SignedInSession } from './signed-in-session.ts';

/** Gives whoever comes in a session of their own, and ends it when they go. */
export class AppShell {
  /** The conversation that is shown; while nobody is in, one in which nothing can be said. */
  readonly open: ReadonlySignal<Conversation>;
  readonly #signedIn = signal<SignedInSession | undefined>(undefined);
  readonly #newSession: (clientId: string) => SignedInSession;
  readonly #blank = new Conversation();
  /** What was asked for before anybody was in. */
  #first = '';

  constructor(newSession: (clientId: string) => SignedInSession) {
    this.#newSession = newSession;
    this.open = computed(() => this.#signedIn.value?.dialogue.open.value ?? this.#blank);
  }

  /** undefined: nobody is in. */
  get signedIn(): ReadonlySignal<SignedInSession | undefined> {
    return this.#signedIn;
  }

  /** Somebody has come, or gone. */
  receive(state: SignInState): void {
    void this.#signedIn.peek()?.stop();
    const signedIn = state.kind === 'in' ? this.#newSession(state.clientId) : undefined;
    if (signedIn !== undefined) {
      signedIn.open(this.#first);
      signedIn.adopt(this.#blank.draftText.peek());
    }
    this.#first = '';
    this.#blank.draftText.value = '';
    this.#signedIn.value = signedIn;
  }

  /** Turns to a conversation, at once or as soon as somebody is in; '': a new one. */
  turnTo(conversationId: string): void {
    const signedIn = this.#signedIn.peek();
    if (signedIn === undefined) this.#first = conversationId;
    else signedIn.open(conversationId);
  }
}

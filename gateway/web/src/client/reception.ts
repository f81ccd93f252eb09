import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { SignInState } from './app.ts';
import { Conversation } from './conversation.ts';
import type { Visit } from './visit.ts';

/** Gives whoever comes in a visit of their own, and ends it when they go. */
export class Reception {
  /** The conversation that is shown; while nobody is in, one in which nothing can be said. */
  readonly open: ReadonlySignal<Conversation>;
  readonly #visit = signal<Visit | undefined>(undefined);
  readonly #newVisit: (clientId: string) => Visit;
  readonly #blank = new Conversation();
  /** What was asked for before anybody was in. */
  #first = '';

  constructor(newVisit: (clientId: string) => Visit) {
    this.#newVisit = newVisit;
    this.open = computed(() => this.#visit.value?.dialogue.open.value ?? this.#blank);
  }

  /** undefined: nobody is in. */
  get visit(): ReadonlySignal<Visit | undefined> {
    return this.#visit;
  }

  /** Somebody has come, or gone. */
  receive(state: SignInState): void {
    void this.#visit.peek()?.stop();
    const visit = state.kind === 'in' ? this.#newVisit(state.clientId) : undefined;
    if (visit !== undefined) {
      visit.open(this.#first);
      visit.adopt(this.#blank.draftText.peek());
    }
    this.#first = '';
    this.#blank.draftText.value = '';
    this.#visit.value = visit;
  }

  /** Turns to a conversation, at once or as soon as somebody is in; '': a new one. */
  turnTo(conversationId: string): void {
    const visit = this.#visit.peek();
    if (visit === undefined) this.#first = conversationId;
    else visit.open(conversationId);
  }
}

import { effect } from '@preact/signals';
import type { Connection, Entry, ShownMessage } from '../app.ts';
import { createApp, type RunningApp } from '../create-app.ts';
import { MemoryStorage } from '../memory-storage.ts';
import { newLocks, TestPage } from './test-page.ts';

/** A guard against hanging, on a machine that does other things as well. */
const timeoutMs = 30_000;

/** One tab with the app in it. */
export interface Tab extends AsyncDisposable {
  readonly app: RunningApp;
  readonly page: TestPage;
}

/** A browser that a test drives: its tabs share what is stored, and are closed with it. */
export class TestBrowser implements AsyncDisposable {
  readonly #apiUrl: string;
  readonly #store = new MemoryStorage();
  readonly #locks = newLocks();
  readonly #tabs: Tab[] = [];

  constructor(server: { readonly httpAddress: string }) {
    this.#apiUrl = `http://${server.httpAddress}`;
  }

  /** @param stored what it finds, as the browser's store has it */
  openTab(stored: Readonly<Record<string, string>> = {}): Tab {
    for (const [key, value] of Object.entries(stored)) this.#store.setItem(key, value);
    const page = new TestPage(this.#apiUrl, this.#store, this.#locks);
    const app = createApp({ page });
    const tab = { app, page, [Symbol.asyncDispose]: () => app.close() };
    this.#tabs.push(tab);
    return tab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#tabs.map((tab) => tab[Symbol.asyncDispose]()));
  }
}

/** Resolves with what the signals say as soon as that is what the test waits for. */
export function until<T>(ask: () => T, isIt: (answer: T) => boolean = Boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    let last: T;
    let stop: (() => void) | undefined;
    const timer = setTimeout(() => {
      stop?.();
      reject(new Error(`not within ${timeoutMs} ms; last: ${JSON.stringify(last)}`));
    }, timeoutMs);
    stop = effect(() => {
      last = ask();
      if (!isIt(last)) return;
      clearTimeout(timer);
      queueMicrotask(() => stop?.());
      resolve(last);
    });
  });
}

/** Waits until the session stands so. */
export function untilConnection<K extends Connection['kind']>(
  { app }: Tab,
  kind: K,
): Promise<Extract<Connection, { readonly kind: K }>> {
  return until(
    () => app.connection.value,
    (now) => now.kind === kind,
  ) as Promise<Extract<Connection, { kind: K }>>;
}

/** What is shown of the conversation that is open; inside `until`, as it changes. */
export function shown({ app }: Tab): readonly ShownMessage[] {
  return app.conversation.entries.value.map(({ message }: Entry) => message.value);
}

export function textOf({ parts }: ShownMessage): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** Writes and sends, as soon as that can be done. */
export async function say(tab: Tab, text: string): Promise<void> {
  const { composer } = tab.app;
  composer.setText(text);
  await until(() => composer.canSend.value);
  composer.send();
}

/** The reply to the message of this text, once it has this status. */
export async function reply(
  tab: Tab,
  text: string,
  status: ShownMessage['status'] = 'completed',
): Promise<ShownMessage> {
  const found = () => {
    const question = shown(tab).find((message) => message.role === 'user' && textOf(message) === text);
    return shown(tab).find((message) => message.replyToMessageId === question?.messageId && message.status === status);
  };
  return (await until(found, (one) => one !== undefined)) as ShownMessage;
}

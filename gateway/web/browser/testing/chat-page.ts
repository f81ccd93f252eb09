import type { Locator, Page } from 'playwright-core';
import { eventually } from '../../../../src/testing/test-sessions.ts';
import { type Visitor, waitTimeoutMs } from './visitor.ts';

/** The page as somebody uses it: found by what they see, or what a screen reader says. */
export class ChatPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(visitor: Visitor, path = ''): Promise<ChatPage> {
    return new ChatPage(await visitor.openPage(path));
  }

  /** Opened, and in a session. */
  static async connected(visitor: Visitor, path = ''): Promise<ChatPage> {
    const chat = await ChatPage.open(visitor, path);
    await chat.is('connected');
    return chat;
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }

  get messages(): Locator {
    return this.page.getByRole('region', { name: 'Messages' });
  }

  /** What was said here, oldest first. */
  get questions(): Locator {
    return this.messages.getByRole('article', { name: /^You, / });
  }

  /** Replies, oldest first. */
  get replies(): Locator {
    return this.messages.getByRole('article', { name: /^Assistant, / });
  }

  /** Replies that are whole. */
  get completeReplies(): Locator {
    return this.replies.and(this.page.locator('[data-status="completed"]'));
  }

  get connection(): Locator {
    return this.page.getByRole('status', { name: 'Connection' });
  }

  /** The notice above the composer. */
  get notice(): Locator {
    return this.page.getByRole('region', { name: 'Session' });
  }

  get alert(): Locator {
    return this.page.getByRole('alert');
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  dialog(name: string | RegExp): Locator {
    return this.page.getByRole('dialog', { name });
  }

  conversation(title: string): Locator {
    return this.page.getByRole('list', { name: 'Conversations' }).getByRole('link', { name: title, exact: true });
  }

  /** Resolves when the connection is in one of these states, as `data-kind` has it. */
  async is(...kinds: readonly string[]): Promise<void> {
    await eventually(
      () => this.connection.getAttribute('data-kind'),
      (kind) => kinds.includes(kind ?? ''),
      waitTimeoutMs,
    );
  }

  /** Writes it and presses Enter. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Says it, and waits for the next whole reply. */
  async ask(text: string): Promise<Locator> {
    const index = await this.replies.count();
    await this.say(text);
    return this.wholeReply(index);
  }

  /** The reply of this index once it is whole. */
  async wholeReply(index: number): Promise<Locator> {
    const reply = this.replies.nth(index);
    await eventually(
      async () => ((await reply.count()) === 0 ? 'none' : await reply.getAttribute('data-status')),
      (status) => status === 'completed',
      2 * waitTimeoutMs,
    );
    return reply;
  }

  /** Waits until the newest reply has these words. */
  async sees(words: string): Promise<void> {
    await this.replies.last().getByText(words).first().waitFor();
  }

  /** Of the conversation in the address bar; waits until it has one. */
  conversationId(): Promise<string> {
    return eventually(
      async () => /#\/c\/([\w-]+)/.exec(this.page.url())?.[1] ?? '',
      (id) => id !== '',
      waitTimeoutMs,
    );
  }
}

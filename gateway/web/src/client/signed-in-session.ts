import { type ReadonlySignal, signal } from '@preact/signals';
import type { AccessTokens } from '../../../../src/client/access-tokens.ts';
import { Chat } from '../../../../src/client/chat.ts';
import { reconnectDelayMs } from '../../../../src/client/reconnect.ts';
import { blobSource, storeMedia } from '../../../../src/client/uploads.ts';
import type { Wire } from '../../../../src/client/wire.ts';
import type { Connection, Limits, Refusal } from './app.ts';
import type { Calls } from './calls.ts';
import { Drafts } from './composer.ts';
import { Conversation } from './conversation.ts';
import { ConversationListing } from './conversation-list.ts';
import { Dialogue } from './dialogue.ts';
import { HistoryPages } from './history-pages.ts';
import type { JsonStorage } from './json-storage.ts';
import { type FileWithBytes, Outbox, type WireLimits } from './outbox.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';
import { Session, storedResumeToken } from './session.ts';
import { storedInstructions } from './settings.ts';
import { wireKinds } from './shown-parts.ts';

export interface SignedInDeps {
  readonly calls: Calls;
  readonly wire: Wire;
  readonly tokens: AccessTokens;
  readonly page: Page;
  /** Of this client. */
  readonly storage: JsonStorage;
  /** '' where the token says who it is. */
  readonly clientId: string;
  readonly tabId: string;
  /** IANA name; '': that of the page. */
  readonly timeZone: ReadonlySignal<string>;
}

/** Longer than any server lets wait: each has its own cap, after which the page stands in line again. */
const waitForSlotMs = 3_600_000;

/** Titles are the first words said, until the server has its own. */
const maxTitleLength = 80;

/** Everything that belongs to one client as long as they are signed in. */
export class SignedInSession {
  readonly list: ConversationListing;
  readonly dialogue: Dialogue;
  readonly drafts: Drafts;
  readonly pages: HistoryPages;
  readonly outbox: Outbox;
  readonly limits = signal<Limits | undefined>(undefined);
  readonly #deps: SignedInDeps;
  readonly #chat: Chat;
  readonly #session: Session;
  readonly #stopFollowing: () => void;
  readonly #wireLimits = Promise.withResolvers<WireLimits>();

  constructor(deps: SignedInDeps) {
    const { calls, storage, clientId, tabId } = deps;
    this.#deps = deps;
    this.list = new ConversationListing(calls, clientId);
    this.drafts = new Drafts(storage.within('draft'));
    this.pages = new HistoryPages(calls);
    const first = new Conversation(this.#blankId, true);
    this.#chat = this.#newChat(first);
    this.outbox = new Outbox({
      storage: storage.within('unsent'),
      tabId,
      limits: () => this.#wireLimits.promise,
      store: (...file) => this.#store(...file),
      send: ({ place }, parts, options) => this.#chat.send(parts, { ...options, conversation: place }),
      renew: (conversation) => this.dialogue.renew(conversation),
    });
    this.dialogue = new Dialogue(
      {
        chat: this.#chat,
        pages: this.pages,
        onNews: (conversation, at) => this.#news(conversation, at),
        onNamed: (conversation) => this.#named(conversation),
        onRenamed: (conversation, title) => this.list.renamed(conversation.id.peek(), title),
        onDeleted: (conversation) => this.#deleted(conversation),
      },
      first,
    );
    this.adopt(this.drafts.read(this.dialogue.open.peek()));
    this.#session = this.#newSession();
    this.#stopFollowing = this.#followTimeZone();
    void this.#restore();
    void this.list.loadMore();
  }

  /** What this browser keeps of them. */
  get storage(): JsonStorage {
    return this.#deps.storage;
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#session.connection;
  }

  /** Opens the session in this tab, at once. */
  connect(): void {
    this.#session.connect();
  }

  /** Something will be said soon. */
  wake(): void {
    this.#chat.wake();
  }

  /** Stops the reply to this user message. @returns why it cannot be */
  stopReply(messageId: string): Refusal | undefined {
    return this.#chat.stopReply(messageId) ? undefined : refusal('NETWORK', true);
  }

  /** Turns to a conversation; '': a new one. */
  open(conversationId: string): void {
    const current = this.dialogue.open.peek();
    if (conversationId === '' ? current.isBlank : current.id.peek() === conversationId) return;
    const next = conversationId === '' ? this.#blank() : this.dialogue.conversationOf(conversationId);
    if (next.draftText.peek() === '') next.draftText.value = this.drafts.read(next);
    this.dialogue.turnTo(next);
  }

  /** What was written before it was known who is there. */
  adopt(text: string): void {
    const conversation = this.dialogue.open.peek();
    if (text === '' || conversation.draftText.peek() !== '') return;
    conversation.draftText.value = text;
    this.drafts.write(conversation, text);
  }

  /** What is in the composer goes into the conversation. */
  post(conversation: Conversation): void {
    this.outbox.add(conversation, conversation.draftText.peek().trim(), conversation.chosen.peek());
    conversation.notice.value = undefined;
    if (this.#blankId === conversation.id.peek()) this.#deps.storage.remove('blank');
    this.wake();
  }

  /** Sends the content of this message as a new one. */
  sendAgain(conversation: Conversation, key: string): void {
    const entry = conversation.transcript.entries.peek().find((candidate) => candidate.key === key);
    if (entry === undefined) return;
    this.outbox.repeat(conversation, entry.message.peek().parts);
    this.wake();
  }

  /** It was deleted. */
  leave(conversationId: string): void {
    const conversation = this.dialogue.conversationOf(conversationId);
    this.dialogue.forget(conversation);
    this.outbox.discardAllOf(conversation);
    this.drafts.write(conversation, '');
    if (this.#blankId === conversationId) this.#deps.storage.remove('blank');
    if (this.dialogue.open.peek() === conversation) this.open('');
  }

  /** Ends the session; what is kept stays kept. */
  async stop(): Promise<void> {
    this.#stopFollowing();
    this.list.stop();
    this.outbox.stop();
    await this.#session.stop();
  }

  #newChat({ place }: Conversation): Chat {
    const { wire, tokens, clientId, storage, page, timeZone } = this.#deps;
    return new Chat({
      wire,
      tokens,
      clientId,
      timeZone: () => timeZone.peek() || page.timeZone,
      instructions: () => storedInstructions(storage),
      conversation: place,
      catchUp: (asked) => this.dialogue.catchUp(asked),
      resumeToken: () => storedResumeToken(storage),
      waitForSlotMs,
      persistent: true,
      random: () => page.random(),
    });
  }

  #newSession(): Session {
    return new Session({
      ...this.#deps,
      chat: this.#chat,
      lockName: this.#deps.storage.keyOf('session'),
      hasUnsent: () => this.outbox.hasUnsent,
      awaitsReply: () => this.dialogue.awaitsReply,
      onHold: () => void this.#restore(),
      onWelcome: () => this.#learn(),
    });
  }

  /** A session has the time zone with which it began: with another one, it is taken over by itself. */
  #followTimeZone(): () => void {
    let known = this.#deps.timeZone.peek();
    return this.#deps.timeZone.subscribe((now) => {
      if (now !== known) this.#chat.dropConnection();
      known = now;
    });
  }

  /** However long the server or its store are away. */
  #store(file: FileWithBytes, onProgress: (done: number) => void, signal: AbortSignal): Promise<string> {
    const { calls, clientId, page } = this.#deps;
    const source = blobSource(file.bytes, wireKinds[file.kind], file.contentType, undefined, page.put);
    return storeMedia(calls.media, clientId, source, {
      signal,
      onProgress: (doneBytes) => onProgress(doneBytes / file.sizeBytes),
      waitsMs: endlessWaitsMs(() => page.random()),
    });
  }

  #learn(): void {
    const { limits } = this.#chat;
    // Only now is history sure to have what was said before, by a page that was reloaded or while there was no session.
    void this.list.refresh();
    if (limits === undefined) return;
    this.limits.value = { ...limits, maxMediaBytes: Number(limits.maxMediaBytes) };
    this.#wireLimits.resolve(limits);
  }

  /** Takes up what was left unsent by pages that are no more: each that lives holds a lock of its name. */
  async #restore(): Promise<void> {
    const { held = [] } = await this.#deps.page.locks.query();
    const alive = new Set(held.map(({ name }) => name));
    this.outbox.restore(
      (id) => this.dialogue.conversationOf(id),
      (tabId) => alive.has(tabId),
    );
  }

  /** The server makes a conversation for every session that asks for none: one in which nothing was said yet is used again. */
  #blank(): Conversation {
    return this.#blankId === '' ? new Conversation() : this.dialogue.conversationOf(this.#blankId, true);
  }

  get #blankId(): string {
    const stored = this.#deps.storage.read('blank');
    return typeof stored === 'string' ? stored : '';
  }

  #named(conversation: Conversation): void {
    this.drafts.rename(conversation);
    this.outbox.keep(conversation);
    if (conversation.transcript.entries.peek().length === 0) this.#deps.storage.write('blank', conversation.id.peek());
  }

  /** Unless it was asked for here: whoever is in it goes on in a new one, with what they were writing. */
  #deleted(conversation: Conversation): void {
    if (!this.list.deleted(conversation.id.peek())) return;
    const isOpen = this.dialogue.open.peek() === conversation;
    const text = conversation.draftText.peek();
    const chosen = conversation.chosen.peek();
    this.leave(conversation.id.peek());
    if (!isOpen) return;
    const next = this.dialogue.open.peek();
    next.notice.value = refusal('CONVERSATION_DELETED');
    this.adopt(text);
    if (next.chosen.peek().length === 0) next.chosen.value = chosen;
  }

  #news(conversation: Conversation, at: Date): void {
    const [first] = conversation.transcript.entries.peek();
    const words = first?.message.peek().parts.find((part) => part.kind === 'text');
    const title = words?.kind === 'text' ? words.text.slice(0, maxTitleLength) : '';
    this.list.touch(conversation.id.peek(), title, at);
  }
}

function* endlessWaitsMs(random: () => number): Generator<number> {
  for (let failures = 1; ; failures += 1) yield reconnectDelayMs(failures, undefined, random());
}

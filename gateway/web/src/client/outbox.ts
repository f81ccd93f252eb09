import { isOfConversation } from '../../../../src/client/dialogue.ts';
import type { SessionLimits } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import type { OutgoingPart } from '../../../../src/client/outbox.ts';
import { refusalOf } from '../../../../src/client/refusal.ts';
import { fileNameToSend } from '../../../../src/client/uploads.ts';
import type { Refusal, ShownPart } from './app.ts';
import { shownRefusal } from './calls.ts';
import type { ChosenFile, Conversation } from './conversation.ts';
import type { JsonStorage } from './json-storage.ts';
import { refusal } from './refusals.ts';
import { type MediaKind, wireKinds } from './shown-parts.ts';

/** Of a frame, for everything in a message that is neither its text nor its media. */
const frameSlackBytes = 64 * 1024;

/** What decides how a message goes out: from Welcome, in bytes. */
export type WireLimits = Pick<SessionLimits, 'maxTextBytes' | 'maxInlineBytes' | 'maxFrameBytes'>;

/** A file of a message; without bytes where they did not survive a reload. */
export interface OutgoingFile {
  readonly kind: MediaKind;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** '': none. */
  readonly fileName: string;
  readonly url: string;
  readonly bytes: Blob | undefined;
  /** Once it is stored at the server. */
  mediaId: string;
}

/** One that has its bytes. */
export type FileWithBytes = OutgoingFile & { readonly bytes: Blob };

/** A message on its way: from when it is said until it is in the log. */
interface Outgoing {
  readonly clientMessageId: string;
  readonly conversation: Conversation;
  readonly text: string;
  readonly files: readonly OutgoingFile[];
  readonly at: Date;
  /** Of its files some must be stored first; it may be sent; the chat has it; or the server would not have it. */
  state: 'storing' | 'ready' | 'sending' | 'refused';
  /** Once it is ready. */
  parts: readonly OutgoingPart[];
  readonly discarded: AbortController;
}

/** What an outbox needs of what is around it. */
export interface OutboxDeps {
  readonly storage: JsonStorage;
  /** This page, among the tabs that keep messages. */
  readonly tabId: string;
  /** Resolves when they are known. */
  readonly limits: () => Promise<WireLimits>;
  /** Stores a file at the server, however long that takes. @returns its media id @throws when the server will not take it */
  readonly store: (file: FileWithBytes, onProgress: (done: number) => void, signal: AbortSignal) => Promise<string>;
  /** Sends a message until it is in the log. @throws Refusal when the server will not have it, or the signal's reason */
  readonly send: (
    conversation: Conversation,
    parts: readonly OutgoingPart[],
    options: { readonly clientMessageId: string; readonly signal: AbortSignal },
  ) => Promise<unknown>;
  /** Whether another conversation is as good as this one, which is not there. */
  readonly renew: (conversation: Conversation) => boolean;
}

interface StoredMessage {
  readonly conversationId: string;
  readonly text: string;
  readonly files: readonly Pick<OutgoingFile, 'kind' | 'contentType' | 'sizeBytes' | 'fileName' | 'mediaId'>[];
  readonly atMs: number;
  readonly tabId: string;
}

/**
 * What was said here and is not known to be in the log, in order. It is kept until then under the id that it was first sent with, so that
 * after a crash it is sent again and said once. Beside what a chat keeps of a message, it keeps that of which files are still to be stored, that
 * which was refused and may be tried again, and which tab has it.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #messages = new Map<string, Outgoing>();

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Anything that is not refused. */
  get hasUnsent(): boolean {
    return [...this.#messages.values()].some(({ state }) => state !== 'refused');
  }

  /** Says something: it stands in the conversation from now on. */
  add(conversation: Conversation, text: string, chosen: readonly ChosenFile[]): void {
    const files = chosen.map(({ kind, contentType, sizeBytes, fileName, previewUrl: url, bytes }) => ({
      kind,
      contentType,
      sizeBytes,
      fileName: fileNameToSend(fileName),
      url,
      bytes,
      mediaId: '',
    }));
    this.#take({ ...newOutgoing(crypto.randomUUID(), conversation, text, new Date()), files });
  }

  /** Says the same once more, as a new message. What is stored at the server already is not sent again. */
  repeat(conversation: Conversation, parts: readonly ShownPart[]): void {
    const text = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
    const files = parts.flatMap((part): OutgoingFile[] => {
      if (part.kind === 'text') return [];
      const { kind, contentType, sizeBytes, fileName, mediaId, bytes } = part;
      // One of its own: it is revoked when this message is discarded.
      const url = bytes === undefined ? part.url : URL.createObjectURL(bytes);
      return [{ kind, contentType, sizeBytes, fileName, url, bytes, mediaId }];
    });
    this.#take({ ...newOutgoing(crypto.randomUUID(), conversation, text, new Date()), files });
  }

  /** Takes up what pages left that are no more. @param conversationOf finds it by its id @param isAlive whether a tab keeps its messages itself */
  restore(conversationOf: (id: string) => Conversation, isAlive: (tabId: string) => boolean): void {
    const { storage, tabId } = this.#deps;
    const left = storage.names().flatMap((name) => {
      const message = asStored(storage.read(name));
      return message === undefined || message.tabId === tabId || isAlive(message.tabId) || this.#messages.has(name)
        ? []
        : [{ name, message }];
    });
    for (const { name, message } of left.toSorted((one, other) => one.message.atMs - other.message.atMs)) {
      const { conversationId, text, atMs } = message;
      const outgoing = newOutgoing(name, conversationOf(conversationId), text, new Date(atMs));
      const files = message.files.map((file) => ({ ...withoutName, ...file, url: '', bytes: undefined }));
      this.#take({ ...outgoing, files });
    }
  }

  /** Sends again, under the same id, what was refused. */
  retry(clientMessageId: string): void {
    const message = this.#messages.get(clientMessageId);
    if (message?.state !== 'refused') return;
    // Those without bytes were lost; the words go alone.
    const files = message.files.filter(({ bytes, mediaId }) => bytes !== undefined || mediaId !== '');
    if (files.length === 0 && message.text === '') return;
    this.#messages.delete(clientMessageId);
    message.conversation.transcript.change(clientMessageId, { status: 'sending', refusal: undefined });
    this.#take({ ...message, files });
  }

  /** Takes back what was refused or not sent yet. */
  discard(clientMessageId: string): void {
    const message = this.#messages.get(clientMessageId);
    if (message === undefined) return;
    this.#settle(message);
    message.discarded.abort();
    message.conversation.transcript.discard(clientMessageId);
    for (const { url } of message.files) URL.revokeObjectURL(url);
    this.#handOver(message.conversation);
  }

  /** Takes back what was refused, so that it can be changed. undefined: there is no such message. */
  takeBack(clientMessageId: string): Pick<Outgoing, 'text' | 'files'> | undefined {
    const message = this.#messages.get(clientMessageId);
    this.discard(clientMessageId);
    return message;
  }

  /** It is gone, and nobody looks at it. */
  discardAllOf(conversation: Conversation): void {
    const all = [...this.#messages.values()].filter((message) => message.conversation === conversation);
    for (const { clientMessageId } of all) this.discard(clientMessageId);
  }

  /** The server has named a conversation, or something else changed that is kept. */
  keep(conversation: Conversation): void {
    for (const message of this.#messages.values()) if (message.conversation === conversation) this.#keep(message);
  }

  /** Ends what is under way; what is kept stays kept. */
  stop(): void {
    // What may have been sent is not taken back.
    for (const { state, discarded } of this.#messages.values()) if (state === 'storing') discarded.abort();
    this.#messages.clear();
  }

  #take(message: Outgoing): void {
    const { clientMessageId, conversation, files, at } = message;
    this.#messages.set(clientMessageId, message);
    this.#keep(message);
    conversation.transcript.say(clientMessageId, shown(message), at);
    if (files.some(({ bytes, mediaId }) => bytes === undefined && mediaId === ''))
      return this.#refuse(message, refusal('ATTACHMENTS_LOST', message.text !== ''));
    message.state = 'storing';
    void this.#prepare(message);
  }

  /** Stores the files that are too large to go in a frame. */
  async #prepare(message: Outgoing): Promise<void> {
    const { files, conversation } = message;
    try {
      if (files.some(({ mediaId }) => mediaId === '')) await this.#store(message);
      message.parts = await partsOf(message);
      if (this.#isUnderWay(message)) message.state = 'ready';
    } catch (error) {
      if (this.#isUnderWay(message)) this.#refuse(message, shownRefusal(error));
    }
    this.#handOver(conversation);
  }

  async #store(message: Outgoing): Promise<void> {
    const { files, discarded } = message;
    for (const file of toStore(files, await this.#deps.limits())) {
      const progress = (done: number) => this.#progress(message, file, done);
      file.mediaId = await this.#deps.store(file, progress, discarded.signal);
      if (this.#isUnderWay(message)) this.#keep(message);
    }
    this.#progress(message);
  }

  /** Sends what is ready, in order: one whose files take their time holds up what was said behind it, and no other conversation. */
  #handOver(conversation: Conversation): void {
    for (const message of [...this.#messages.values()]) {
      if (message.conversation !== conversation) continue;
      if (message.state === 'storing') return;
      if (message.state === 'ready') void this.#send(message);
    }
  }

  async #send(message: Outgoing): Promise<void> {
    const { clientMessageId, conversation, discarded, parts } = message;
    if (conversation.isGone) return this.#refuse(message, conversation.trouble.peek() ?? refusal('NOT_FOUND'));
    message.state = 'sending';
    try {
      await this.#deps.send(conversation, parts, { clientMessageId, signal: discarded.signal });
      if (this.#isUnderWay(message)) this.#settle(message);
    } catch (error) {
      if (!this.#isUnderWay(message)) return;
      if (isOfConversation(refusalOf(error)) && this.#deps.renew(conversation)) return this.#send(message);
      this.#refuse(message, shownRefusal(error));
    }
  }

  #isUnderWay(message: Outgoing): boolean {
    return this.#messages.get(message.clientMessageId) === message;
  }

  /** It is in the log, or taken back. */
  #settle({ clientMessageId }: Outgoing): void {
    this.#messages.delete(clientMessageId);
    this.#deps.storage.remove(clientMessageId);
  }

  /** The server will not have it. */
  #refuse(message: Outgoing, why: Refusal): void {
    if (why.reason === 'MEDIA_NOT_FOUND') for (const file of message.files) file.mediaId = '';
    message.state = 'refused';
    message.conversation.transcript.change(message.clientMessageId, {
      status: 'unsent',
      refusal: why,
      parts: shown(message),
    });
  }

  #progress(message: Outgoing, file?: OutgoingFile, progress?: number): void {
    message.conversation.transcript.change(message.clientMessageId, { parts: shown(message, file, progress) });
  }

  #keep({ clientMessageId, conversation, text, files, at }: Outgoing): void {
    const message: StoredMessage = {
      conversationId: conversation.id.peek(),
      text,
      files: files.map(({ kind, contentType, sizeBytes, fileName, mediaId }) => ({
        kind,
        contentType,
        sizeBytes,
        fileName,
        mediaId,
      })),
      atMs: at.getTime(),
      tabId: this.#deps.tabId,
    };
    this.#deps.storage.write(clientMessageId, message);
  }
}

/** As an earlier release stored files. */
const withoutName = { fileName: '' };

function newOutgoing(
  clientMessageId: string,
  conversation: Conversation,
  text: string,
  at: Date,
): Omit<Outgoing, 'files'> {
  return {
    clientMessageId,
    conversation,
    text,
    at,
    state: 'storing',
    parts: [],
    discarded: new AbortController(),
  };
}

/** All but those that fit into the frame, each within its own limit. */
function toStore(files: readonly OutgoingFile[], limits: WireLimits): FileWithBytes[] {
  let leftBytes = limits.maxFrameBytes - limits.maxTextBytes - frameSlackBytes;
  return files.filter((file): file is FileWithBytes => {
    if (file.mediaId !== '' || file.bytes === undefined) return false;
    if (file.sizeBytes > Math.min(limits.maxInlineBytes, leftBytes)) return true;
    leftBytes -= file.sizeBytes;
    return false;
  });
}

function shown({ text, files }: Outgoing, moving?: OutgoingFile, progress?: number): readonly ShownPart[] {
  const media = files.map((file): ShownPart => {
    const { kind, url, mediaId, contentType, sizeBytes, fileName, bytes } = file;
    return {
      kind,
      url,
      mediaId,
      contentType,
      sizeBytes,
      fileName,
      ...(bytes === undefined ? {} : { bytes }),
      ...(file === moving && progress !== undefined ? { progress } : {}),
    };
  });
  return text === '' ? media : [{ kind: 'text', text }, ...media];
}

/** The message as it goes over the wire. */
async function partsOf({ text, files }: Outgoing): Promise<OutgoingPart[]> {
  const media = await Promise.all(
    files.map(async ({ kind, contentType, fileName, mediaId, bytes }): Promise<OutgoingPart> => {
      const isInline = mediaId === '' && bytes !== undefined;
      const content = isInline ? { inlineData: new Uint8Array(await bytes.arrayBuffer()) } : { mediaId };
      return { value: { case: 'media', value: { kind: wireKinds[kind], contentType, fileName, ...content } } };
    }),
  );
  return text === '' ? media : [{ value: { case: 'text', value: text } }, ...media];
}

/** undefined for what is not one. */
function asStored(value: unknown): StoredMessage | undefined {
  const { conversationId, text, files, atMs, tabId } = Object(value);
  const isOne =
    typeof conversationId === 'string' &&
    typeof text === 'string' &&
    Array.isArray(files) &&
    Number.isFinite(atMs) &&
    typeof tabId === 'string';
  return isOne ? { conversationId, text, files, atMs, tabId } : undefined;
}

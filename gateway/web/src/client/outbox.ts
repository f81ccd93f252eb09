import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutgoingMessageSchema } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import type { Refusal, ShownPart } from './app.ts';
import { CallFailed, failure } from './calls.ts';
import type { ChosenFile, Conversation } from './conversation.ts';
import type { Kept } from './kept.ts';
import { refusal } from './refusals.ts';
import { type MediaKind, wireKinds } from './shown-parts.ts';

/** Of a frame, for everything in a message that is neither its text nor its media. */
const frameSlackBytes = 64 * 1024;

/** What decides how a message goes out: from Welcome, in bytes. */
export interface WireLimits {
  readonly maxTextBytes: number;
  readonly maxInlineBytes: number;
  readonly maxMediaBytes: number;
  readonly maxFrameBytes: number;
}

/** A file of a message; without bytes where they did not survive a reload. */
export interface OutgoingFile {
  readonly kind: MediaKind;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly url: string;
  readonly bytes: Blob | undefined;
  /** Once it is stored at the server. */
  mediaId: string;
}

/** A message on its way: from when it is said until it is in the log. */
export interface Outgoing {
  readonly clientMessageId: string;
  readonly conversation: Conversation;
  readonly text: string;
  readonly files: readonly OutgoingFile[];
  readonly at: Date;
  /** Of its files some must be stored first; it may be sent; or the server would not have it. */
  state: 'storing' | 'ready' | 'refused';
  /** By `performance.now()`: the server asked for so much patience. */
  notBeforeMs: number;
  readonly discarded: AbortController;
}

/** What an outbox needs of what is around it. */
export interface OutboxDeps {
  readonly kept: Kept;
  /** This page, among the tabs that keep messages. */
  readonly tabId: string;
  /** Resolves when they are known. */
  readonly limits: () => Promise<WireLimits>;
  /** Rejects with CallFailed. */
  readonly store: (
    file: OutgoingFile & { readonly bytes: Blob },
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ) => Promise<string>;
  /** Something may be sent now. */
  readonly onReady: () => void;
}

interface KeptMessage {
  readonly conversationId: string;
  readonly text: string;
  readonly files: readonly Pick<OutgoingFile, 'kind' | 'contentType' | 'sizeBytes' | 'mediaId'>[];
  readonly atMs: number;
  readonly tabId: string;
}

/**
 * What was said here and is not known to be in the log, in order. It is kept until then under the id that it was first sent with, so that
 * after a crash it is sent again and said once.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #messages = new Map<string, Outgoing>();

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Anything that is not refused. */
  get hasUnsent(): boolean {
    return this.#heads().length > 0;
  }

  /** Says something: it stands in the conversation from now on. */
  add(conversation: Conversation, text: string, chosen: readonly ChosenFile[]): void {
    const files = chosen.map(({ kind, contentType, sizeBytes, previewUrl: url, bytes }) => ({
      kind,
      contentType,
      sizeBytes,
      url,
      bytes,
      mediaId: '',
    }));
    this.#take({ ...newOutgoing(crypto.randomUUID(), conversation, text, new Date()), files });
  }

  /** Takes up what pages left that are no more. @param conversationOf finds it by its id @param isAlive whether a tab keeps its messages itself */
  restore(conversationOf: (id: string) => Conversation, isAlive: (tabId: string) => boolean): void {
    const { kept, tabId } = this.#deps;
    const left = kept.names().flatMap((name) => {
      const message = asKept(kept.read(name));
      return message === undefined || message.tabId === tabId || isAlive(message.tabId) || this.#messages.has(name)
        ? []
        : [{ name, message }];
    });
    for (const { name, message } of left.toSorted((one, other) => one.message.atMs - other.message.atMs)) {
      const { conversationId, text, atMs } = message;
      const outgoing = newOutgoing(name, conversationOf(conversationId), text, new Date(atMs));
      const files = message.files.map((file) => ({ ...file, url: '', bytes: undefined }));
      this.#take({ ...outgoing, files });
    }
  }

  /** The message to send next; undefined when there is none, or all must wait. */
  next(): Outgoing | undefined {
    const nowMs = performance.now();
    return this.#heads().find(({ state, notBeforeMs }) => state === 'ready' && notBeforeMs <= nowMs);
  }

  /** Milliseconds until `next` may have one; Infinity: not by time alone. */
  get nextInMs(): number {
    const ready = this.#heads().filter(({ state }) => state === 'ready');
    return Math.max(0, Math.min(...ready.map(({ notBeforeMs }) => notBeforeMs)) - performance.now());
  }

  /** The message as it goes over the wire. Rejects with CallFailed when a file of it can no longer be read. */
  async toWire({ clientMessageId, text, files }: Outgoing): Promise<MessageInitShape<typeof OutgoingMessageSchema>> {
    const media = await Promise.all(
      files.map(async ({ kind, contentType, mediaId, bytes }) => {
        const inlineData = mediaId === '' && bytes !== undefined ? await bytesOf(bytes) : undefined;
        const value = { kind: wireKinds[kind], contentType, mediaId, inlineData };
        return { value: { case: 'media' as const, value } };
      }),
    );
    const words = text === '' ? [] : [{ value: { case: 'text' as const, value: text } }];
    return { clientMessageId, parts: [...words, ...media] };
  }

  /** It is in the log, however that became known. */
  settle(clientMessageId: string): void {
    this.#messages.delete(clientMessageId);
    this.#deps.kept.remove(clientMessageId);
  }

  /** The server will not have it now: it is kept, and sent again after the delay. */
  postpone(message: Outgoing, delayMs: number): void {
    message.notBeforeMs = performance.now() + delayMs;
  }

  /** The server will not have it. */
  refuse(message: Outgoing, why: Refusal): void {
    if (why.reason === 'MEDIA_NOT_FOUND') for (const file of message.files) file.mediaId = '';
    message.state = 'refused';
    message.conversation.transcript.change(message.clientMessageId, {
      status: 'unsent',
      refusal: why,
      parts: shown(message),
    });
  }

  /** There is no such conversation for us. */
  refuseAllOf(conversation: Conversation, why: Refusal): void {
    for (const message of this.#messages.values()) {
      if (message.conversation === conversation && message.state !== 'refused') this.refuse(message, why);
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
    this.#take({ ...message, files, notBeforeMs: 0 });
  }

  /** Takes back what was refused or not sent yet. */
  discard(clientMessageId: string): void {
    const message = this.#messages.get(clientMessageId);
    if (message === undefined) return;
    message.discarded.abort();
    message.conversation.transcript.discard(clientMessageId);
    for (const { url } of message.files) URL.revokeObjectURL(url);
    this.settle(clientMessageId);
  }

  /** It is gone, and nobody looks at it. */
  discardAllOf(conversation: Conversation): void {
    const ids = [...this.#messages.values()].filter((message) => message.conversation === conversation);
    for (const { clientMessageId } of ids) this.discard(clientMessageId);
  }

  /** The server has named a conversation, or something else changed that is kept. */
  keep(conversation: Conversation): void {
    for (const message of this.#messages.values()) if (message.conversation === conversation) this.#keep(message);
  }

  /** Ends everything that is under way; what is kept stays kept. */
  stop(): void {
    for (const message of this.#messages.values()) message.discarded.abort();
    this.#messages.clear();
  }

  /** Of each conversation the first that is to be sent: none overtakes another, but one that waits keeps up no other conversation. */
  #heads(): Outgoing[] {
    const heads = new Map<Conversation, Outgoing>();
    for (const message of this.#messages.values()) {
      if (message.state !== 'refused' && !heads.has(message.conversation)) heads.set(message.conversation, message);
    }
    return [...heads.values()];
  }

  #take(message: Outgoing): void {
    const { clientMessageId, conversation, files, at } = message;
    this.#messages.set(clientMessageId, message);
    this.#keep(message);
    conversation.transcript.say(clientMessageId, shown(message), at);
    if (files.some(({ bytes, mediaId }) => bytes === undefined && mediaId === ''))
      return this.refuse(message, refusal('ATTACHMENTS_LOST', message.text !== ''));
    if (files.every(({ mediaId }) => mediaId !== '')) {
      message.state = 'ready';
      return this.#deps.onReady();
    }
    message.state = 'storing';
    void this.#store(message);
  }

  /** Stores the files that are too large to go in a frame. */
  async #store(message: Outgoing): Promise<void> {
    const { signal } = message.discarded;
    try {
      const limits = await this.#deps.limits();
      for (const file of toStore(message.files, limits)) {
        file.mediaId = await this.#deps.store(file, (done) => this.#progress(message, file, done), signal);
        this.#keep(message);
      }
      if (signal.aborted) return;
      message.state = 'ready';
      this.#progress(message);
      this.#deps.onReady();
    } catch (error) {
      if (!signal.aborted) this.refuse(message, failure(error).refusal);
    }
  }

  #progress(message: Outgoing, file?: OutgoingFile, progress?: number): void {
    message.conversation.transcript.change(message.clientMessageId, { parts: shown(message, file, progress) });
  }

  #keep({ clientMessageId, conversation, text, files, at }: Outgoing): void {
    const message: KeptMessage = {
      conversationId: conversation.id.peek(),
      text,
      files: files.map(({ kind, contentType, sizeBytes, mediaId }) => ({ kind, contentType, sizeBytes, mediaId })),
      atMs: at.getTime(),
      tabId: this.#deps.tabId,
    };
    this.#deps.kept.write(clientMessageId, message);
  }
}

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
    notBeforeMs: 0,
    discarded: new AbortController(),
  };
}

/** All but those that fit into the frame, each within its own limit. */
function toStore(files: readonly OutgoingFile[], limits: WireLimits): (OutgoingFile & { readonly bytes: Blob })[] {
  let leftBytes = limits.maxFrameBytes - limits.maxTextBytes - frameSlackBytes;
  return files.filter((file): file is OutgoingFile & { readonly bytes: Blob } => {
    if (file.mediaId !== '' || file.bytes === undefined) return false;
    if (file.sizeBytes > Math.min(limits.maxInlineBytes, leftBytes)) return true;
    leftBytes -= file.sizeBytes;
    return false;
  });
}

function shown({ text, files }: Outgoing, moving?: OutgoingFile, progress?: number): readonly ShownPart[] {
  const media = files.map((file): ShownPart => {
    const { kind, url, mediaId, contentType, sizeBytes } = file;
    return {
      kind,
      url,
      mediaId,
      contentType,
      sizeBytes,
      ...(file === moving && progress !== undefined ? { progress } : {}),
    };
  });
  return text === '' ? media : [{ kind: 'text', text }, ...media];
}

/** All of a file. Rejects with CallFailed when it was changed or removed since it was chosen. */
export async function bytesOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    if (error instanceof DOMException) throw new CallFailed(refusal('ATTACHMENTS_LOST'));
    throw error;
  }
}

/** undefined for what is not one. */
function asKept(value: unknown): KeptMessage | undefined {
  const { conversationId, text, files, atMs, tabId } = Object(value);
  const isOne =
    typeof conversationId === 'string' &&
    typeof text === 'string' &&
    Array.isArray(files) &&
    Number.isFinite(atMs) &&
    typeof tabId === 'string';
  return isOne ? { conversationId, text, files, atMs, tabId } : undefined;
}

import { computed, type ReadonlySignal } from '@preact/signals';
import type { Attachment, Composer, Limits, Refusal } from './app.ts';
import type { ChosenFile, Conversation } from './conversation.ts';
import type { JsonStorage } from './json-storage.ts';
import { examined } from './media-check.ts';
import type { Outbox } from './outbox.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';

/** A message has 16 parts at most; one is for the words. */
const maxFiles = 15;

export interface ComposerDeps {
  readonly open: ReadonlySignal<Conversation>;
  readonly limits: ReadonlySignal<Limits | undefined>;
  /** undefined: nobody is in. */
  readonly drafts: () => Drafts | undefined;
  /** Something is being written. */
  readonly onWriting: () => void;
  /** Who says it is known. */
  readonly mayPost: ReadonlySignal<boolean>;
  readonly post: (conversation: Conversation) => void;
  /** Takes back the unsent message of this entry; undefined: there is none. */
  readonly takeBack: (key: string) => ReturnType<Outbox['takeBack']>;
  readonly canShow: Page['canShow'];
}

/** Texts that are being written, kept for each conversation until they are sent. */
export class Drafts {
  readonly #storage: JsonStorage;

  constructor(storage: JsonStorage) {
    this.#storage = storage;
  }

  read(conversation: Conversation): string {
    const text = this.#storage.read(nameOf(conversation));
    return typeof text === 'string' ? text : '';
  }

  write(conversation: Conversation, text: string): void {
    if (text === '') this.#storage.remove(nameOf(conversation));
    else this.#storage.write(nameOf(conversation), text);
  }

  /** The conversation got its name. */
  rename(conversation: Conversation): void {
    this.#storage.remove('new');
    this.write(conversation, conversation.draftText.peek());
  }
}

function nameOf(conversation: Conversation): string {
  return conversation.id.peek() || 'new';
}

/** What is being written in the conversation that is open. */
export function createComposer(deps: ComposerDeps): Composer {
  const { open, limits, drafts, onWriting, mayPost, post } = deps;
  const text = computed(() => open.value.draftText.value);
  const attachments = computed((): readonly Attachment[] => open.value.chosen.value);
  const problem = computed(() => problemOf(text.value, limits.value));
  const canSend = computed(
    () => mayPost.value && problem.value === undefined && (text.value.trim() !== '' || attachments.value.length > 0),
  );
  const setText = (written: string) => {
    const conversation = open.peek();
    conversation.draftText.value = written;
    drafts()?.write(conversation, written);
    if (written !== '') onWriting();
  };
  return {
    text,
    attachments,
    problem,
    canSend,
    setText,
    async attach(file) {
      const conversation = open.peek();
      const found = examined(file, limits.peek());
      if ('reason' in found) return found;
      if (found.kind === 'image' && !(await deps.canShow(file))) return refusal('MEDIA_MISMATCH');
      if (conversation.chosen.peek().length >= maxFiles) return refusal('TOO_MANY_PARTS');
      const chosen = { ...found, key: crypto.randomUUID(), bytes: file, previewUrl: URL.createObjectURL(file) };
      conversation.chosen.value = [...conversation.chosen.peek(), chosen];
      onWriting();
      return undefined;
    },
    detach(key) {
      const { chosen } = open.peek();
      const gone = chosen.peek().find((one) => one.key === key);
      if (gone !== undefined) URL.revokeObjectURL(gone.previewUrl);
      chosen.value = chosen.peek().filter((one) => one !== gone);
    },
    edit(key) {
      const { text: said, files } = deps.takeBack(key) ?? { text: '', files: [] };
      const { draftText, chosen } = open.peek();
      setText([draftText.peek(), said].filter((words) => words !== '').join('\n'));
      const back = files.flatMap(({ bytes, kind, contentType, sizeBytes, fileName }): ChosenFile[] => {
        if (bytes === undefined) return [];
        const shown = { name: fileName || kind, key: crypto.randomUUID(), previewUrl: URL.createObjectURL(bytes) };
        return [{ ...shown, bytes, kind, contentType, sizeBytes, fileName }];
      });
      chosen.value = [...chosen.peek(), ...back];
    },
    send() {
      if (!canSend.peek()) return;
      const conversation = open.peek();
      post(conversation);
      conversation.draftText.value = '';
      conversation.chosen.value = [];
      drafts()?.write(conversation, '');
    },
  };
}

const encoder = new TextEncoder();

function problemOf(text: string, limits: Limits | undefined): Refusal | undefined {
  // Each UTF-16 unit is at most three bytes: most texts need not be encoded to be found short enough.
  if (limits === undefined || text.length * 3 <= limits.maxTextBytes) return undefined;
  const bytes = encoder.encode(text).length;
  if (bytes <= limits.maxTextBytes) return undefined;
  const told = refusal('TEXT_TOO_LONG');
  const percent = Math.ceil((bytes / limits.maxTextBytes - 1) * 100);
  return { ...told, advice: `Send it in parts: it is ${percent} % longer than a message can be.` };
}

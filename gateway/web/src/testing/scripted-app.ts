import { type Signal, signal } from '@preact/signals';
import type {
  ActiveConnection,
  App,
  Attachment,
  Connection,
  ConversationSummary,
  Entry,
  FoundMessage,
  Limits,
  Refusal,
  ShownMessage,
  ShownPart,
  SignInState,
  Step,
  Usage,
} from '../client/app.ts';

/** An App without a server, for looking at the views: what it shows is told to it. */
export interface ScriptedApp extends App {
  readonly script: Script;
}

/** The signals that may be written, and what was done. */
export interface Script {
  readonly signInState: Signal<SignInState>;
  readonly connection: Signal<Connection>;
  readonly entries: Signal<readonly Entry[]>;
  readonly items: Signal<readonly ConversationSummary[]>;
  readonly usage: Signal<Usage | undefined>;
  readonly trouble: Signal<Refusal | undefined>;
  readonly attachments: Signal<readonly Attachment[]>;
  readonly hasOlder: Signal<boolean>;
  /** Calls made, "open c-2" and the like. */
  readonly calls: string[];
  say(message: Partial<ShownMessage> & { readonly text?: string; readonly key?: string }): Signal<ShownMessage>;
  /** A reply that grows by a few characters per piece. Resolves when it is complete. */
  reply(text: string, pieceMs?: number): Promise<void>;
  /** Pages of older messages that loadOlder() gives. */
  olderPages: (() => readonly Entry[])[];
}

let lastKey = 0;

/** An entry and the signal that changes it. */
export function scriptedEntry(
  message: Partial<ShownMessage> & { readonly text?: string; readonly key?: string },
): Entry & { readonly message: Signal<ShownMessage> } {
  lastKey += 1;
  const { text, key = `k-${lastKey}`, ...rest } = message;
  const parts: readonly ShownPart[] = text === undefined ? [] : [{ kind: 'text', text }];
  const shown: ShownMessage = {
    messageId: `m-${lastKey}`,
    role: 'user',
    parts,
    status: 'completed',
    at: new Date(),
    ...rest,
  };
  return { key, message: signal(shown) };
}

/** Everybody is in, connected, and nothing has been said. */
export function createScriptedApp(): ScriptedApp {
  const calls: string[] = [];
  const state = createSignals();
  const listeners = new Set<(text: string) => void>();
  const script: Script = {
    ...state,
    calls,
    olderPages: [],
    say(message) {
      const entry = scriptedEntry(message);
      state.entries.value = [...state.entries.value, entry];
      return entry.message;
    },
    async reply(text, pieceMs = 20) {
      const message = script.say({ role: 'assistant', status: 'growing', text: '', model: 'simulated' });
      for (let end = 1; end <= text.length; end += 4) {
        message.value = { ...message.value, parts: [{ kind: 'text', text: text.slice(0, end) }] };
        await new Promise((resolve) => setTimeout(resolve, pieceMs));
      }
      message.value = { ...message.value, status: 'completed', parts: [{ kind: 'text', text }] };
      for (const listener of listeners) listener(text);
    },
  };
  const note = (words: string) => {
    calls.push(words);
    return Promise.resolve(undefined);
  };
  return {
    script,
    signIn: {
      state: state.signInState,
      withPassword: (userName) => note(`withPassword ${userName}`),
      signUp: (userName) => note(`signUp ${userName}`),
      withIssuer: () => note('withIssuer'),
      async signOut() {
        await note('signOut');
      },
    },
    connection: state.connection,
    connect: () => void calls.push('connect'),
    limits: state.limits,
    conversations: scriptedList(state, note),
    conversation: scriptedConversation(state, script, note, listeners),
    composer: scriptedComposer(state, script),
    operator: scriptedDesk(state, note),
  };
}

type Signals = ReturnType<typeof createSignals>;
type Note = (words: string) => Promise<undefined>;

function createSignals() {
  return {
    signInState: signal<SignInState>({ kind: 'in', clientId: 'alice', canSignOut: true }),
    connection: signal<Connection>({ kind: 'connected' }),
    limits: signal<Limits | undefined>({ maxTextBytes: 65_536, maxInlineBytes: 1_048_576, maxMediaBytes: 104_857_600 }),
    entries: signal<readonly Entry[]>([]),
    items: signal<readonly ConversationSummary[]>([]),
    found: signal<readonly FoundMessage[] | undefined>(undefined),
    id: signal(''),
    title: signal(''),
    hasOlder: signal(false),
    isLoadingOlder: signal(false),
    trouble: signal<Refusal | undefined>(undefined),
    text: signal(''),
    attachments: signal<readonly Attachment[]>([]),
    problem: signal<Refusal | undefined>(undefined),
    canSend: signal(false),
    usage: signal<Usage | undefined>(undefined),
    connections: signal<readonly ActiveConnection[]>([]),
    operatorTrouble: signal<Refusal | undefined>(undefined),
  };
}

function scriptedList(state: Signals, note: Note): App['conversations'] {
  const turn = (id: string, title: string) => {
    state.id.value = id;
    state.title.value = title;
  };
  return {
    items: state.items,
    isLoading: signal(false),
    hasMore: signal(false),
    trouble: signal(undefined),
    found: state.found,
    loadMore: () => note('loadMore'),
    async search(query) {
      const has = ({ message }: Entry) => JSON.stringify(message.value.parts).includes(query);
      state.found.value =
        query === ''
          ? undefined
          : state.entries.value.filter(has).map(({ key, message: { value: message } }) => ({
              messageId: key,
              conversationId: state.id.value,
              role: message.role,
              text: message.parts.map((part) => (part.kind === 'text' ? part.text : '')).join(' '),
              at: message.at,
            }));
      await note(`search ${query}`);
    },
    async rename(conversationId, title) {
      state.items.value = state.items.value.map((item) =>
        item.conversationId === conversationId ? { ...item, title } : item,
      );
      return note(`rename ${conversationId} ${title}`);
    },
    async delete(conversationId) {
      state.items.value = state.items.value.filter((item) => item.conversationId !== conversationId);
      if (state.id.value === conversationId) turn('', '');
      return note(`delete ${conversationId}`);
    },
    open(conversationId) {
      turn(conversationId, state.items.value.find((item) => item.conversationId === conversationId)?.title ?? '');
      void note(`open ${conversationId}`);
    },
    startNew() {
      turn('', '');
      state.entries.value = [];
      void note('startNew');
    },
  };
}

function scriptedConversation(
  state: Signals,
  script: Script,
  note: Note,
  listeners: Set<(text: string) => void>,
): App['conversation'] {
  return {
    id: state.id,
    title: state.title,
    entries: state.entries,
    hasOlder: state.hasOlder,
    isLoadingOlder: state.isLoadingOlder,
    trouble: state.trouble,
    async loadOlder() {
      state.isLoadingOlder.value = true;
      await new Promise((resolve) => setTimeout(resolve, 50));
      state.entries.value = [...(script.olderPages.shift()?.() ?? []), ...state.entries.value];
      state.hasOlder.value = script.olderPages.length > 0;
      state.isLoadingOlder.value = false;
    },
    stop: (messageId) => note(`stop ${messageId}`),
    retry: (key) => void note(`retry ${key}`),
    discard(key) {
      state.entries.value = state.entries.value.filter((entry) => entry.key !== key);
    },
    renewUrl: (mediaId) => note(`renewUrl ${mediaId}`),
    onReply(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function scriptedComposer(state: Signals, script: Script): App['composer'] {
  const look = () => {
    state.canSend.value = state.text.value.trim() !== '' || state.attachments.value.length > 0;
  };
  return {
    text: state.text,
    attachments: state.attachments,
    problem: state.problem,
    canSend: state.canSend,
    setText(text) {
      state.text.value = text;
      look();
    },
    attach(file) {
      const kind = file.type.startsWith('audio/') ? 'voice' : file.type.startsWith('video/') ? 'video' : 'image';
      const { name = 'Pasted', size: sizeBytes, type: contentType } = file;
      const previewUrl = URL.createObjectURL(file);
      const key = `a-${state.attachments.value.length}-${name}`;
      state.attachments.value = [...state.attachments.value, { key, kind, name, contentType, sizeBytes, previewUrl }];
      look();
      return Promise.resolve(undefined);
    },
    detach(key) {
      state.attachments.value = state.attachments.value.filter((attachment) => attachment.key !== key);
      look();
    },
    send() {
      const media = state.attachments.value.map(({ kind, previewUrl: url, contentType, sizeBytes }) => ({
        kind,
        url,
        contentType,
        sizeBytes,
        mediaId: '',
      }));
      const text = state.text.value;
      const message = script.say({
        parts: [...(text === '' ? [] : [{ kind: 'text' as const, text }]), ...media],
        status: 'sending',
      });
      state.text.value = '';
      state.attachments.value = [];
      look();
      setTimeout(() => {
        message.value = { ...message.value, status: 'processing' };
      }, 100);
    },
  };
}

function scriptedDesk(state: Signals, note: Note): App['operator'] {
  return {
    usage: state.usage,
    connections: state.connections,
    trouble: state.operatorTrouble,
    watch() {
      void note('watch');
      return () => void note('unwatch');
    },
    disconnect(clientId) {
      state.connections.value = state.connections.value.filter((connection) => connection.clientId !== clientId);
      return note(`disconnect ${clientId}`);
    },
    async explain(messageId) {
      await note(`explain ${messageId}`);
      const steps: readonly Step[] = [
        { at: new Date(Date.now() - 900), event: 'MessageReceived', detail: 'gateway-1, partition 3, offset 1042' },
        { at: new Date(Date.now() - 880), event: 'ReplyStarted', detail: 'attempt 1, worker-3' },
        { at: new Date(), event: 'ReplyCompleted', detail: '412 tokens, simulated' },
      ];
      return steps;
    },
  };
}

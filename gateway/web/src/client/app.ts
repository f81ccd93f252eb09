import type { ReadonlySignal } from '@preact/signals';

/**
 * What the views show and do. Views read signals and call methods, and know nothing of the network; what is behind this knows nothing of the
 * page's elements. No method throws or rejects for what the server or the network does: such a thing is in a signal or in the answer.
 */
export interface App {
  /** Who is there, and how they get in. */
  readonly signIn: SignIn;
  readonly connection: ReadonlySignal<Connection>;
  /** After `other-tab`, `elsewhere`, `taken-over`, `resting` or `refused`: opens the session in this tab, at once. */
  connect(): void;
  /** undefined until Welcome has told them; then those of the last session. */
  readonly limits: ReadonlySignal<Limits | undefined>;
  readonly conversations: ConversationList;
  readonly conversation: OpenConversation;
  /** What is being written. */
  readonly composer: Composer;
  readonly settings: Settings;
  readonly operator: OperatorCommands;
}

// ---- Who is there

export type SignInState =
  /** Not known yet how people sign in here, or tokens kept are being traded. */
  | { readonly kind: 'asking' }
  /** The server does not answer; it is asked again by itself. */
  | { readonly kind: 'unreachable' }
  /** A name and a password are needed; `signUpOpen`: an account can be made. `notice`: why one who was in is out. */
  | { readonly kind: 'account-needed'; readonly signUpOpen: boolean; readonly notice?: Refusal }
  /** The issuer signs people in; `canGoThere` is false when this page is not registered with it. */
  | { readonly kind: 'issuer-needed'; readonly issuer: string; readonly canGoThere: boolean; readonly notice?: Refusal }
  | SignedIn;

export interface SignedIn {
  readonly kind: 'in';
  readonly clientId: string;
  /** Of the account, as it was written at sign-in; '' where there is none, or it is not known here. */
  readonly userName: string;
  /** False where nobody signs in. */
  readonly canSignOut: boolean;
  /** The account is this server's. */
  readonly hasPassword: boolean;
}

export interface SignIn {
  readonly state: ReadonlySignal<SignInState>;
  /** Resolves with the refusal, or undefined when it worked and `state` is `in`. */
  withPassword(userName: string, password: string): Promise<Refusal | undefined>;
  /** As withPassword. */
  signUp(userName: string, password: string): Promise<Refusal | undefined>;
  /** Leaves the page for the issuer's. Resolves with the refusal when it cannot. */
  withIssuer(): Promise<Refusal | undefined>;
  /** Ends the session and forgets the tokens and the drafts. */
  signOut(): Promise<void>;
  /** Where `hasPassword`: another one, which ends all other sign-ins; the session goes on. Resolves with the refusal, or undefined. */
  changePassword(oldPassword: string, newPassword: string): Promise<Refusal | undefined>;
  /** Where `hasPassword`: ends all sign-ins of the account, this one as signOut does. Resolves with the refusal, or undefined. */
  signOutEverywhere(): Promise<Refusal | undefined>;
}

/** What went wrong, in words for a person: made from the catalogue's reason, never the server's raw text alone. */
export interface Refusal {
  /** Of the catalogue; `NETWORK` when no server answered. */
  readonly reason: string;
  /** What happened, one sentence. */
  readonly title: string;
  /** What to do, one sentence. */
  readonly advice: string;
  /** Worth trying again as it is. */
  readonly retryable: boolean;
}

// ---- The session

export type Connection =
  /** Nobody is signed in. */
  | { readonly kind: 'none' }
  | { readonly kind: 'connecting' }
  /** Every slot is taken; 1 is next. */
  | { readonly kind: 'waiting'; readonly place: number }
  | { readonly kind: 'connected' }
  /** `atMs`: when it is tried again, as `performance.now()` tells time. `offline`: the browser says there is no network. */
  | { readonly kind: 'reconnecting'; readonly atMs: number; readonly offline: boolean; readonly because?: Refusal }
  /** Nothing was said for a while, so the slot was given up; typing or sending connects again. */
  | { readonly kind: 'resting'; readonly because: Refusal }
  /** Another tab of this browser has the session. */
  | { readonly kind: 'other-tab' }
  /** Whoever is signed in here has a session on another device; connect() ends that one. */
  | { readonly kind: 'elsewhere' }
  /** The session went on in another place; connect() takes it back. */
  | { readonly kind: 'taken-over' }
  /** Not tried again by itself. */
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface Limits {
  readonly maxTextBytes: number;
  readonly maxInlineBytes: number;
  readonly maxMediaBytes: number;
}

// ---- Conversations

export interface ConversationSummary {
  readonly conversationId: string;
  readonly title: string;
  readonly updatedAt: Date;
  readonly messageCount: number;
}

export interface ConversationList {
  /** Newest first. */
  readonly items: ReadonlySignal<readonly ConversationSummary[]>;
  readonly isLoading: ReadonlySignal<boolean>;
  readonly hasMore: ReadonlySignal<boolean>;
  /** Why the last read failed; undefined after one that worked. */
  readonly trouble: ReadonlySignal<Refusal | undefined>;
  loadMore(): Promise<void>;
  /** Words of messages and titles, in all conversations of this client. '' ends the search. */
  search(query: string): Promise<void>;
  /** undefined: no search is on. */
  readonly found: ReadonlySignal<readonly FoundText[] | undefined>;
  rename(conversationId: string, title: string): Promise<Refusal | undefined>;
  /** Deletes it for ever; the one that is open is left for a new one. */
  delete(conversationId: string): Promise<Refusal | undefined>;
  /** Turns to it. */
  open(conversationId: string): void;
  /** Turns to a new one; it is in the list once something is said. */
  startNew(): void;
}

/** A message, or the title of a conversation, that has the words. */
export interface FoundText {
  /** Unique among those found. */
  readonly key: string;
  readonly conversationId: string;
  /** Who said it; undefined: it is a title. */
  readonly role: Role | undefined;
  /** The text around the words, piece by piece. */
  readonly excerpt: readonly { readonly text: string; readonly found: boolean }[];
  readonly at: Date;
}

export type Role = 'user' | 'assistant';

// ---- The conversation that is open

export interface OpenConversation {
  /** '' for a new one that the server has not named yet. */
  readonly id: ReadonlySignal<string>;
  readonly title: ReadonlySignal<string>;
  /** Oldest first. An entry is the same object for as long as its message is there; only its signal changes. */
  readonly entries: ReadonlySignal<readonly Entry[]>;
  readonly hasOlder: ReadonlySignal<boolean>;
  readonly isLoadingOlder: ReadonlySignal<boolean>;
  readonly trouble: ReadonlySignal<Refusal | undefined>;
  /** Why this one is open, where nobody here asked for it: the one before was deleted elsewhere. Until it is dismissed, or something is said. */
  readonly notice: ReadonlySignal<Refusal | undefined>;
  dismissNotice(): void;
  loadOlder(): Promise<void>;
  /** Stops the reply to this user message. */
  stop(messageId: string): Promise<Refusal | undefined>;
  /** Sends again, under the same client message id, what could not be sent. */
  retry(key: string): void;
  /** Sends the content of a message that got no reply as a new message. */
  sendAgain(key: string): void;
  /** Takes back what could not be sent. */
  discard(key: string): void;
  /** A fresh URL for media whose URL has expired. undefined: it cannot be had. */
  renewUrl(mediaId: string): Promise<string | undefined>;
  /** Calls back when a reply is complete, with its text, or there will be none, so that it can be announced. Returns how to end that. */
  onReply(listener: (reply: string | Refusal) => void): () => void;
}

export interface Entry {
  /** Unique in the conversation and for ever the same: from before a message is accepted until after. */
  readonly key: string;
  readonly message: ReadonlySignal<ShownMessage>;
}

/** The model is asked again. */
interface Retry {
  /** As `performance.now()` tells time. */
  readonly atMs: number;
  /** Why the last attempt failed, in words. */
  readonly why: string;
}

export interface ShownMessage {
  /** '' until it is accepted. */
  readonly messageId: string;
  readonly role: Role;
  readonly parts: readonly ShownPart[];
  readonly status: ShownStatus;
  /** When the log took it, or when it was said here. */
  readonly at: Date;
  /** With `unsent` and `failed`. */
  readonly refusal?: Refusal;
  /** For a reply. */
  readonly model?: string;
  /** With `growing`: the model has failed, and is asked again. */
  readonly retry?: Retry;
  /** For a reply: the user message it answers. */
  readonly replyToMessageId?: string;
}

/**
 * `sending`: not accepted yet (`progress` of its media is in its parts); `unsent`: refused, may be retried or discarded; `queued` and `processing`: a
 * worker will have, or has, it; `growing`: a reply that is being written; the others are final.
 */
export type ShownStatus =
  | 'sending'
  | 'unsent'
  | 'queued'
  | 'processing'
  | 'growing'
  | 'completed'
  | 'incomplete'
  | 'stopped'
  | 'failed';

export type ShownPart =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'voice' | 'video' | 'image';
      /** '' while there is none yet; a `blob:` URL for what was chosen here. */
      readonly url: string;
      /** '' until the server has named it. */
      readonly mediaId: string;
      readonly contentType: string;
      readonly sizeBytes: number;
      /** As its sender called it; '': not known. */
      readonly fileName: string;
      /** Of what was chosen here. */
      readonly bytes?: Blob;
      /** Of an upload that is under way, 0 to 1; undefined: none is. */
      readonly progress?: number;
    };

// ---- What is being written

export interface Composer {
  /** The draft of the open conversation; it survives a reload. */
  readonly text: ReadonlySignal<string>;
  setText(text: string): void;
  readonly attachments: ReadonlySignal<readonly Attachment[]>;
  /** Looks at size and type first: what the server would refuse is not taken, and the refusal told. Never rejects. */
  attach(file: Blob & { readonly name?: string }): Promise<Refusal | undefined>;
  detach(key: string): void;
  /** Takes back an unsent message of the conversation: its text and its files are written on from here. */
  edit(key: string): void;
  /** Why the draft cannot be sent as it is (too long); undefined when it can, or is empty. */
  readonly problem: ReadonlySignal<Refusal | undefined>;
  /** True when there is something to send and nothing against it. */
  readonly canSend: ReadonlySignal<boolean>;
  /** Puts the draft into the conversation as `sending`, and empties it. It goes out once there is a session. */
  send(): void;
}

export interface Attachment {
  readonly key: string;
  readonly kind: 'voice' | 'video' | 'image';
  /** Of the file, or its kind where it has none. */
  readonly name: string;
  /** Of the file; '' where it has none. */
  readonly fileName: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** A `blob:` URL. */
  readonly previewUrl: string;
}

// ---- What people choose for themselves

export interface Settings {
  /** IANA name; '': this device's. The assistant is told of it, and times are shown in it. */
  readonly timeZone: ReadonlySignal<string>;
  /** For all tabs, from now on. */
  setTimeZone(timeZone: string): void;
  /** What the assistant is to keep to in all conversations of who is signed in; '': nothing. */
  instructions(): string;
  /** From the next message on, until they sign out. @returns why they cannot be kept */
  setInstructions(text: string): Refusal | undefined;
  /** What was said in all conversations, as JSON. @param onProgress told how many conversations are in it */
  exportConversations(onProgress: (conversations: number) => void): Promise<Blob | Refusal>;
  /** What the replies to this client used, and what is left to it. */
  readOwnUse(clientId: string): Promise<OwnUse | Refusal>;
}

/** Of one client in this month (UTC). */
export interface OwnUse {
  readonly replies: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** In decimals, with its currency; '': prices were never set. */
  readonly cost: string;
  readonly budgets: readonly OwnBudget[];
}

export interface OwnBudget {
  /** Who uses it, too; '': nobody. */
  readonly sharedWith: string;
  readonly period: string;
  /** With its unit, in words. */
  readonly amount: string;
  /** undefined: not told. */
  readonly left: string | undefined;
  readonly resetAt: Date;
}

// ---- For those who run it

export interface OperatorCommands {
  /** Whether who is signed in may do any of this; false until the server has said so. */
  readonly isOperator: ReadonlySignal<boolean>;
  /** undefined: nothing read yet. Read every two seconds while watch() is on. */
  readonly usage: ReadonlySignal<Usage | undefined>;
  /** What `usage` was, oldest first: of the last quarter of an hour, as far as it was watched. */
  readonly usageSamples: ReadonlySignal<readonly UsageSample[]>;
  readonly connections: ReadonlySignal<readonly ActiveConnection[]>;
  /** E.g. OPERATOR_REQUIRED. */
  readonly trouble: ReadonlySignal<Refusal | undefined>;
  /** Reads again and again until the returned function is called. */
  watch(): () => void;
  disconnect(clientId: string): Promise<Refusal | undefined>;
  explain(messageId: string): Promise<readonly Step[] | Refusal>;
  readUsageReport(wish: UsageReportWish): Promise<UsageReport | Refusal>;
}

export interface UsageReportWish {
  /** The last 24 hours, 30 days or 12 months. */
  readonly span: 'day' | 'month' | 'year';
  readonly by: 'client' | 'group' | 'model';
}

/** What replies used in a span. */
export interface UsageReport {
  /** Its hours, days or months (UTC), in their order. */
  readonly bars: readonly UsageBar[];
  /** By client or model, those of most tokens first. */
  readonly rows: readonly UsageReportRow[];
  /** ISO 4217, of costs; '': prices were never set. */
  readonly currency: string;
  /** There are more rows. */
  readonly isCut: boolean;
}

export interface UsageBar {
  readonly at: Date;
  readonly tokensIn: number;
  readonly tokensOut: number;
}

export interface UsageReportRow {
  readonly name: string;
  readonly replies: number;
  /** That failed, were stopped or were lost. */
  readonly others: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** In decimals; of attempts whose model had a price. */
  readonly cost: string;
}

export interface Usage {
  readonly clients: number;
  readonly maxClients: number;
  readonly waiting: number;
  readonly processing: number;
  readonly maxProcessing: number;
  readonly queued: number;
  readonly oldestQueuedMs: number;
}

/** What the gateways that answered have counted in the last minute, as far as it was watched. */
export interface LastMinute {
  readonly accepted: number;
  /** Answered, or given up. */
  readonly ended: number;
  /** By reason; none is 0. */
  readonly refusals: ReadonlyMap<string, number>;
}

export interface UsageSample {
  /** As `performance.now()` tells time. */
  readonly atMs: number;
  readonly usage: Usage;
  readonly lastMinute: LastMinute;
}

export interface ActiveConnection {
  readonly clientId: string;
  readonly sessionId: string;
  readonly connectedAt: Date;
  readonly timeZone: string;
  readonly gatewayId: string;
  readonly hasSpoken: boolean;
}

/** One event in a message's life. */
export interface Step {
  readonly at: Date;
  readonly event: string;
  readonly detail: string;
}

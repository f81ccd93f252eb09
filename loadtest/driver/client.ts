import { status } from '@grpc/grpc-js';
import type { MessageRejected, Welcome } from '../../src/gen/chat/v1/chat_service.ts';
import { type Message, type Part, Role } from '../../src/gen/chat/v1/content.ts';
import { Connection } from './connection.ts';
import { ConversationCheck } from './conversation-check.ts';
import { millisOf } from './duration.ts';
import type { MessageLine } from './figures.ts';
import { HistoryFollower } from './history-follower.ts';
import type { Event, Line } from './line.ts';
import type { Load } from './load.ts';
import type { MediaFile, MediaFiles } from './media-files.ts';
import { type Random, seededRandom } from './random.ts';
import type { Recorder } from './recorder.ts';
import { Refusal } from './refusal.ts';
import { Said } from './said.ts';
import { Sayings } from './sayings.ts';
import { upload } from './upload.ts';
import type { ViolationLog } from './violations.ts';

/** Said again not before this, where the server names no delay. */
const repeatDelayMs = 200;

/** What all clients of a driver share. */
export interface World {
  readonly load: Load;
  /** Of small letters and digits; tells the clients of this run from those of any other. */
  readonly run: string;
  readonly dial: (isSlow: boolean) => Line;
  readonly recorder: Recorder;
  readonly violations: ViolationLog;
  readonly media: MediaFiles;
  /** Takes a message with its fate. */
  readonly writeLine: (line: Omit<MessageLine, 'saidAtMs'>, saidAtMs: number) => void;
}

export interface ClientOptions {
  readonly index: number;
  readonly mix: Load['mix'];
  /** It is counted: what the idle ones say is only looked at. */
  readonly isCounted: boolean;
  /** It reads at the rate that the load says; how long it takes to be told anything is no figure of the servers. */
  readonly isSlow: boolean;
  /** The session is open for the first time. */
  readonly onWelcome: () => void;
  /** A message has its reply, or will have none. */
  readonly onSettled: () => void;
  /** It was refused, or lost its session for good. */
  readonly onOver: () => void;
}

/** One client: says things, hears what comes of them, measures and checks it. */
export class Client {
  readonly id: string;
  readonly check: ConversationCheck;
  readonly connection: Connection;
  readonly history: HistoryFollower;
  readonly random: Random;
  conversationId = '';
  readonly #world: World;
  readonly #options: ClientOptions;
  readonly #sayings: Sayings;
  /** What has no end yet, by the id that the client chose. */
  readonly #unsettled = new Map<string, Said>();
  #receivedUpTo = 0;
  #count = 0;
  #left: Promise<void> | undefined;

  constructor(world: World, options: ClientOptions) {
    const { load, run, recorder, violations, dial } = world;
    const label = `${run}-${options.index.toString(36)}`;
    this.id = `load-${label}`;
    this.#world = world;
    this.#options = options;
    this.random = seededRandom(load.seed, options.index);
    this.#sayings = new Sayings(options.mix, label, this.random);
    this.check = new ConversationCheck(violations, label, load.toleratesKills);
    this.history = new HistoryFollower(this.check, violations, world.media);
    const { waitForSlotMs, toleratesKills } = load;
    this.connection = new Connection(
      {
        dial: () => dial(options.isSlow),
        recorder,
        // Not the random numbers of what it says: how often it reconnects must not change that.
        random: seededRandom(load.seed + 1, options.index),
        clientId: this.id,
        waitForSlotMs,
        toleratesKills,
      },
      {
        position: () => ({ conversationId: this.conversationId, afterSequence: this.settledUpTo }),
        onOpen: (welcome, isNewStream) => this.#opened(welcome, isNewStream),
        onEvent: (event) => this.#heard(event),
        onOver: () => options.onOver(),
      },
    );
  }

  /** Messages without an end. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** The largest sequence that it was told of its conversation. */
  get lastSequence(): number {
    let last = this.#receivedUpTo;
    for (const { messageId, sequence, reply } of this.check.said.values())
      if (messageId !== undefined) last = Math.max(last, sequence, reply?.sequence ?? 0);
    return last;
  }

  /** Says the next thing; `atMs` (by `performance.now()`) is when it counts as said. */
  say(atMs: number): void {
    const { recorder, media } = this.#world;
    const saying = this.#sayings.next(this.#count);
    const said = new Said(`m${this.#count}`, saying, atMs);
    this.#count += 1;
    this.check.say(said);
    this.#unsettled.set(said.id, said);
    if (this.#options.isCounted) recorder.said(saying.kind, saying.bytes);
    if (saying.kind === 'text') said.parts = [{ value: { $case: 'text', value: saying.text } }];
    else if (saying.by === 'message') said.parts = [inlinePart(media.file(saying.kind, saying.bytes))];
    else return this.#upload(said, media.file(saying.kind, saying.bytes));
    this.#send(said);
  }

  /** Says goodbye, and hears no more. What has no end by now is lost. */
  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    await this.connection.close();
    this.check.end();
    for (const said of this.#unsettled.values()) {
      if (this.#options.isCounted) this.#world.recorder.lost(said.saying.kind);
      this.#tell(said);
    }
    this.#unsettled.clear();
  }

  /** Where to begin again: before the oldest message without an end, so that its end is told whatever it was. */
  get settledUpTo(): number {
    let after = this.#receivedUpTo;
    for (const { messageId, sequence } of this.#unsettled.values())
      if (messageId !== undefined) after = Math.min(after, sequence - 1);
    return after;
  }

  #opened({ conversationId }: Welcome, isNewStream: boolean): void {
    if (!isNewStream) return;
    const isFirst = this.conversationId === '';
    // Taken again as it was told to the server: nothing was heard since.
    this.check.begin(this.settledUpTo);
    this.conversationId = conversationId;
    for (const said of this.#unsettled.values()) this.#send(said);
    if (isFirst) this.#options.onWelcome();
  }

  #send(said: Said): void {
    const { line } = this.connection;
    if (said.parts === undefined || said.messageId !== undefined || line === undefined) return;
    line.say({ clientMessageId: said.id, parts: said.parts });
  }

  #upload(said: Said, file: MediaFile): void {
    const { line } = this.connection;
    const stored =
      line === undefined
        ? Promise.reject(new Refusal(status.UNAVAILABLE, 'the client is not connected'))
        : upload(line, this.id, file);
    stored.then(
      (mediaId) => {
        said.mediaId = mediaId;
        said.parts = [{ value: { $case: 'media', value: { ...emptyMedia, mediaId } } }];
        this.#send(said);
      },
      (error: unknown) => {
        if (said.isSettled || !this.#unsettled.has(said.id)) return;
        const refusal = error instanceof Refusal ? error : new Refusal(status.INTERNAL, String(error));
        const mayPass = refusal.reason === '' || refusal.retryDelayMs !== undefined;
        if (this.#mayRepeat(mayPass)) setTimeout(() => this.#upload(said, file), refusal.retryDelayMs ?? repeatDelayMs);
        else this.#refuse(said, refusal.label);
      },
    );
  }

  /** Whether a refusal that may pass is waited out: while servers die, and for what a reconnect of the client itself has cut off. */
  #mayRepeat(mayPass: boolean): boolean {
    const { toleratesKills, storm } = this.#world.load;
    return mayPass && (toleratesKills || storm !== undefined) && !this.connection.isOver;
  }

  #heard(event: Event): void {
    switch (event.$case) {
      case 'accepted': {
        const known = this.check.said.get(event.value.clientMessageId)?.messageId !== undefined;
        const said = this.check.accepted(event.value);
        if (said !== undefined && !known) this.#accepted(said);
        return;
      }
      case 'replyDelta':
        return this.#piece(event.value);
      case 'replyStarted':
        return this.check.started(event.value);
      case 'message':
        return this.#message(event.value);
      case 'rejected':
        return this.#rejected(event.value);
      case 'waiting':
      case 'welcome':
      case 'pong':
      case 'drain':
      case 'joined':
      case 'renamed':
      case 'deleted':
        return;
      default:
        return event satisfies never;
    }
  }

  #accepted(said: Said): void {
    said.parts = undefined;
    const { isCounted, isSlow } = this.#options;
    const ms = performance.now() - said.saidAtMs;
    if (isCounted) this.#world.recorder.accepted(said.saying.kind, ms, !isSlow);
    const answered = this.check.takeEarly(said);
    if (answered !== undefined) this.#settle(answered);
  }

  #piece(delta: Extract<Event, { $case: 'replyDelta' }>['value']): void {
    const draft = this.check.piece(delta);
    const nowMs = performance.now();
    const { isCounted, isSlow } = this.#options;
    if (isCounted && !isSlow) {
      const { recorder, load } = this.#world;
      const { said } = draft;
      if (draft.lastPieceAtMs > 0)
        recorder.betweenPiecesMs.record(nowMs - draft.lastPieceAtMs - (load.pieceIntervalMs ?? 0));
      if (said !== undefined) this.#firstPiece(said, nowMs);
    }
    draft.lastPieceAtMs = nowMs;
  }

  #firstPiece(said: Said, nowMs: number): void {
    if (said.firstPieceMs !== undefined) return;
    said.firstPieceMs = nowMs - said.saidAtMs;
    this.#world.recorder.firstPiece(said.saying.kind, said.firstPieceMs);
  }

  #message(message: Message): void {
    const wasAccepted = this.check.said.get(message.clientMessageId)?.messageId !== undefined;
    const settled = this.check.message(message);
    if (message.role === Role.ASSISTANT) this.#receivedUpTo = Math.max(this.#receivedUpTo, Number(message.sequence));
    else {
      const said = this.check.said.get(message.clientMessageId);
      if (said !== undefined && !wasAccepted) this.#accepted(said);
    }
    if (settled === undefined) return;
    if (message.failureReason === '') this.#settle(settled);
    else this.#refuse(settled, message.failureReason);
  }

  #rejected({ clientMessageId, messageId, reason, retryable, retryDelay }: MessageRejected): void {
    const said = this.check.refusedBy(clientMessageId, messageId);
    if (said === undefined || said.isSettled) return;
    // What was sent again may be refused for what came of it the first time.
    const isPassing = retryable && reason !== 'TOO_MANY_PENDING' && messageId === '';
    if (!this.#mayRepeat(isPassing)) return this.#refuse(said, reason);
    setTimeout(() => this.#send(said), millisOf(retryDelay) ?? repeatDelayMs);
  }

  #settle(said: Said): void {
    const nowMs = performance.now();
    if (!this.#unsettled.delete(said.id)) return;
    const { isCounted, isSlow } = this.#options;
    if (isCounted) {
      // A reply that comes whole has no earlier piece.
      if (!isSlow) this.#firstPiece(said, nowMs);
      this.#world.recorder.replied(said.saying.kind, nowMs - said.saidAtMs, !isSlow);
    }
    this.#tell(said, nowMs - said.saidAtMs);
    this.#options.onSettled();
  }

  #refuse(said: Said, reason: string): void {
    if (!this.#unsettled.delete(said.id)) return;
    said.isRefused = true;
    said.parts = undefined;
    this.#world.recorder.error(reason);
    if (this.#options.isCounted) this.#world.recorder.refused();
    this.#tell(said);
    this.#options.onSettled();
  }

  #tell({ messageId = '', saying, saidAtMs }: Said, replyMs?: number): void {
    if (!this.#options.isCounted) return;
    const { kind, text } = saying;
    this.#world.writeLine({ messageId, kind, text, ...(replyMs === undefined ? {} : { replyMs }) }, saidAtMs);
  }
}

const nothing = Buffer.alloc(0);
const emptyMedia = {
  kind: 0,
  contentType: '',
  inlineData: nothing,
  mediaId: '',
  url: '',
  sizeBytes: 0n,
  sha256: nothing,
} as const;

function inlinePart({ wireKind, contentType, bytes }: MediaFile): Part {
  const value = { ...emptyMedia, kind: wireKind, contentType, inlineData: bytes };
  return { value: { $case: 'media', value } };
}

import type { MessageRejected, ReplyDelta, Welcome } from '../../src/client/gen/chat/v1/chat_service_pb.js';
import { type Message, Role } from '../../src/client/gen/chat/v1/content_pb.js';
import type { Event } from '../../src/client/line.ts';
import type { OutgoingPart } from '../../src/client/outbox.ts';
import type { Parley } from '../../src/client/parley.ts';
import { MessageRefused, Refusal } from '../../src/client/refusal.ts';
import { TransferFailed } from '../../src/client/transfer-failed.ts';
import { blobSource, mediaPart } from '../../src/client/uploads.ts';
import type { Wire } from '../../src/client/wire.ts';
import { ConversationCheck } from './conversation-check.ts';
import type { MessageLine } from './figures.ts';
import { HistoryFollower } from './history-follower.ts';
import type { Load } from './load.ts';
import type { MediaFile, MediaFiles } from './media-files.ts';
import { type Random, seededRandom } from './random.ts';
import type { Recorder } from './recorder.ts';
import { Said } from './said.ts';
import { Sayings } from './sayings.ts';
import { labelOf, Session } from './session.ts';
import type { ViolationLog } from './violations.ts';

/** What all clients of a driver share. */
export interface World {
  readonly load: Load;
  /** Of small letters and digits; tells the clients of this run from those of any other. */
  readonly run: string;
  /** Of calls beside the sessions: history and uploads. */
  readonly parley: Parley;
  readonly wireFor: (isSlow: boolean) => Wire;
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
  readonly session: Session;
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
    const { load, run, recorder, violations } = world;
    const label = `${run}-${options.index.toString(36)}`;
    this.id = `load-${label}`;
    this.#world = world;
    this.#options = options;
    this.random = seededRandom(load.seed, options.index);
    this.#sayings = new Sayings(options.mix, label, this.random);
    this.check = new ConversationCheck(violations, label, load.toleratesKills);
    this.history = new HistoryFollower(world.parley.history, this.check, violations, world.media);
    const { waitForSlotMs, toleratesKills } = load;
    this.session = new Session(
      {
        wire: world.wireFor(options.isSlow),
        recorder,
        // Not the random numbers of what it says: how often it reconnects must not change that.
        random: seededRandom(load.seed + 1, options.index),
        clientId: this.id,
        waitForSlotMs,
        toleratesKills,
      },
      {
        onOpen: (welcome, afterSequence) => this.#opened(welcome, afterSequence),
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
    if (saying.kind === 'text') return this.#post(said, { value: { case: 'text', value: saying.text } });
    const file = media.file(saying.kind, saying.bytes);
    if (saying.by === 'message') this.#post(said, inlinePart(file));
    else void this.#upload(said, file);
  }

  /** Says goodbye, and hears no more. What has no end by now is lost. */
  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    await this.session.leave();
    this.check.end();
    for (const said of this.#unsettled.values()) {
      if (this.#options.isCounted) this.#world.recorder.lost(said.saying.kind);
      this.#tell(said);
    }
    this.#unsettled.clear();
  }

  /** Everything up to this sequence has its end, by what this client was told. */
  get settledUpTo(): number {
    let after = this.#receivedUpTo;
    for (const { messageId, sequence } of this.#unsettled.values())
      if (messageId !== undefined) after = Math.min(after, sequence - 1);
    return after;
  }

  #opened({ conversationId }: Welcome, afterSequence: number | undefined): void {
    if (afterSequence === undefined) return;
    const isFirst = this.conversationId === '';
    this.check.begin(afterSequence);
    this.conversationId = conversationId;
    if (isFirst) this.#options.onWelcome();
  }

  /** Whatever becomes of the connection, the chat sends it until it is accepted or refused for good. */
  #post(said: Said, part: OutgoingPart): void {
    // What a client says that is over stays without an end.
    if (this.session.isOver) return;
    void this.session.chat.post([part], said.id).reply.then(undefined, (error: unknown) => {
      if (error instanceof MessageRefused) this.#refuse(said, error.reason);
    });
  }

  async #upload(said: Said, { wireKind, contentType, bytes }: MediaFile): Promise<void> {
    const source = blobSource(new Blob([bytes]), wireKind, contentType);
    try {
      const part = await mediaPart(this.#world.parley.media, this.id, source);
      if (part.value?.case === 'media') said.mediaId = part.value.value.mediaId ?? '';
      this.#post(said, part);
    } catch (error) {
      if (error instanceof TransferFailed) this.#refuse(said, `PUT_${error.status}`);
      else this.#refuse(said, error instanceof Refusal ? labelOf(error) : 'INTERNAL');
    }
  }

  #heard(event: Event): void {
    switch (event.case) {
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
      case 'replyDelayed':
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
    const { isCounted, isSlow } = this.#options;
    const ms = performance.now() - said.saidAtMs;
    if (isCounted) this.#world.recorder.accepted(said.saying.kind, ms, !isSlow);
    const answered = this.check.takeEarly(said);
    if (answered !== undefined) this.#settle(answered);
  }

  #piece(delta: ReplyDelta): void {
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

  /** One that will not be sent again settles the message: its promise rejects. */
  #rejected({ clientMessageId, messageId, reason, retryable }: MessageRejected): void {
    const said = this.check.refusedBy(clientMessageId, messageId);
    const isSentAgain = retryable && said !== undefined && said.messageId === undefined;
    if (isSentAgain && !this.#isExpected(reason)) this.#world.recorder.error(reason);
  }

  /** Whether a refusal that passes is no fault: while servers die, and for what a reconnect of the client itself has cut off. */
  #isExpected(reason: string): boolean {
    const { toleratesKills, storm } = this.#world.load;
    return reason !== 'TOO_MANY_PENDING' && (toleratesKills || storm !== undefined);
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

function inlinePart({ wireKind: kind, contentType, bytes: inlineData }: MediaFile): OutgoingPart {
  return { value: { case: 'media', value: { kind, contentType, inlineData } } };
}

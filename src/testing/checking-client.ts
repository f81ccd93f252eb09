import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dial, dial, MessageRefused, type Session, textOf } from './black-box-client.ts';
import { ContinuedAttempts } from './continued-attempts.ts';
import { CallRefused, type Dynamic } from './contract.ts';
import {
  type Enclosed,
  Enclosure,
  kindsIn,
  mediaIn,
  objectBreach,
  replyKindsOf,
  type Sayings,
  UploadRefused,
} from './sayings.ts';
import { type Transcript, Transcripts } from './transcript.ts';

/** A person at a client tries again at once, then calms down. */
const reconnectDelayMs = 50;
const waitForSlotMs = 30_000;
/** Nothing heard in answer for so long: the connection is taken for dead and made again. */
const answerTimeoutMs = 20_000;
/** A server that is away is back by then; bounds a hanging test and asserts nothing. */
const fetchTimeoutMs = 60_000;

/** Messages that it has on their way at once: replies to the first come between those and what is told of the second. */
export const outstanding = 2;

/** What a client knows of one thing it said. */
export interface Said {
  readonly clientMessageId: string;
  readonly text: string;
  /** The media that it said beside the text. */
  readonly enclosure: Enclosure | undefined;
  accepted?: Dynamic;
  reply?: Dynamic;
  failed?: Dynamic;
}

/** What a client does beside sending, each time as it is asked. */
export interface Habits {
  /** Whether it stops the reply to the message that was accepted just now. */
  stops(): boolean;
  /** Before the next messages: stays, turns to a new conversation, or goes on in an earlier one. */
  turns(): 'stay' | 'new' | 'earlier';
  /** Whether it looks into another conversation while replies are under way. */
  looksAway(): boolean;
}

/** A stream that the client lost, and how soon after it noticed (milliseconds) it went on. */
export interface Interruption {
  /** By `performance.now()`. */
  readonly lostAtMs: number;
  /** Until it was welcomed again. */
  welcomedMs?: number;
  /** Until it heard the next piece or the next reply. */
  heardMs?: number;
}

/**
 * A client that keeps sending whatever happens to the server: it reconnects with its resume token, and resends what is unanswered under the same id, with
 * the same upload. It is in one conversation, or in several in turn if so configured. It resumes as docs/protocol.md says, and by no rule of its own:
 * after the highest sequence of the conversation seen on its streams. It records all that it receives, for the oracles.
 */
export class CheckingClient {
  readonly clientId: string;
  readonly said: Said[] = [];
  /** What the server did that it must not do. */
  readonly breaches: string[] = [];
  /** What each stream sent, record by record. */
  readonly transcripts = new Transcripts();
  /** Where it says what it says. */
  conversationId = '';
  /** How often it was welcomed. */
  welcomes = 0;
  /** Streams that it lost, and did not drop itself. */
  readonly interruptions: Interruption[] = [];
  /** What it was told when a message was not taken for now. */
  readonly refusals: MessageRefused[] = [];
  /** From sending a message to whatever was told about it, or to the loss of the stream: the longest. */
  longestSayMs = 0;
  readonly #attempts = new ContinuedAttempts();
  /** How often each message is sent at once. */
  readonly #repeats: number;
  readonly #where: () => Dial;
  /** Without them it says nothing but text. */
  readonly #sayings: Sayings | undefined;
  readonly #habits: Habits | undefined;
  /** Conversations that it was in. */
  readonly #conversationIds = new Set<string>();
  /** Replies and failures that were told, by the message that they end. */
  readonly #replies = new Map<string, Dynamic>();
  readonly #failures = new Map<string, Dynamic>();
  readonly #hearers = new Set<{ readonly kind: string; readonly resolve: () => void }>();
  #resumeToken = '';
  #session: Session | undefined;
  #connecting: Promise<Session> | undefined;
  #interruption: Interruption | undefined;
  /** Messages of which it was not told yet whether they were taken. */
  #sending = 0;
  /** Resolves when it is in the conversation in which it says what it says. */
  #away: Promise<void> = Promise.resolve();
  #isAway = false;
  #talking = true;
  #hasGivenUp = false;

  /** Where it connects; a function is asked anew for each connection, as there may be several servers. */
  constructor(
    where: Dial | (() => Dial),
    repeats = 1,
    sayings?: Sayings,
    clientId = `talker-${randomUUID()}`,
    habits?: Habits,
  ) {
    this.clientId = clientId;
    this.#where = typeof where === 'function' ? where : () => where;
    this.#repeats = repeats;
    this.#sayings = sayings;
    this.#habits = habits;
  }

  /** Every conversation that it was in. */
  get conversationIds(): readonly string[] {
    return [...this.#conversationIds];
  }

  /** What its calls carry, if anything. */
  get accessToken(): string | undefined {
    return this.#where().accessToken;
  }

  /** Resolves when the next event of this kind comes in. */
  hears(kind: string): Promise<void> {
    return new Promise((resolve) => {
      this.#hearers.add({ kind, resolve });
    });
  }

  /** Ids of the messages that it was told are accepted. */
  get accepted(): readonly Said[] {
    return this.said.filter((one) => one.accepted !== undefined);
  }

  /** Talks until told to stop, and then until the last message is answered. */
  async talk(): Promise<void> {
    while (this.#talking) {
      await this.#turn(this.#habits?.turns() ?? 'stay');
      await Promise.all(Array.from({ length: outstanding }, () => this.#sayNext()));
    }
    this.#session?.drop();
  }

  /** While nothing is outstanding. What goes wrong with it is a fault of the connection. */
  async #turn(where: 'stay' | 'new' | 'earlier'): Promise<void> {
    const others = this.conversationIds.filter((id) => id !== this.conversationId);
    const earlier = others[this.said.length % others.length];
    if (where === 'stay' || (where === 'earlier' && earlier === undefined)) return;
    await this.#away;
    const session = await this.#connected();
    try {
      this.conversationId = await this.#join(session, where === 'new' ? '' : (earlier ?? ''));
      this.#conversationIds.add(this.conversationId);
    } catch {
      session.drop();
    }
  }

  /** To another conversation and back: what came meanwhile is sent then. Nothing is said there. */
  async #lookAway(session: Session): Promise<void> {
    const other = this.conversationIds.find((id) => id !== this.conversationId);
    if (other === undefined) return;
    this.#isAway = true;
    try {
      await this.#join(session, other);
      await this.#join(session, this.conversationId);
    } catch {
      session.drop();
    } finally {
      this.#isAway = false;
    }
  }

  /** Resolves once the stream has turned: the answer of a call may overtake what the stream still sends of the conversation before. */
  async #join(session: Session, conversationId: string): Promise<string> {
    const turned = session.findAny({ joined: () => true }, { from: session.events.length });
    const asked = session.join(conversationId, this.transcripts.highest(conversationId));
    const [, { body }] = await Promise.all([asked, turned]);
    return body.conversationId;
  }

  async #sayNext(): Promise<void> {
    const index = this.said.length;
    const enclosed = this.#sayings?.enclosed(index);
    const said = await this.sayOne(`Number ${index} of ${this.clientId}`, enclosed && new Enclosure(enclosed));
    if (said.reply !== undefined && this.#sayings?.fetchesReply(index)) await this.#fetchMedia(said.reply);
  }

  stopTalking(): void {
    this.#talking = false;
  }

  /** Ends for good, whatever is unanswered: what it is about to say rejects. For the end of a test that failed. */
  giveUp(): void {
    this.#talking = false;
    this.#hasGivenUp = true;
    this.drop();
  }

  /** Loses the connection, as by a reload. */
  drop(): void {
    this.#session?.drop();
  }

  /** Says one thing and resolves when its fate is known, over as many connections as it takes. */
  async sayOne(text: string, enclosure?: Enclosure): Promise<Said> {
    const said: Said = { clientMessageId: randomUUID(), text, enclosure };
    this.said.push(said);
    while (said.reply === undefined && said.failed === undefined) {
      const session = await this.#connected();
      await this.#attempt(session, said).catch((error: unknown) => this.#lost(session, said, error));
    }
    if (said.reply?.status === 'MESSAGE_STATUS_COMPLETED') this.#checkKinds(said.reply, enclosure?.enclosed);
    return said;
  }

  async #attempt(session: Session, said: Said): Promise<void> {
    const accepted = await this.#send(session, said);
    this.#noteAccepted(said, accepted);
    if (this.#habits?.stops()) session.stopReply(accepted.messageId).catch(() => undefined);
    if (this.#sending === 0 && !this.#isAway && this.#habits?.looksAway()) this.#away = this.#lookAway(session);
    // It may have come before the answers to all the sends did, and on another connection: it is told only once.
    said.reply = this.#replies.get(accepted.messageId);
    said.failed = this.#failures.get(accepted.messageId);
    if (said.reply !== undefined || said.failed !== undefined) return;
    const told = await session.findAny(
      {
        message: (message) => message.replyToMessageId === accepted.messageId,
        rejected: (body) => body.messageId === accepted.messageId,
      },
      { timeoutMs: answerTimeoutMs },
    );
    if (told.kind === 'message') said.reply = told.body;
    else said.failed = told.body;
  }

  /** Where it says what it says: it waits until it is back there. */
  async #send(session: Session, said: Said): Promise<Dynamic> {
    const parts = await this.#partsOf(said);
    await this.#away;
    const sentMs = performance.now();
    this.#sending += 1;
    try {
      const sending = Array.from({ length: this.#repeats }, () => session.say(parts, said.clientMessageId));
      const [accepted, ...repeats] = await Promise.all(sending);
      for (const repeat of repeats)
        this.#expect(repeat.messageId === accepted.messageId, `two ids for ${said.clientMessageId}`);
      return accepted;
    } finally {
      this.#sending -= 1;
      this.longestSayMs = Math.max(this.longestSayMs, performance.now() - sentMs);
    }
  }

  async #partsOf({ text, enclosure }: Said): Promise<readonly object[]> {
    if (enclosure === undefined) return [{ text }];
    const { address, accessToken } = this.#where();
    const who = { address, clientId: this.clientId, ...(accessToken !== undefined && { accessToken }) };
    return [{ text }, await enclosure.part(who)];
  }

  #noteAccepted(said: Said, accepted: Dynamic): void {
    const before = said.accepted;
    if (before === undefined) said.accepted = accepted;
    else {
      this.#expect(before.messageId === accepted.messageId, `${said.clientMessageId} has two message ids`);
      this.#expect(before.sequence === accepted.sequence, `${accepted.messageId} has two sequences`);
      this.#expect(accepted.duplicate, `${accepted.messageId} was accepted twice as new`);
    }
  }

  /** O3: the draft of the last attempt that this session saw is the reply. */
  #checkPieces(session: Session, reply: Dynamic): void {
    try {
      const draft = [...session.pieces(reply.messageId)].at(-1)?.[1];
      this.#expect(
        draft === undefined || draft === textOf(reply),
        `the pieces of ${reply.messageId} are not the reply`,
      );
    } catch (error) {
      this.breaches.push(`${reply.messageId}: ${String(error)}`);
    }
  }

  #checkKinds(reply: Dynamic, enclosed: Enclosed | undefined): void {
    const [kinds, expected] = [kindsIn(reply), replyKindsOf(enclosed)].map((all) => all.join(' '));
    this.#expect(kinds === expected, `${reply.messageId} is of ${kinds}, not of ${expected}`);
  }

  /** O6, as a client sees it. */
  async #fetchMedia(reply: Dynamic): Promise<void> {
    const until = performance.now() + fetchTimeoutMs;
    for (const media of mediaIn(reply)) {
      let breach = await objectBreach(media).catch(String);
      // While the server is away nothing answers, which is no breach.
      while (breach?.includes('fetch failed') && performance.now() < until) {
        await sleep(reconnectDelayMs);
        breach = await objectBreach(media).catch(String);
      }
      this.#expect(breach === undefined, String(breach));
    }
  }

  #expect(holds: boolean, breach: string): void {
    if (!holds) this.breaches.push(`${this.clientId}: ${breach}`);
  }

  async #lost(session: Session, { enclosure, accepted }: Said, error: unknown): Promise<void> {
    if (error instanceof MessageRefused) this.refusals.push(error);
    // A message that is refused for now is said again; anything else is a fault of the connection.
    if (error instanceof MessageRefused && error.retryable && !session.isOver)
      return sleep(error.retryDelayMs ?? reconnectDelayMs);
    // Nor is it wrong that an upload has ended before its message came through: it is made again.
    if (isNotFound(error) && accepted === undefined && enclosure?.isOver) return;
    this.#expect(!(error instanceof UploadRefused), String(error));
    // Behind a proxy another gateway answers when the session's own has just died, maybe before the stream ends: it is resumed.
    const isGone = error instanceof MessageRefused && error.reason === 'SESSION_NOT_FOUND';
    this.#expect(!(error instanceof MessageRefused) || error.retryable || isGone, `refused: ${String(error)}`);
    session.drop();
  }

  /** One stream for all that is outstanding. */
  #connected(): Promise<Session> {
    this.#connecting ??= this.#reconnected().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #reconnected(): Promise<Session> {
    for (;;) {
      if (this.#hasGivenUp) throw new Error(`${this.clientId} has given up`);
      if (this.#session !== undefined && !this.#session.isOver) return this.#session;
      try {
        this.#session = await this.#connect();
      } catch (error) {
        const lasting =
          error instanceof CallRefused &&
          !['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'CANCELLED', 'INTERNAL', 'ALREADY_EXISTS'].includes(error.code);
        if (lasting) throw error;
        const delayMs = error instanceof CallRefused ? error.retryDelayMs : undefined;
        await sleep(delayMs ?? reconnectDelayMs);
      }
    }
  }

  async #connect(): Promise<Session> {
    const { clientId, conversationId, transcripts } = this;
    const afterSequence = transcripts.highest(conversationId);
    const session = dial(this.#where(), {
      clientId,
      conversationId,
      afterSequence,
      resumeToken: this.#resumeToken,
      waitForSlotMs,
    });
    let transcript = transcripts.begin(conversationId, afterSequence);
    session.onEvent((kind, body) => {
      if (kind === 'joined' || (kind === 'welcome' && body.conversationId !== transcript.conversationId)) {
        transcript = transcripts.begin(body.conversationId, transcripts.highest(body.conversationId));
        // What it has drawn of replies is drawn anew when it comes back.
        session.forget((drawn) => drawn === 'replyDelta');
      }
      this.#hear(session, transcript, kind, body);
    });
    try {
      const welcome = await session.welcome(answerTimeoutMs);
      this.conversationId = welcome.conversationId;
      this.#conversationIds.add(welcome.conversationId);
      void session.ended.then((how) => this.#noteLoss(how));
      return session;
    } catch (error) {
      session.drop();
      throw error;
    }
  }

  /** Whoever hangs up itself has lost nothing. */
  #noteLoss(how: CallRefused | null): void {
    if (!this.#talking || how?.code === 'CANCELLED' || this.#interruption !== undefined) return;
    this.#interruption = { lostAtMs: performance.now() };
    this.interruptions.push(this.#interruption);
  }

  #noteReturn(kind: string, body: Dynamic): void {
    const interruption = this.#interruption;
    if (interruption === undefined) return;
    const sinceMs = performance.now() - interruption.lostAtMs;
    if (kind === 'welcome') interruption.welcomedMs = sinceMs;
    const isReply = kind === 'replyDelta' || (kind === 'message' && body.role === 'ROLE_ASSISTANT');
    if (interruption.welcomedMs === undefined || !isReply) return;
    interruption.heardMs = sinceMs;
    this.#interruption = undefined;
  }

  #hear(session: Session, transcript: Transcript, kind: string, body: Dynamic): void {
    this.#noteReturn(kind, body);
    const breach = this.#attempts.take(kind, body);
    this.#expect(breach === undefined, String(breach));
    if (kind === 'welcome') {
      // Told again on the same stream when the session went on under another id.
      this.welcomes += 1;
      this.#resumeToken = body.resumeToken;
    }
    // What was said before is told where it was said first.
    if (['message', 'renamed', 'deleted'].includes(kind) || (kind === 'accepted' && !body.duplicate)) {
      const isNext = body.sequence > this.transcripts.highest(transcript.conversationId);
      this.#expect(isNext, `${kind} ${body.messageId ?? body.sequence} was told again or out of order`);
    }
    const noted = this.transcripts.note(transcript, kind, body);
    if (noted.at(-1)?.kind === 'failure') this.#failures.set(body.messageId, body);
    if (kind === 'message' && body.role === 'ROLE_ASSISTANT') this.#hearReply(session, body);
    for (const hearer of this.#hearers) {
      if (hearer.kind !== kind) continue;
      this.#hearers.delete(hearer);
      hearer.resolve();
    }
  }

  #hearReply(session: Session, reply: Dynamic): void {
    this.#replies.set(reply.replyToMessageId, reply);
    this.#checkPieces(session, reply);
    // It stays long, and looks through all that came for each message: what was noted is dropped.
    const isOfReply = (body: Dynamic) => body.replyMessageId === reply.messageId;
    session.forget((kind, body) => ['accepted', 'message'].includes(kind) || isOfReply(body));
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof MessageRefused && error.reason === 'MEDIA_NOT_FOUND';
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallRefused, type Dynamic } from './contract.ts';
import { type Dial, dial, MessageRefused, type Session, textOf } from './stranger.ts';

/** A person at a client tries again at once, then calms down. */
const reconnectDelayMs = 50;
const waitForSlotMs = 30_000;
/** Nothing heard in answer for so long: the connection is taken for dead and made again. */
const answerTimeoutMs = 20_000;

/** What a client knows of one thing it said. */
export interface Said {
  readonly clientMessageId: string;
  readonly text: string;
  accepted?: Dynamic;
  reply?: Dynamic;
  failed?: Dynamic;
}

/**
 * A client that keeps talking whatever happens to the server: one message after the other in one conversation, connected again with its
 * resume token, what is unanswered said again under the same id. It remembers all it was told, for the oracle.
 */
export class Talker {
  readonly clientId = `talker-${randomUUID()}`;
  readonly said: Said[] = [];
  /** What the server did that it must not do. */
  readonly breaches: string[] = [];
  conversationId = '';
  /** How often it was welcomed. */
  welcomes = 0;
  /** How often each message is sent at once. */
  readonly #repeats: number;
  readonly #where: Dial;
  /** Replies that were told, by the message they answer. */
  readonly #replies = new Map<string, Dynamic>();
  readonly #hearers = new Set<{ readonly kind: string; readonly resolve: () => void }>();
  #resumeToken = '';
  #lastSequence = 0;
  #session: Session | undefined;
  #talking = true;

  constructor(where: Dial, repeats = 1) {
    this.#where = where;
    this.#repeats = repeats;
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
    while (this.#talking) await this.sayOne(`Number ${this.said.length} of ${this.clientId}`);
    this.#session?.drop();
  }

  stopTalking(): void {
    this.#talking = false;
  }

  /** Loses the connection, as by a reload. */
  drop(): void {
    this.#session?.drop();
  }

  /** Says one thing and resolves when its fate is known, over as many connections as it takes. */
  async sayOne(text: string): Promise<Said> {
    const said: Said = { clientMessageId: randomUUID(), text };
    this.said.push(said);
    while (said.reply === undefined && said.failed === undefined) {
      const session = await this.#connected();
      await this.#attempt(session, said).catch((error: unknown) => this.#lost(session, error));
    }
    return said;
  }

  async #attempt(session: Session, said: Said): Promise<void> {
    const sending = Array.from({ length: this.#repeats }, () => session.text(said.text, said.clientMessageId));
    const [accepted, ...repeats] = await Promise.all(sending);
    for (const repeat of repeats)
      this.#expect(repeat.messageId === accepted.messageId, `two ids for ${said.clientMessageId}`);
    this.#noteAccepted(said, accepted);
    // It may have come before the answers to all the sends did, and on another connection: it is told only once.
    said.reply = this.#replies.get(accepted.messageId);
    if (said.reply !== undefined) return;
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

  #expect(holds: boolean, breach: string): void {
    if (!holds) this.breaches.push(`${this.clientId}: ${breach}`);
  }

  #lost(session: Session, error: unknown): void {
    // A message that is refused for now is said again; anything else is a fault of the connection.
    if (error instanceof MessageRefused && error.retryable && !session.isOver) return;
    this.#expect(!(error instanceof MessageRefused) || error.retryable, `refused: ${String(error)}`);
    session.drop();
  }

  async #connected(): Promise<Session> {
    for (;;) {
      if (this.#session !== undefined && !this.#session.isOver) return this.#session;
      try {
        this.#session = await this.#connect();
      } catch (error) {
        const lasting =
          error instanceof CallRefused &&
          !['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'CANCELLED', 'INTERNAL', 'ALREADY_EXISTS'].includes(error.code);
        if (lasting) throw error;
        await sleep(reconnectDelayMs);
      }
    }
  }

  async #connect(): Promise<Session> {
    const { clientId, conversationId } = this;
    const afterSequence = this.#lastSequence;
    const session = dial(this.#where, {
      clientId,
      conversationId,
      afterSequence,
      resumeToken: this.#resumeToken,
      waitForSlotMs,
    });
    session.onEvent((kind, body) => this.#hear(session, kind, body));
    try {
      const welcome = await session.welcome(answerTimeoutMs);
      this.welcomes += 1;
      this.#resumeToken = welcome.resumeToken;
      this.conversationId = welcome.conversationId;
      return session;
    } catch (error) {
      session.drop();
      throw error;
    }
  }

  #hear(session: Session, kind: string, body: Dynamic): void {
    if (kind === 'message' && body.role === 'ROLE_ASSISTANT') {
      this.#replies.set(body.replyToMessageId, body);
      this.#checkPieces(session, body);
    }
    if (kind === 'message' && !(body.role === 'ROLE_USER' && body.status === 'MESSAGE_STATUS_FAILED')) {
      this.#expect(body.sequence > this.#lastSequence, `${body.messageId} was told again or out of order`);
      this.#lastSequence = Math.max(this.#lastSequence, body.sequence);
    }
    for (const hearer of this.#hearers) {
      if (hearer.kind !== kind) continue;
      this.#hearers.delete(hearer);
      hearer.resolve();
    }
  }
}

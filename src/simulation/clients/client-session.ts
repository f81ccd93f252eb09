import type { Accepted, Hello, MessageRejected, Welcome } from '../../gen/chat/v1/chat_service.ts';
import { durationOf } from '../../rpc/wire-values.ts';
import { type CallStatus, okStatus } from '../network/call-status.ts';
import type { Truth } from '../oracle/truth.ts';
import type { Rule } from '../rules.ts';
import type { ClientSpec } from '../scenario.ts';
import type { Deployment } from '../world/deployment.ts';
import { Random } from '../world/random.ts';
import type { World } from '../world/world.ts';
import { Connection, type Told } from './connection.ts';
import { Credentials } from './credentials.ts';
import { messageOf } from './said-message.ts';
import { Transcript } from './transcript.ts';
import { Uploads } from './uploads.ts';

/** As Welcome names it; a client that keeps to it never goes stale. */
const heartbeatMs = 15_000;

/** A stream without a word, pongs included, for so long is taken for dead. */
const silenceMs = 40_000;

/** Somebody in line is told something at least this often, or gives up. */
const openTimeoutMs = 45_000;

/** A server whose client vanishes without a word notices by its keepalive. */
export const keepaliveMs = 25_000;

/** One client's session over all its connections: its conversations, what it sent and what it received, kept as docs/protocol.md says. */
export class ClientSession {
  readonly spec: ClientSpec;
  readonly random: Random;
  readonly credentials: Credentials;
  readonly uploads: Uploads;
  readonly transcripts = new Map<string, Transcript>();
  /** The conversation that it is in. */
  current: Transcript | undefined;
  resumeToken = '';
  /** It was asked to go elsewhere. */
  isLeaving = false;
  readonly #world: World;
  readonly #deployment: Deployment;
  readonly #truth: Truth;
  #pingedMs = 0;
  #heardMs = 0;
  /** How often it has asked to turn to a conversation and not been told that it is there: until then it says nothing. */
  #turnsAsked = 0;

  constructor(world: World, deployment: Deployment, truth: Truth, spec: ClientSpec) {
    this.#world = world;
    this.#deployment = deployment;
    this.#truth = truth;
    this.spec = spec;
    this.random = new Random(world.scenario.seed, `client/${spec.clientId}`);
    this.credentials = new Credentials(world, spec.clientId);
    this.uploads = new Uploads(world, spec.clientId);
  }

  /** Undefined when no gateway takes clients. `waitMs`: how long it waits for a slot. */
  connect(waitMs = this.random.pick([0, 5_000, 30_000])): Connection | undefined {
    const { gateways } = this.#deployment;
    if (gateways.length === 0) return undefined;
    const node = this.random.pick(gateways);
    const { kind } = this.spec;
    const hello: Hello = {
      clientId: this.spec.clientId,
      timeZone: 'Europe/Paris',
      conversationId: this.current?.isDeleted === false ? this.current.conversationId : '',
      resumeToken: this.random.chance(0.95) ? this.resumeToken : 'wrong',
      afterSequence: BigInt(this.current?.isDeleted === false ? this.current.position : 0),
      waitForSlot: durationOf(waitMs),
      inlineMedia: this.random.chance(0.2),
      takeOver: false,
    };
    this.note(`connects to ${node.process.name}, ${hello.conversationId || 'new'} after ${hello.afterSequence}`);
    this.isLeaving = false;
    this.#turnsAsked = 0;
    return new Connection(this.#world, {
      node,
      hello,
      shape: kind === 'split' ? 'split' : 'stream',
      latencyMs: this.random.logarithmic(0.1, 80),
      credentials: this.credentials,
    });
  }

  /** True when the session is open. */
  async isOpened(connection: Connection): Promise<boolean> {
    const untilMs = this.now + openTimeoutMs;
    this.#heardMs = this.now;
    this.#pingedMs = this.now;
    while (this.now < untilMs) {
      const told = await connection.told.next(untilMs - this.now);
      if (told === undefined) break;
      const isWelcome = told.kind === 'event' && told.event.$case === 'welcome';
      if (!this.#hear(told, connection)) {
        // A conversation that is gone is not asked for again.
        if (told.kind === 'ended' && told.status.reason === 'NOT_FOUND' && this.current !== undefined)
          this.#gone(this.current);
        return false;
      }
      if (isWelcome) return true;
    }
    connection.stream.break(keepaliveMs);
    return false;
  }

  /** Hears what comes until then. False when the stream is over. */
  async listen(connection: Connection, untilMs: number, isEnough: () => boolean): Promise<boolean> {
    while (this.now < untilMs && !isEnough()) {
      if (this.now - this.#pingedMs >= heartbeatMs) {
        this.#pingedMs = this.now;
        connection.ping();
      }
      const nextPingMs = this.#pingedMs + heartbeatMs;
      const told = await connection.told.next(Math.max(1, Math.min(untilMs, nextPingMs) - this.now));
      if (told !== undefined) {
        if (!this.#hear(told, connection)) return false;
      } else if (this.now - this.#heardMs > silenceMs) {
        connection.stream.break(keepaliveMs);
        return false;
      }
    }
    return true;
  }

  /** False when the stream is over. */
  #hear(told: Told, connection: Connection): boolean {
    this.#heardMs = this.now;
    if (told.kind === 'ended') {
      this.#checkRefusal(told.status, connection);
      if (told.status.reason !== '' || told.status.code === okStatus.code)
        this.note(`ended: ${told.status.reason || 'OK'} ${told.status.details}`);
      else this.note(`lost the stream (${told.status.code})`);
      return false;
    }
    if (told.kind === 'answered') {
      this.#accepted(told.accepted, false);
      return true;
    }
    const { event } = told;
    switch (event.$case) {
      case 'welcome':
        this.#welcomed(connection, event.value);
        break;
      case 'joined':
        this.#turnsAsked -= 1;
        this.#turnTo(event.value.conversationId);
        if (!this.isTurning) this.sayAgain(connection);
        break;
      case 'accepted':
        this.#accepted(event.value, true);
        break;
      case 'message':
        this.#of(event.value.conversationId)?.message(event.value);
        break;
      case 'renamed':
        this.#of(event.value.conversationId)?.renamed(event.value);
        break;
      case 'deleted':
        this.#of(event.value.conversationId)?.deleted(event.value);
        break;
      case 'replyStarted':
        this.current?.started(event.value);
        break;
      case 'replyDelta':
        this.current?.piece(event.value);
        break;
      case 'rejected':
        this.#rejected(event.value);
        break;
      case 'drain':
        this.isLeaving = true;
        break;
      case 'replyDelayed':
      case 'waiting':
      case 'pong':
        break;
      default:
        return event satisfies never;
    }
    return true;
  }

  #accepted(accepted: Accepted, isOnStream: boolean): void {
    const { messageId, conversationId } = accepted;
    if (!this.#truth.messages.has(messageId) && !this.#truth.lost.has(messageId))
      this.#world.find('accepted-lost', `${this.spec.clientId}: ${messageId} is not in the log`);
    this.#of(conversationId)?.accepted(accepted, isOnStream);
  }

  #rejected(rejected: MessageRejected): void {
    const { clientMessageId, reason } = rejected;
    this.note(`rejected ${clientMessageId}: ${reason}`);
    for (const transcript of this.transcripts.values()) {
      transcript.rejected(rejected);
      const said = transcript.said.get(clientMessageId);
      if (said === undefined || !isOfMedia(reason) || said.media === undefined || !('mediaId' in said.media)) continue;
      if (this.uploads.isDue(said.media.mediaId, said.saidMs))
        this.#world.find(
          'media-refused',
          `${clientMessageId} names ${said.media.mediaId}, and is refused as ${reason}`,
        );
    }
  }

  /** Who is welcomed again on a stream, after its gateway had lost the lease, has seen all that came before, drafts included. */
  #welcomed(connection: Connection, { sessionId, resumeToken, conversationId }: Welcome): void {
    const isAgain = connection.sessionId !== '' && conversationId === this.current?.conversationId;
    connection.sessionId = sessionId;
    this.resumeToken = resumeToken;
    if (!isAgain) this.#turnTo(conversationId);
    this.#world.shownTokens.set(sessionId, connection);
    if (connection.validUntilMs === 0)
      this.#world.find('served-without-token', `${this.spec.clientId} is welcomed without a valid access token`);
  }

  #checkRefusal({ reason }: CallStatus, { isHonest, allUntilMs }: Connection): void {
    if (reason === 'UNAUTHENTICATED' && isHonest && this.#world.nowMs < allUntilMs)
      this.#world.find('refused-with-token', `${this.spec.clientId} has shown nothing but valid access tokens`);
  }

  #turnTo(conversationId: string): void {
    this.note(`is in ${conversationId}`);
    const breach = (rule: Rule, what: string) => this.#world.find(rule, `${this.spec.clientId}: ${what}`);
    const changes = () => this.#truth.changesOf(conversationId);
    this.current = this.transcripts.get(conversationId) ?? new Transcript(conversationId, breach, changes);
    this.transcripts.set(conversationId, this.current);
    this.current.beginStream();
  }

  #of(conversationId: string): Transcript | undefined {
    return this.transcripts.get(conversationId);
  }

  /** NOT_FOUND is believed only of a conversation that the log has as deleted. */
  #gone(transcript: Transcript): void {
    if (!this.#truth.deleted.has(transcript.conversationId) && this.#truth.ownerOf.has(transcript.conversationId))
      this.#world.find('told-not-found', `${this.spec.clientId}: ${transcript.conversationId} is there`);
    transcript.isDeleted = true;
  }

  /** What nobody has said the fate of is said again, in its order. */
  sayAgain(connection: Connection): void {
    for (const said of this.current?.isDeleted === false ? this.current.unaccepted : [])
      connection.send(messageOf(said));
  }

  /** In the split shape each call goes its own way: what it has said is accepted or refused before it turns away. */
  turn(connection: Connection, conversationId: string, position: bigint): void {
    const isSaying = this.spec.kind === 'split' && (this.current?.unaccepted.length ?? 0) > 0;
    if (!this.isTurning && !isSaying) this.ask(connection, conversationId, position);
  }

  /** Whatever it is told meanwhile. */
  ask(connection: Connection, conversationId: string, position: bigint): void {
    this.#turnsAsked += 1;
    connection.join(conversationId, position);
  }

  /** It has asked to turn, and was not told yet that it is there. */
  get isTurning(): boolean {
    return this.#turnsAsked > 0;
  }

  /** Virtual time, milliseconds. */
  get now(): number {
    return this.#world.scheduler.nowMs;
  }

  /** Virtual milliseconds. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.scheduler.after(ms, resolve));
  }

  /** Puts it into the story. */
  note(what: string): void {
    this.#world.trace.note(this.spec.clientId, what);
  }
}

/** Why a message is refused that names an object which cannot be taken. */
function isOfMedia(reason: string): boolean {
  return reason === 'MEDIA_NOT_FOUND' || reason === 'MEDIA_MISMATCH';
}

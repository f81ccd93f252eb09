import type { Hello, MessageRejected, Welcome } from '../../gen/chat/v1/chat_service.ts';
import type { ListMessagesResponse } from '../../gen/chat/v1/history_service.ts';
import { durationOf } from '../../rpc/wire-values.ts';
import { type CallStatus, okStatus } from '../network/call-status.ts';
import { sampleMedia } from '../network/samples.ts';
import { CallFailed } from '../network/unary.ts';
import type { Truth } from '../oracle/truth.ts';
import type { Rule } from '../rules.ts';
import type { ClientSpec } from '../scenario.ts';
import type { Deployment } from '../world/deployment.ts';
import { Random } from '../world/random.ts';
import type { World } from '../world/world.ts';
import { Connection, type Told } from './connection.ts';
import { Credentials } from './credentials.ts';
import { flood, rudeFrame } from './rudeness.ts';
import { messageOf, type SaidMedia } from './said-message.ts';
import { type Said, Transcript } from './transcript.ts';
import { Uploads } from './uploads.ts';

/** As Welcome names it; a client that keeps to it never goes stale. */
const heartbeatMs = 15_000;

/** A stream without a word, pongs included, for so long is taken for dead. */
const silenceMs = 40_000;

/** Somebody in line is told something at least this often, or gives up. */
const openTimeoutMs = 45_000;

/** A server whose client vanishes without a word notices by its keepalive. */
const keepaliveMs = 25_000;

/** How long a client waits in the end for what it is still owed. */
const owedMs = 120_000;

/** How long a client tries in the end to get a slot. */
const slotMs = 600_000;

/** How often a client that hoards asks for its conversation. */
const hoardedShows = 100;

type Action = (connection: Connection) => 'stay' | 'leave' | Promise<'stay' | 'leave'>;

/** A client as README says one is to be written, which does at random what people and networks do. */
export class ChatClient {
  readonly spec: ClientSpec;
  readonly transcripts = new Map<string, Transcript>();
  /** All is told that was owed. */
  isDone = false;
  readonly #world: World;
  readonly #deployment: Deployment;
  readonly #truth: Truth;
  readonly #random: Random;
  readonly #credentials: Credentials;
  readonly #uploads: Uploads;
  readonly #actions: readonly (readonly [number, Action])[];
  #current: Transcript | undefined;
  #resumeToken = '';
  #count = 0;
  #pingedMs = 0;
  #heardMs = 0;
  #isLeaving = false;
  /** How often it has asked to turn to a conversation and not been told that it is there: until then it says nothing. */
  #turnsAsked = 0;

  constructor(world: World, deployment: Deployment, truth: Truth, spec: ClientSpec) {
    this.#world = world;
    this.#deployment = deployment;
    this.#truth = truth;
    this.spec = spec;
    this.#random = new Random(world.scenario.seed, `client/${spec.clientId}`);
    this.#credentials = new Credentials(world, spec.clientId);
    this.#uploads = new Uploads(world, spec.clientId);
    this.#actions = this.#newActions();
  }

  /** Talks until faults end, then takes what it is owed. */
  async run(): Promise<void> {
    await this.#sleep(this.#random.between(0, 5_000));
    while (this.#world.faults.isActive) {
      await this.#session();
      await this.#sleep(this.#random.logarithmic(50, 10_000));
    }
    await this.#finish();
    this.isDone = true;
  }

  async #session(): Promise<void> {
    const connection = this.#connect();
    if (connection === undefined) return;
    if (this.spec.kind === 'rude' && this.#random.chance(0.3)) {
      this.#note('says much before it is welcome');
      for (const frame of flood(this.spec.clientId, this.#random)) connection.frame(frame);
    }
    if (!(await this.#isOpened(connection))) return;
    this.#sayAgain(connection);
    let isIn = true;
    while (isIn && this.#world.faults.isActive) {
      const untilMs = this.#now + this.#random.logarithmic(5, 8_000);
      isIn = await this.#listen(connection, untilMs, () => !this.#world.faults.isActive);
      if (isIn && this.#world.faults.isActive) isIn = (await this.#act(connection)) === 'stay';
    }
    if (isIn) connection.stream.break(0);
  }

  /** Hears what comes until then. False when the stream is over. */
  async #listen(connection: Connection, untilMs: number, isEnough: () => boolean): Promise<boolean> {
    while (this.#now < untilMs && !isEnough()) {
      if (this.#now - this.#pingedMs >= heartbeatMs) {
        this.#pingedMs = this.#now;
        connection.ping();
      }
      const nextPingMs = this.#pingedMs + heartbeatMs;
      const told = await connection.told.next(Math.max(1, Math.min(untilMs, nextPingMs) - this.#now));
      if (told !== undefined) {
        if (!this.#hear(told, connection)) return false;
      } else if (this.#now - this.#heardMs > silenceMs) {
        connection.stream.break(keepaliveMs);
        return false;
      }
    }
    return true;
  }

  /** False when the stream is over. */
  #hear(told: Told, connection: Connection): boolean {
    this.#heardMs = this.#now;
    if (told.kind === 'ended') {
      this.#checkRefusal(told.status, connection);
      if (told.status.reason !== '' || told.status.code === okStatus.code)
        this.#note(`ended: ${told.status.reason || 'OK'} ${told.status.details}`);
      else this.#note(`lost the stream (${told.status.code})`);
      return false;
    }
    const { event } = told;
    switch (event.$case) {
      case 'welcome':
        this.#welcomed(connection, event.value);
        break;
      case 'joined':
        this.#turnsAsked -= 1;
        this.#turnTo(event.value.conversationId);
        if (!this.#isTurning) this.#sayAgain(connection);
        break;
      case 'accepted':
        if (!this.#truth.messages.has(event.value.messageId) && !this.#truth.lost.has(event.value.messageId))
          this.#world.find('accepted-lost', `${this.spec.clientId}: ${event.value.messageId} is not in the log`);
        this.#of(event.value.conversationId)?.accepted(event.value);
        break;
      case 'message':
        this.#of(event.value.conversationId)?.message(event.value);
        break;
      case 'replyStarted':
        this.#current?.started(event.value);
        break;
      case 'replyDelta':
        this.#current?.piece(event.value);
        break;
      case 'rejected':
        this.#rejected(event.value);
        break;
      case 'drain':
        this.#isLeaving = true;
        break;
      case 'waiting':
      case 'pong':
        break;
      default:
        return event satisfies never;
    }
    return true;
  }

  #rejected(rejected: MessageRejected): void {
    const { clientMessageId, reason } = rejected;
    this.#note(`rejected ${clientMessageId}: ${reason}`);
    for (const transcript of this.transcripts.values()) {
      transcript.rejected(rejected);
      const said = transcript.said.get(clientMessageId);
      if (said === undefined || !isOfMedia(reason) || said.media === undefined || !('mediaId' in said.media)) continue;
      if (this.#uploads.isDue(said.media.mediaId, said.saidMs))
        this.#world.find(
          'media-refused',
          `${clientMessageId} names ${said.media.mediaId}, and is refused as ${reason}`,
        );
    }
  }

  /** Who is welcomed again on a stream, after its gateway had lost the lease, has seen all that came before, drafts included. */
  #welcomed(connection: Connection, { sessionId, resumeToken, conversationId }: Welcome): void {
    const isAgain = connection.sessionId !== '' && conversationId === this.#current?.conversationId;
    connection.sessionId = sessionId;
    this.#resumeToken = resumeToken;
    if (!isAgain) this.#turnTo(conversationId);
    this.#world.shownTokens.set(sessionId, connection);
    if (connection.validUntilMs === 0)
      this.#world.find('served-without-token', `${this.spec.clientId} is welcomed without a valid access token`);
  }

  #checkRefusal({ reason }: CallStatus, { isHonest, allUntilMs }: Connection): void {
    if (reason === 'UNAUTHENTICATED' && isHonest && this.#world.nowMs < allUntilMs)
      this.#world.find('refused-with-token', `${this.spec.clientId} has shown nothing but valid access tokens`);
  }

  #connect(waitMs = this.#random.pick([0, 5_000, 30_000])): Connection | undefined {
    const { gateways } = this.#deployment;
    if (gateways.length === 0) return undefined;
    const node = this.#random.pick(gateways);
    const { kind } = this.spec;
    const hello: Hello = {
      clientId: this.spec.clientId,
      timeZone: 'Europe/Paris',
      conversationId: this.#current?.isDeleted === false ? this.#current.conversationId : '',
      resumeToken: this.#random.chance(0.95) ? this.#resumeToken : 'wrong',
      afterSequence: BigInt(this.#current?.isDeleted === false ? this.#current.position : 0),
      waitForSlot: durationOf(waitMs),
      inlineMedia: this.#random.chance(0.2),
    };
    this.#note(`connects to ${node.process.name}, ${hello.conversationId || 'new'} after ${hello.afterSequence}`);
    this.#isLeaving = false;
    this.#turnsAsked = 0;
    return new Connection(this.#world, {
      node,
      hello,
      shape: kind === 'split' ? 'split' : 'stream',
      latencyMs: this.#random.logarithmic(0.1, 80),
      credentials: this.#credentials,
    });
  }

  /** True when the session is open. */
  async #isOpened(connection: Connection): Promise<boolean> {
    const untilMs = this.#now + openTimeoutMs;
    this.#heardMs = this.#now;
    this.#pingedMs = this.#now;
    while (this.#now < untilMs) {
      const told = await connection.told.next(untilMs - this.#now);
      if (told === undefined) break;
      const isWelcome = told.kind === 'event' && told.event.$case === 'welcome';
      if (!this.#hear(told, connection)) {
        // A conversation that is gone is not asked for again.
        if (told.kind === 'ended' && told.status.reason === 'NOT_FOUND' && this.#current !== undefined)
          this.#gone(this.#current);
        return false;
      }
      if (isWelcome) return true;
    }
    connection.stream.break(keepaliveMs);
    return false;
  }

  #turnTo(conversationId: string): void {
    this.#note(`is in ${conversationId}`);
    const breach = (rule: Rule, what: string) => this.#world.find(rule, `${this.spec.clientId}: ${what}`);
    this.#current = this.transcripts.get(conversationId) ?? new Transcript(conversationId, breach);
    this.transcripts.set(conversationId, this.#current);
    this.#current.beginStream();
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

  #act(connection: Connection): ReturnType<Action> {
    if (this.#isLeaving) return this.#leave(connection);
    const sum = this.#actions.reduce((total, [weight]) => total + weight, 0);
    let left = this.#random.between(0, sum);
    for (const [weight, action] of this.#actions) {
      left -= weight;
      if (left < 0) return action(connection);
    }
    return 'stay';
  }

  #newActions(): readonly (readonly [number, Action])[] {
    const stay =
      (act: (connection: Connection) => void): Action =>
      (connection) => {
        act(connection);
        return 'stay';
      };
    const actions: readonly (readonly [number, Action])[] = [
      [50, stay((connection) => this.#say(connection, this.#random.chance(0.15)))],
      [8, stay((connection) => this.#repeat(connection))],
      [5, stay((connection) => void this.#uploads.begin(connection))],
      [6, stay((connection) => this.#stop(connection))],
      [7, stay((connection) => this.#join(connection))],
      [3, (connection) => this.#rename(connection)],
      [2, (connection) => this.#delete(connection)],
      [5, (connection) => this.#page(connection)],
      [3, (connection) => this.#readSlowly(connection)],
      [4, (connection) => this.#leave(connection)],
      [4, (connection) => this.#vanish(connection)],
      [2, stay(() => this.#second())],
    ];
    const renewing: typeof actions = this.#credentials.isOn ? [[12, stay((connection) => connection.renew())]] : [];
    if (this.spec.kind !== 'rude') return [...actions, ...renewing];
    return [
      ...actions,
      ...renewing,
      [15, stay((connection) => this.#breakRules(connection))],
      [4, (connection) => this.#hoard(connection)],
    ];
  }

  #say(connection: Connection, hasMedia: boolean): void {
    const current = this.#current;
    if (current === undefined || current.isDeleted || this.#isTurning) return;
    this.#count += 1;
    const clientMessageId = `${this.spec.clientId}-${this.#count}`;
    const long = this.#random.chance(0.05) ? 'x'.repeat(this.#random.below(8_000)) : '';
    const media = hasMedia ? this.#anyMedia() : undefined;
    const said: Said = {
      clientMessageId,
      text: `message ${this.#count} of ${this.spec.clientId}${long}`,
      media,
      saidMs: this.#world.nowMs,
      messageId: undefined,
      sequence: undefined,
      end: undefined,
      refusedAs: undefined,
    };
    current.said.set(clientMessageId, said);
    this.#note(`says ${clientMessageId}${describe(media)}`);
    connection.send(messageOf(said));
  }

  /** In the message, or by name. */
  #anyMedia(): SaidMedia {
    const mediaId = this.#random.chance(0.5) ? this.#uploads.any() : undefined;
    if (mediaId !== undefined) return { mediaId };
    return this.#random.pick(Object.values(sampleMedia))(`${this.spec.clientId}-${this.#count}`);
  }

  #repeat(connection: Connection): void {
    const all = [...(this.#current?.said.values() ?? [])];
    if (all.length === 0 || this.#isTurning) return;
    const said = this.#random.pick(all);
    this.#note(`repeats ${said.clientMessageId}`);
    connection.send(messageOf(said));
  }

  /** What nobody has said the fate of is said again, in its order. */
  #sayAgain(connection: Connection): void {
    for (const said of this.#current?.isDeleted === false ? this.#current.unaccepted : [])
      connection.send(messageOf(said));
  }

  #stop(connection: Connection): void {
    const unanswered = this.#current?.unanswered ?? [];
    if (unanswered.length === 0) return;
    const { messageId } = this.#random.pick(unanswered);
    this.#note(`stops ${messageId}`);
    if (messageId === undefined) return;
    this.#truth.askedToStop.add(messageId);
    connection.stop(messageId);
  }

  #join(connection: Connection): void {
    const others = [...this.transcripts.values()].filter((other) => !other.isDeleted && other !== this.#current);
    if (others.length === 0 || this.#random.chance(0.3)) return this.#turn(connection, '', 0n);
    const other = this.#random.pick(others);
    this.#note(`turns to ${other.conversationId}`);
    this.#turn(connection, other.conversationId, BigInt(other.position));
  }

  /** In the split shape each call goes its own way: what it has said is accepted or refused before it turns away. */
  #turn(connection: Connection, conversationId: string, position: bigint): void {
    const isSaying = this.spec.kind === 'split' && (this.#current?.unaccepted.length ?? 0) > 0;
    if (!this.#isTurning && !isSaying) this.#ask(connection, conversationId, position);
  }

  #ask(connection: Connection, conversationId: string, position: bigint): void {
    this.#turnsAsked += 1;
    connection.join(conversationId, position);
  }

  async #rename(connection: Connection): Promise<'stay'> {
    const current = this.#current;
    if (current === undefined) return 'stay';
    const { conversationId } = current;
    await this.#try(
      connection.call((of) => of.history.renameConversation, { conversationId, title: `title ${this.#count}` }),
    );
    return 'stay';
  }

  async #delete(connection: Connection): Promise<'stay'> {
    const current = this.#current;
    if (current === undefined) return 'stay';
    // From here on nobody knows, until the log has it, whether it is there.
    current.isDeleted = true;
    this.#note(`deletes ${current.conversationId}`);
    await this.#try(connection.call((of) => of.history.deleteConversation, { conversationId: current.conversationId }));
    this.#turn(connection, '', 0n);
    return 'stay';
  }

  async #page(connection: Connection): Promise<'stay'> {
    const current = this.#current;
    if (current === undefined) return 'stay';
    const { conversationId } = current;
    const request = {
      conversationId,
      pageSize: 3,
      pageToken: '',
      newestFirst: this.#random.chance(0.5),
      atLeastSequence: 0n,
    };
    await this.#try(connection.call<ListMessagesResponse>((of) => of.history.listMessages, request));
    return 'stay';
  }

  async #readSlowly(connection: Connection): Promise<'stay'> {
    const ms = this.#random.logarithmic(100, 30_000);
    this.#note(`reads nothing for ${Math.round(ms)} ms`);
    connection.stream.setReading(false);
    if (this.#random.chance(0.5)) this.#say(connection, false);
    await this.#sleep(ms);
    connection.stream.setReading(true);
    return 'stay';
  }

  async #leave(connection: Connection): Promise<'leave'> {
    this.#note('says goodbye');
    connection.goodbye();
    await this.#listen(connection, this.#now + 15_000, () => connection.stream.isOver);
    if (!connection.stream.isOver) connection.stream.break(0);
    this.#resumeToken = '';
    return 'leave';
  }

  async #vanish(connection: Connection): Promise<'leave'> {
    this.#note('vanishes');
    connection.stream.break(this.#random.chance(0.5) ? this.#random.between(0, 20) : keepaliveMs);
    await this.#sleep(this.#random.logarithmic(20, 60_000));
    return 'leave';
  }

  /** Another tab of the same client, without the token or with it: the one stands, or the other takes over. */
  #second(): void {
    const node = this.#random.pick(this.#deployment.gateways);
    if (node === undefined) return;
    const hello: Hello = {
      clientId: this.spec.clientId,
      timeZone: 'Europe/Paris',
      conversationId: '',
      resumeToken: this.#random.chance(0.3) ? this.#resumeToken : '',
      afterSequence: 0n,
      waitForSlot: durationOf(0),
      inlineMedia: false,
    };
    this.#note(`connects a second time, to ${node.process.name}`);
    const second = new Connection(this.#world, {
      node,
      hello,
      shape: 'stream',
      latencyMs: 1,
      credentials: this.#credentials,
    });
    this.#world.scheduler.after(this.#random.logarithmic(10, 20_000), () =>
      second.stream.break(this.#random.chance(0.5) ? 0 : keepaliveMs),
    );
  }

  #breakRules(connection: Connection): void {
    this.#note('breaks the rules');
    connection.frame(rudeFrame(this.spec.clientId, this.#random));
    if (this.#random.chance(0.3)) for (let count = 0; count < 200; count += 1) connection.ping();
  }

  /** Has its conversation shown again and again, and reads nothing of it. */
  async #hoard(connection: Connection): Promise<'stay'> {
    const current = this.#current;
    if (current === undefined || this.#isTurning) return 'stay';
    this.#note('asks for much and reads nothing');
    connection.stream.setReading(false);
    for (let count = 0; count < hoardedShows; count += 1) this.#ask(connection, current.conversationId, 0n);
    await this.#sleep(this.#random.logarithmic(1_000, 60_000));
    connection.stream.setReading(true);
    return 'stay';
  }

  /** Faults are over: it comes back as README says, says what is not accepted again, and waits for all that it is owed. */
  async #finish(): Promise<void> {
    const untilMs = this.#now + slotMs;
    while (this.#now < untilMs) {
      if (await this.#finalSession()) return;
      await this.#sleep(this.#random.between(200, 2_000));
    }
    this.#world.find('progress/no-slot', `${this.spec.clientId} got no session in which all was told`);
  }

  /** True when there is nothing more to be had. */
  async #finalSession(): Promise<boolean> {
    const connection = this.#connect(30_000);
    if (connection === undefined || !(await this.#isOpened(connection))) return false;
    this.#say(connection, false);
    this.#sayAgain(connection);
    for (const transcript of [this.#current, ...this.transcripts.values()]) {
      if (transcript === undefined || transcript.isDeleted) continue;
      if (!(await this.#takeOwed(connection, transcript))) return false;
    }
    await this.#leave(connection);
    return true;
  }

  async #takeOwed(connection: Connection, transcript: Transcript): Promise<boolean> {
    if (transcript !== this.#current) {
      this.#turn(connection, transcript.conversationId, BigInt(transcript.position));
      const isThere = () => transcript === this.#current;
      if (!(await this.#listen(connection, this.#now + 30_000, isThere))) return false;
      if (!isThere()) {
        this.#world.find('progress/join', `${this.spec.clientId} could not turn to ${transcript.conversationId}`);
        return true;
      }
    }
    let askedMs = this.#now;
    const isSettled = () => transcript.unaccepted.length === 0 && this.#owed(transcript).length === 0;
    const untilMs = this.#now + owedMs;
    while (!isSettled() && this.#now < untilMs) {
      if (!(await this.#listen(connection, Math.min(untilMs, this.#now + 1_000), isSettled))) return false;
      if (this.#now - askedMs < 5_000) continue;
      askedMs = this.#now;
      this.#sayAgain(connection);
    }
    for (const { clientMessageId } of transcript.unaccepted)
      this.#world.find(
        'progress/unaccepted',
        `${this.spec.clientId}: ${clientMessageId} is neither accepted nor refused`,
      );
    for (const said of this.#owed(transcript)) this.#reportOwed(said);
    await this.#listen(connection, this.#now + 100, () => false);
    return true;
  }

  /** Accepted, and without an end told. One that the log has ended before the client's position was skipped: it does not come any more. */
  #owed(transcript: Transcript): readonly Said[] {
    return transcript.unanswered;
  }

  #reportOwed({ messageId, clientMessageId }: Said): void {
    const true_ = messageId === undefined ? undefined : this.#truth.messages.get(messageId);
    const what = `${this.spec.clientId}: ${clientMessageId} (${messageId})`;
    if (true_?.end === undefined) this.#world.find('progress/unanswered', `${what} has no end`);
    else
      this.#world.find(
        'delivery/reply-skipped',
        `${what} ended as ${true_.end.event.type} at ${true_.end.sequence}, untold`,
      );
  }

  async #try(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
    }
  }

  get #isTurning(): boolean {
    return this.#turnsAsked > 0;
  }

  get #now(): number {
    return this.#world.scheduler.nowMs;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.scheduler.after(ms, resolve));
  }

  #note(what: string): void {
    this.#world.trace.note(this.spec.clientId, what);
  }
}

/** Why a message is refused that names an object which cannot be taken. */
function isOfMedia(reason: string): boolean {
  return reason === 'MEDIA_NOT_FOUND' || reason === 'MEDIA_MISMATCH';
}

function describe(media: SaidMedia | undefined): string {
  if (media === undefined) return '';
  return 'mediaId' in media ? ` with ${media.mediaId}` : ` with ${media.contentType}`;
}

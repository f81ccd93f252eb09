import type { Hello } from '../../gen/chat/v1/chat_service.ts';
import type { ListMessagesResponse } from '../../gen/chat/v1/history_service.ts';
import { durationOf } from '../../rpc/wire-values.ts';
import { sampleMedia } from '../network/samples.ts';
import { CallFailed } from '../network/unary.ts';
import type { Truth } from '../oracle/truth.ts';
import type { ClientSpec } from '../scenario.ts';
import type { Deployment } from '../world/deployment.ts';
import { Random } from '../world/random.ts';
import type { World } from '../world/world.ts';
import { ClientSession, keepaliveMs } from './client-session.ts';
import { Connection } from './connection.ts';
import { flood, rudeFrame } from './rudeness.ts';
import { messageOf, type SaidMedia } from './said-message.ts';
import type { Said, Transcript } from './transcript.ts';

/** How long a client waits in the end for what it is still owed. */
const owedMs = 120_000;

/** How long it waits for an answer that the log has. */
const toldMs = 30_000;

/** How long a client tries in the end to get a slot. */
const slotMs = 600_000;

/** How often a client that hoards asks for its conversation. */
const hoardedShows = 100;

type Action = (connection: Connection) => 'stay' | 'leave' | Promise<'stay' | 'leave'>;

/** A client that follows docs/protocol.md, and does at random what people and networks do. */
export class ChatClient {
  readonly spec: ClientSpec;
  /** All is told that was owed. */
  isDone = false;
  readonly #world: World;
  readonly #deployment: Deployment;
  readonly #truth: Truth;
  readonly #session: ClientSession;
  readonly #random: Random;
  readonly #actions: readonly (readonly [number, Action])[];
  #count = 0;
  /** Titles that it has given. */
  #titles = 0;
  /** Which conversation it renames. */
  readonly #renames: Random;

  constructor(world: World, deployment: Deployment, truth: Truth, spec: ClientSpec) {
    this.#world = world;
    this.#deployment = deployment;
    this.#truth = truth;
    this.spec = spec;
    this.#session = new ClientSession(world, deployment, truth, spec);
    this.#random = this.#session.random;
    this.#renames = new Random(world.scenario.seed, `renames/${spec.clientId}`);
    this.#actions = this.#newActions();
  }

  /** Its conversations, by id. */
  get transcripts(): ReadonlyMap<string, Transcript> {
    return this.#session.transcripts;
  }

  /** Talks until faults end, then takes what it is owed. */
  async run(): Promise<void> {
    await this.#session.sleep(this.#random.between(0, 5_000));
    while (this.#world.faults.isActive) {
      await this.#talk();
      await this.#session.sleep(this.#random.logarithmic(50, 10_000));
    }
    await this.#finish();
    this.isDone = true;
  }

  async #talk(): Promise<void> {
    const connection = this.#session.connect();
    if (connection === undefined) return;
    if (this.spec.kind === 'rude' && this.#random.chance(0.3)) {
      this.#session.note('says much before it is welcome');
      for (const frame of flood(this.spec.clientId, this.#random)) connection.frame(frame);
    }
    if (!(await this.#session.isOpened(connection))) return;
    this.#session.sayAgain(connection);
    let isIn = true;
    while (isIn && this.#world.faults.isActive) {
      const untilMs = this.#session.now + this.#random.logarithmic(5, 8_000);
      isIn = await this.#session.listen(connection, untilMs, () => !this.#world.faults.isActive);
      if (isIn && this.#world.faults.isActive) isIn = (await this.#act(connection)) === 'stay';
    }
    if (isIn) connection.stream.break(0);
  }

  #act(connection: Connection): ReturnType<Action> {
    if (this.#session.isLeaving) return this.#leave(connection);
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
      [5, stay((connection) => void this.#session.uploads.begin(connection))],
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
    const renewing: typeof actions = this.#session.credentials.isOn
      ? [[12, stay((connection) => connection.renew())]]
      : [];
    if (this.spec.kind !== 'rude') return [...actions, ...renewing];
    return [
      ...actions,
      ...renewing,
      [15, stay((connection) => this.#breakRules(connection))],
      [4, (connection) => this.#hoard(connection)],
    ];
  }

  #say(connection: Connection, hasMedia: boolean): void {
    const current = this.#session.current;
    if (current === undefined || current.isDeleted || this.#session.isTurning) return;
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
    this.#session.note(`says ${clientMessageId}${describe(media)}`);
    connection.send(messageOf(said));
  }

  /** In the message, or by name. */
  #anyMedia(): SaidMedia {
    const mediaId = this.#random.chance(0.5) ? this.#session.uploads.any() : undefined;
    if (mediaId !== undefined) return { mediaId };
    return this.#random.pick(Object.values(sampleMedia))(`${this.spec.clientId}-${this.#count}`);
  }

  #repeat(connection: Connection): void {
    const all = [...(this.#session.current?.said.values() ?? [])];
    if (all.length === 0 || this.#session.isTurning) return;
    const said = this.#random.pick(all);
    this.#session.note(`repeats ${said.clientMessageId}`);
    connection.send(messageOf(said));
  }

  #stop(connection: Connection): void {
    const unanswered = this.#session.current?.unanswered ?? [];
    if (unanswered.length === 0) return;
    const { messageId } = this.#random.pick(unanswered);
    this.#session.note(`stops ${messageId}`);
    if (messageId === undefined) return;
    this.#truth.askedToStop.add(messageId);
    connection.stop(messageId);
  }

  #join(connection: Connection): void {
    const others = [...this.#session.transcripts.values()].filter(
      (other) => !other.isDeleted && other !== this.#session.current,
    );
    if (others.length === 0 || this.#random.chance(0.3)) return this.#session.turn(connection, '', 0n);
    const other = this.#random.pick(others);
    this.#session.note(`turns to ${other.conversationId}`);
    this.#session.turn(connection, other.conversationId, BigInt(other.position));
  }

  async #rename(connection: Connection): Promise<'stay'> {
    const current = this.#session.current;
    if (current === undefined) return 'stay';
    const others = [...this.#session.transcripts.values()].filter(({ isDeleted }) => !isDeleted);
    const isElsewhere = others.length > 0 && this.#renames.chance(0.3);
    const { conversationId } = isElsewhere ? this.#renames.pick(others) : current;
    this.#titles += 1;
    await this.#try(
      connection.call((of) => of.history.renameConversation, { conversationId, title: `title ${this.#titles}` }),
    );
    return 'stay';
  }

  async #delete(connection: Connection): Promise<'stay'> {
    const current = this.#session.current;
    if (current === undefined) return 'stay';
    // From here on nobody knows, until the log has it, whether it is there.
    current.isDeleted = true;
    this.#session.note(`deletes ${current.conversationId}`);
    await this.#try(connection.call((of) => of.history.deleteConversation, { conversationId: current.conversationId }));
    this.#session.turn(connection, '', 0n);
    return 'stay';
  }

  async #page(connection: Connection): Promise<'stay'> {
    const current = this.#session.current;
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
    this.#session.note(`reads nothing for ${Math.round(ms)} ms`);
    connection.stream.setReading(false);
    if (this.#random.chance(0.5)) this.#say(connection, false);
    await this.#session.sleep(ms);
    connection.stream.setReading(true);
    return 'stay';
  }

  async #leave(connection: Connection): Promise<'leave'> {
    this.#session.note('says goodbye');
    connection.goodbye();
    await this.#session.listen(connection, this.#session.now + 15_000, () => connection.stream.isOver);
    if (!connection.stream.isOver) connection.stream.break(0);
    this.#session.resumeToken = '';
    return 'leave';
  }

  async #vanish(connection: Connection): Promise<'leave'> {
    this.#session.note('vanishes');
    connection.stream.break(this.#random.chance(0.5) ? this.#random.between(0, 20) : keepaliveMs);
    await this.#session.sleep(this.#random.logarithmic(20, 60_000));
    return 'leave';
  }

  /** Another tab or device of the same client, without the token, with it, or asking for the session: the one stands, or the other takes over. */
  #second(): void {
    const { gateways } = this.#deployment;
    if (gateways.length === 0) return;
    const node = this.#random.pick(gateways);
    const hello: Hello = {
      clientId: this.spec.clientId,
      timeZone: 'Europe/Paris',
      conversationId: '',
      resumeToken: this.#random.chance(0.3) ? this.#session.resumeToken : '',
      afterSequence: 0n,
      waitForSlot: durationOf(0),
      inlineMedia: false,
      takeOver: this.#random.chance(0.3),
    };
    this.#session.note(`connects a second time, to ${node.process.name}`);
    const second = new Connection(this.#world, {
      node,
      hello,
      shape: 'stream',
      latencyMs: 1,
      credentials: this.#session.credentials,
    });
    this.#world.scheduler.after(this.#random.logarithmic(10, 20_000), () =>
      second.stream.break(this.#random.chance(0.5) ? 0 : keepaliveMs),
    );
  }

  #breakRules(connection: Connection): void {
    this.#session.note('breaks the rules');
    connection.frame(rudeFrame(this.spec.clientId, this.#random));
    if (this.#random.chance(0.3)) for (let count = 0; count < 200; count += 1) connection.ping();
  }

  /** Has its conversation shown again and again, and reads nothing of it. */
  async #hoard(connection: Connection): Promise<'stay'> {
    const current = this.#session.current;
    if (current === undefined || this.#session.isTurning) return 'stay';
    this.#session.note('asks for much and reads nothing');
    connection.stream.setReading(false);
    for (let count = 0; count < hoardedShows; count += 1) this.#session.ask(connection, current.conversationId, 0n);
    await this.#session.sleep(this.#random.logarithmic(1_000, 60_000));
    connection.stream.setReading(true);
    return 'stay';
  }

  /** After the faults: it reconnects and resends as docs/protocol.md says, and waits for every outcome that is due. */
  async #finish(): Promise<void> {
    const untilMs = this.#session.now + slotMs;
    while (this.#session.now < untilMs) {
      if (await this.#finalSession()) return;
      await this.#session.sleep(this.#random.between(200, 2_000));
    }
    this.#world.find('progress/no-slot', `${this.spec.clientId} got no session in which all was told`);
  }

  /** True when there is nothing more to be had. */
  async #finalSession(): Promise<boolean> {
    const connection = this.#session.connect(30_000);
    if (connection === undefined || !(await this.#session.isOpened(connection))) return false;
    this.#say(connection, false);
    this.#session.sayAgain(connection);
    for (const transcript of [this.#session.current, ...this.#session.transcripts.values()]) {
      if (transcript === undefined || transcript.isDeleted) continue;
      if (!(await this.#takeOwed(connection, transcript))) return false;
    }
    await this.#leave(connection);
    return true;
  }

  async #takeOwed(connection: Connection, transcript: Transcript): Promise<boolean> {
    if (transcript !== this.#session.current) {
      this.#session.turn(connection, transcript.conversationId, BigInt(transcript.position));
      const isThere = () => transcript === this.#session.current;
      if (!(await this.#session.listen(connection, this.#session.now + 30_000, isThere))) return false;
      if (!isThere()) {
        this.#world.find('progress/join', `${this.spec.clientId} could not turn to ${transcript.conversationId}`);
        return true;
      }
    }
    let askedMs = this.#session.now;
    let endedMs: number | undefined;
    const isSettled = () =>
      transcript.unaccepted.length === 0 && transcript.unanswered.length === 0 && transcript.untold === undefined;
    const untilMs = this.#session.now + owedMs;
    while (!isSettled() && this.#session.now < untilMs) {
      if (!(await this.#session.listen(connection, Math.min(untilMs, this.#session.now + 1_000), isSettled)))
        return false;
      // Others may wait for its slot.
      endedMs = this.#areEnded(transcript) ? (endedMs ?? this.#session.now) : undefined;
      if (endedMs !== undefined && this.#session.now - endedMs > toldMs) break;
      if (this.#session.now - askedMs < 5_000) continue;
      askedMs = this.#session.now;
      this.#session.sayAgain(connection);
    }
    for (const { clientMessageId } of transcript.unaccepted)
      this.#world.find(
        'progress/unaccepted',
        `${this.spec.clientId}: ${clientMessageId} is neither accepted nor refused`,
      );
    for (const said of transcript.unanswered) this.#reportOwed(said);
    if (transcript.untold !== undefined)
      this.#world.find(
        'delivery/change-skipped',
        `${this.spec.clientId}: ${transcript.conversationId} was changed at ${transcript.untold.sequence}, untold`,
      );
    await this.#session.listen(connection, this.#session.now + 100, () => false);
    return true;
  }

  /** Whatever it is owed is in the log. */
  #areEnded({ unaccepted, unanswered }: Transcript): boolean {
    const isEnded = ({ messageId = '' }: Said) => this.#truth.messages.get(messageId)?.end !== undefined;
    return unaccepted.length === 0 && unanswered.every(isEnded);
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
}

function describe(media: SaidMedia | undefined): string {
  if (media === undefined) return '';
  return 'mediaId' in media ? ` with ${media.mediaId}` : ` with ${media.contentType}`;
}

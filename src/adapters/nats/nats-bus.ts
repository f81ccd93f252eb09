import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { LiveBus, LiveEvent } from '../../ports/live-bus.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { DraftRequests } from './draft-requests.ts';
import { type Decoded, decodeEvent, decodeRequest, encodeEvent, encodeRequest } from './encoding.ts';
import { firstConnectMs } from './limits.ts';
import { NatsLink } from './nats-link.ts';
import { draftsSubject, liveSubject } from './subjects.ts';
import { Tally } from './tally.ts';

export interface NatsBusOptions {
  /** `nats://` or `tls://` URLs, with credentials where the servers ask for them. */
  readonly servers: readonly string[];
  /** The deployment's: begins every subject. */
  readonly prefix: string;
  /** Of this process, as the server's monitoring shows it. */
  readonly name: string;
  readonly logger: Logger;
}

/** A live bus on NATS, and what it has lost. */
export interface NatsBus extends LiveBus {
  /** Whether there is a connection now. */
  isConnected(): boolean;
  /** Since the start: `unsent` messages were published without a connection; `unreadable` ones could not be decoded. */
  faults(): { readonly unsent: number; readonly unreadable: number };
}

type Handler = (event: LiveEvent) => void;
type DraftServer = (conversationId: string) => readonly LiveEvent[];

/** Who watches a conversation here: one subscription for all of them, undefined without a connection. */
interface Watched {
  readonly subject: string;
  readonly watchers: Set<{ readonly handler: Handler }>;
  subscription: Subscription | undefined;
}

/**
 * Opens the bus, and resolves when it is connected, or soon without a server: it keeps trying, and drops what is published meanwhile. TypeError for an
 * invalid URL.
 *
 * Watchers in this process get its messages at once, without the server. Messages of others are delivered while they are read from the connection: a
 * slow watcher slows the reading, the server buffers, and finally disconnects; here nothing accumulates.
 */
export async function openNatsBus(options: NatsBusOptions): Promise<NatsBus> {
  const bus = new Bus(options);
  await bus.firstTry;
  return bus;
}

class Bus implements NatsBus {
  readonly firstTry: Promise<unknown>;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #link: NatsLink;
  readonly #unreadable: Tally;
  readonly #watched = new Map<string, Watched>();
  readonly #requests: DraftRequests;
  readonly #draftServers = new Set<{ readonly answer: DraftServer }>();
  #draftsSubscription: Subscription | undefined;

  constructor({ prefix, logger, servers, name }: NatsBusOptions) {
    this.#prefix = prefix;
    this.#logger = logger;
    this.#unreadable = new Tally(logger, 'a message of the live bus cannot be decoded');
    this.#requests = new DraftRequests({
      prefix,
      ask: (conversationId, answerTo) =>
        this.#link.send(draftsSubject(prefix), encodeRequest(conversationId), answerTo),
      read: (bytes) => this.#readable(decodeEvent(bytes)),
      tell: (handlers, event) => {
        for (const handler of handlers) this.#tell(handler, event);
      },
    });
    this.#link = new NatsLink({ servers, name, logger, onConnected: (connection) => this.#subscribeAll(connection) });
    this.firstTry = Promise.race([this.#link.firstTry, sleep(firstConnectMs, undefined, { ref: false })]);
  }

  publish(conversationId: string, event: LiveEvent): void {
    this.#link.send(liveSubject(this.#prefix, conversationId), encodeEvent(event));
    this.#tellWatchers(conversationId, event);
  }

  subscribe(conversationId: string, handler: Handler): () => void {
    const watched = this.#watched.get(conversationId) ?? this.#beginWatching(conversationId);
    const watcher = { handler };
    watched.watchers.add(watcher);
    return () => {
      if (!watched.watchers.delete(watcher) || watched.watchers.size > 0) return;
      watched.subscription?.unsubscribe();
      this.#watched.delete(conversationId);
    };
  }

  requestDrafts(conversationId: string, handler: Handler): void {
    for (const event of this.#draftsOf(conversationId)) this.#tell(handler, event);
    this.#requests.ask(conversationId, handler);
  }

  serveDrafts(answer: DraftServer): () => void {
    const server = { answer };
    this.#draftServers.add(server);
    if (this.#draftsSubscription === undefined) this.#subscribeToRequests(this.#link.connection);
    return () => {
      if (!this.#draftServers.delete(server) || this.#draftServers.size > 0) return;
      this.#draftsSubscription?.unsubscribe();
      this.#draftsSubscription = undefined;
    };
  }

  isConnected(): boolean {
    return this.#link.connection !== undefined;
  }

  faults() {
    return { unsent: this.#link.lost.count, unreadable: this.#unreadable.count };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watched.clear();
    this.#draftServers.clear();
    this.#requests.close();
    await this.#link.close();
    this.#unreadable.report();
  }

  #subscribeAll(connection: NatsConnection): void {
    this.#requests.subscribe(connection);
    for (const [conversationId, watched] of this.#watched) this.#watch(connection, conversationId, watched);
    this.#draftsSubscription = undefined;
    if (this.#draftServers.size > 0) this.#subscribeToRequests(connection);
  }

  #beginWatching(conversationId: string): Watched {
    const watched: Watched = {
      subject: liveSubject(this.#prefix, conversationId),
      watchers: new Set(),
      subscription: undefined,
    };
    this.#watched.set(conversationId, watched);
    this.#watch(this.#link.connection, conversationId, watched);
    return watched;
  }

  #watch(connection: NatsConnection | undefined, conversationId: string, watched: Watched): void {
    if (!isUsable(connection)) return;
    watched.subscription = connection.subscribe(watched.subject, {
      callback: (error, { data }) => {
        if (error !== null) return;
        const event = this.#readable(decodeEvent(data));
        if (event !== undefined) this.#tellWatchers(conversationId, event);
      },
    });
  }

  #subscribeToRequests(connection: NatsConnection | undefined): void {
    if (!isUsable(connection)) return;
    this.#draftsSubscription = connection.subscribe(draftsSubject(this.#prefix), {
      callback: (error, message) => {
        if (error === null) this.#answer(message);
      },
    });
  }

  #answer({ data, reply }: Msg): void {
    const request = this.#readable(decodeRequest(data));
    if (request === undefined || !reply) return;
    for (const event of this.#draftsOf(request.conversationId)) this.#link.send(reply, encodeEvent(event));
  }

  #draftsOf(conversationId: string): readonly LiveEvent[] {
    return [...this.#draftServers].flatMap(({ answer }) => this.#safely(() => answer(conversationId)) ?? []);
  }

  #tellWatchers(conversationId: string, event: LiveEvent): void {
    for (const { handler } of this.#watched.get(conversationId)?.watchers ?? []) this.#tell(handler, event);
  }

  #tell(handler: Handler, event: LiveEvent): void {
    this.#safely(() => handler(event));
  }

  /** What throws while it is called from the connection's reading would end that, and with it the bus. */
  #safely<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#logger.error({ err: error }, 'a user of the live bus has thrown');
      return undefined;
    }
  }

  #readable<T>(decoded: Decoded<T>): T | undefined {
    if (decoded === 'unreadable') this.#unreadable.add();
    return decoded === 'unreadable' || decoded === 'foreign' ? undefined : decoded;
  }
}

/** A connection that has just ended takes no subscription; the next one gets them all. */
function isUsable(connection: NatsConnection | undefined): connection is NatsConnection {
  return connection !== undefined && !connection.isClosed();
}

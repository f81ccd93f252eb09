import { setTimeout as sleep } from 'node:timers/promises';
import { type Dial, shapes } from './black-box-client.ts';
import { CheckingClient, type Habits } from './checking-client.ts';
import type { Cluster } from './cluster.ts';
import { CallRefused, type Dynamic } from './contract.ts';
import { type DeliveryBreach, deliveryBreaches } from './delivery-oracle.ts';
import { endedIn, factsIn, type Processing, processingOf } from './log-oracle.ts';
import { historyBreaches, wholeConversation, withoutLinks } from './oracle.ts';
import { percentile } from './percentile.ts';
import type { Sayings } from './sayings.ts';
import { runParley } from './server.ts';
import { eventually } from './test-sessions.ts';

/** What a dead worker left is taken up within 15 s; the rest is for a busy machine. */
const settleTimeoutMs = 45_000;
/** Several times as long as clients wait before they connect again: who has no answer by then will never have one. */
const overdueMs = 90_000;

/** By it a client notices a server that stands still, of which nothing else tells. */
export const noticing = {
  'grpc.keepalive_time_ms': 3_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
} as const;

/** Replies that take almost two seconds, nearly all of it in pieces: a fault is sure to meet some of them, and two cores carry 50 clients. */
export const unhurried: Readonly<Record<string, string>> = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-300',
  PARLEY_SIMULATED_PIECES: '8',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '200',
};

/** What a rover is beside its number. */
export interface RoverOptions extends Partial<Omit<Dial, 'address'>> {
  readonly sayings?: Sayings;
  readonly clientId?: string;
  readonly habits?: Habits;
}

/** A checkingClient that goes to the next gateway at each loss, beginning with the one of its number. */
export function rover(
  cluster: Cluster,
  index: number,
  { sayings, clientId, habits, ...dial }: RoverOptions = {},
): CheckingClient {
  const shape = shapes[Math.floor(index / 2) % shapes.length] ?? 'bidi';
  let turn = index;
  const where = () => {
    const gateways = cluster.of('gateway');
    const address = gateways[turn % gateways.length]?.server.address ?? '';
    turn += 1;
    return { shape, ...dial, address };
  };
  return new CheckingClient(where, 1, sayings, clientId, habits);
}

/** CheckingClients at a cluster, and what must be true of all that they were told. Disposed: they give up, for the end of a test that failed. */
export class ClusterTalk implements Disposable {
  readonly checkingClients: readonly CheckingClient[];
  readonly #cluster: Cluster;
  #talks: readonly Promise<void>[] = [];

  constructor(cluster: Cluster, checkingClients: readonly CheckingClient[]) {
    this.#cluster = cluster;
    this.checkingClients = checkingClients;
  }

  /** How many messages they were told are accepted. */
  get accepted(): number {
    return this.checkingClients.reduce((sum, checkingClient) => sum + checkingClient.accepted.length, 0);
  }

  /** Resolves when each has heard a piece of its first reply. */
  async begin(): Promise<void> {
    const heard = this.allHear('replyDelta');
    this.#talks = this.checkingClients.map((checkingClient) => checkingClient.talk());
    for (const talk of this.#talks) talk.catch(() => undefined);
    await Promise.race([heard, Promise.all(this.#talks)]);
  }

  /** Resolves when the next event of this kind has come to each, with the milliseconds that each has waited for it. */
  allHear(kind: string): Promise<readonly number[]> {
    const sinceMs = performance.now();
    return Promise.all(
      this.checkingClients.map((checkingClient) => checkingClient.hears(kind).then(() => performance.now() - sinceMs)),
    );
  }

  /** Resolves when all that they were told is accepted by now has its end in the log. */
  async settle(timeoutMs = settleTimeoutMs): Promise<void> {
    const told = this.checkingClients.flatMap((checkingClient) =>
      checkingClient.accepted.map(({ accepted }) => accepted.messageId as string),
    );
    await eventually(
      async () => {
        const ended = endedIn(await this.#cluster.entries());
        return told.filter((messageId) => !ended.has(messageId));
      },
      (unended) => unended.length === 0,
      timeoutMs,
    );
  }

  /** Lets each finish what it is saying. Resolves when history holds all of it. */
  async end(): Promise<void> {
    for (const checkingClient of this.checkingClients) checkingClient.stopTalking();
    await this.#inTime(Promise.all(this.#talks));
    await this.settle();
    await eventually(
      () => this.#historyBreaches(),
      (breaches) => breaches.length === 0,
      settleTimeoutMs,
    );
  }

  /** Resolves when each was sent a message since. Rejects with what the streams did wrong when somebody waits in vain, as whoever missed a reply does. */
  answered(): Promise<void> {
    return this.#inTime(this.allHear('message'));
  }

  async #inTime(work: Promise<unknown>): Promise<void> {
    if (await isDoneWithin(work, overdueMs)) return;
    for (const checkingClient of this.checkingClients) checkingClient.stopTalking();
    await isDoneWithin(Promise.all(this.#talks), settleTimeoutMs);
    const breaches = (await this.deliveryBreaches()).map(({ rule, what }) => `${rule}: ${what}`);
    throw new Error(`somebody waits in vain for an answer:\n${breaches.join('\n')}`);
  }

  /** What the log says about how all of it was processed. */
  async processing(): Promise<Processing> {
    return processingOf(await this.#cluster.entries());
  }

  /** What is wrong with what their streams sent, record by record of the log, once they have ended. */
  async deliveryBreaches(): Promise<readonly DeliveryBreach[]> {
    const facts = factsIn(await this.#cluster.entries());
    return this.checkingClients.flatMap(({ clientId, transcripts, accepted }) => {
      const answers = accepted.map((said) => said.accepted);
      return deliveryBreaches({ clientId, transcripts: transcripts.all, answers }, facts);
    });
  }

  /** Whatever is wrong (O1–O5 and O7), once they have ended. Rebuilds history. */
  async breaches(): Promise<readonly string[]> {
    const { breaches, messages, ended } = await this.processing();
    const found = [...(await this.#historyBreaches()), ...breaches];
    found.push(...(await this.deliveryBreaches()).map(({ rule, what }) => `${rule}: ${what}`));
    if (ended !== messages) found.push(`${messages} messages in the log, ${ended} with their end`);
    const ownMessages = await this.#ownMessages();
    if (ownMessages !== this.accepted) found.push(`${this.accepted} accepted, ${ownMessages} in the log`);
    const audit = await runParley(['audit', '--json'], this.#cluster.env);
    if (audit.code !== 0) found.push(`audit: ${audit.stdout} ${audit.stderr}`);
    const before = await this.#whole();
    const rebuild = await runParley(['rebuild', 'history'], this.#cluster.env);
    if (rebuild.code !== 0) found.push(`rebuild: ${rebuild.stdout} ${rebuild.stderr}`);
    if (JSON.stringify(before) !== JSON.stringify(await this.#whole())) found.push('history is another when rebuilt');
    return found;
  }

  /** How soon those who lost their streams since (by `performance.now()`) went on, for people. */
  interruptions(sinceMs = 0): { readonly heardMs: readonly number[]; readonly text: string } {
    const lost = this.checkingClients.flatMap(({ interruptions }) =>
      interruptions.filter((one) => one.lostAtMs >= sinceMs),
    );
    const heardMs = lost.flatMap(({ heardMs }) => heardMs ?? []);
    const welcomedMs = lost.flatMap(({ welcomedMs }) => welcomedMs ?? []);
    const text = `${lost.length} streams lost; welcomed after ${spread(welcomedMs)}, streaming after ${spread(heardMs)}`;
    return { heardMs, text };
  }

  [Symbol.dispose](): void {
    for (const checkingClient of this.checkingClients) checkingClient.giveUp();
  }

  /** How many messages of theirs the log has; each once. */
  async #ownMessages(): Promise<number> {
    const clientIds = new Set(this.checkingClients.map(({ clientId }) => clientId));
    const said = (await this.#cluster.entries()).flat().flatMap(({ event }) => {
      return event.type === 'MessageReceived' && clientIds.has(event.clientId) ? [event.messageId] : [];
    });
    return new Set(said).size;
  }

  async #historyBreaches(): Promise<readonly string[]> {
    return historyBreaches(this.#cluster.nextAddress(), this.checkingClients).catch((error: unknown) => [
      String(error),
    ]);
  }

  /** One after the other: the stand-in for MongoDB looks at every message for each page. */
  async #whole(): Promise<unknown> {
    const conversations: Dynamic[][] = [];
    for (const { conversationIds, accessToken } of this.checkingClients)
      for (const id of conversationIds)
        conversations.push(withoutLinks(await this.#wholeConversation(id, accessToken)));
    return conversations;
  }

  /** Again where it could not be read in time: of so many messages that stand-in takes seconds for a page. */
  async #wholeConversation(id: string, accessToken: string | undefined): Promise<Dynamic[]> {
    const read = () =>
      wholeConversation(this.#cluster.nextAddress(), id, accessToken).catch((error: unknown) => {
        if (error instanceof CallRefused && error.reason === 'HISTORY_BEHIND') return undefined;
        throw error;
      });
    return (await eventually(read, (messages) => messages !== undefined, settleTimeoutMs)) ?? [];
  }
}

/** p50, p99 and the longest of these milliseconds, for people. */
export function spread(ms: readonly number[]): string {
  const at = (share: number) => percentile(ms, share).toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

async function isDoneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([work.then(() => true), sleep(ms, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

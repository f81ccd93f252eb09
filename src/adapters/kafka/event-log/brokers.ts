import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { type KafkaConnectionConfig, saslOptions } from './client.ts';
import { hedgeMs, requestTimeoutMs } from './limits.ts';
import { type Address, api, Wire, WireBroken, type WireSettings } from './wire.ts';

/** What a connection is for: an answer that takes long must hold up only its like. */
export type Purpose = 'asking' | 'producing' | 'tailing' | 'tailing newcomers' | 'committing';

/** One broker of the cluster. */
export type NodeId = number;

interface Metadata {
  readonly brokers: readonly (Address & { readonly nodeId: NodeId })[];
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: NodeId }[];
  }[];
}

interface CoordinatorAnswer {
  readonly errorCode: number;
  readonly coordinator: Address & { readonly nodeId: NodeId };
}

interface ProducerIdAnswer {
  readonly errorCode: number;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** The cluster: where its brokers are, which of them leads each partition, and connections to them. Every method rejects with WireBroken, soon. */
export class Brokers implements Disposable {
  readonly #bootstrap: readonly Address[];
  readonly #settings: WireSettings;
  readonly #topics: readonly string[];
  readonly #wires = new Map<string, Promise<Wire>>();
  readonly #addresses = new Map<NodeId, Address>();
  #leaders = new Map<string, NodeId>();
  #refreshing: Promise<void> | undefined;
  #nextBootstrap = 0;
  #closed = false;

  constructor({ brokers, tls, sasl, clientId }: KafkaConnectionConfig, topics: readonly string[]) {
    this.#bootstrap = brokers.map(addressOf);
    this.#settings = { tls, sasl: sasl === undefined ? undefined : saslOptions(sasl), clientId };
    this.#topics = topics;
  }

  /** The broker that leads a partition, as far as is known; undefined when it must be asked for. */
  leader(topic: string, partition: number): NodeId | undefined {
    return this.#leaders.get(`${topic}/${partition}`);
  }

  /** A partition's leader is unknown, or unreachable: metadata are refreshed before the next use. */
  forget(topic: string, partition: number): void {
    this.#leaders.delete(`${topic}/${partition}`);
  }

  /** Asks which brokers there are, and who leads what. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** The leader, asked for if need be. */
  async leaderOf(topic: string, partition: number): Promise<NodeId> {
    if (this.leader(topic, partition) === undefined) await this.refresh();
    const leader = this.leader(topic, partition);
    if (leader === undefined) throw new WireBroken(`${topic}/${partition} has no leader`);
    return leader;
  }

  /** The connection to a broker for a purpose, opened if need be. */
  wire(node: NodeId, purpose: Purpose): Promise<Wire> {
    const address = this.#addresses.get(node);
    if (address === undefined) return Promise.reject(new WireBroken(`broker ${node} is not known`));
    return this.#open(`${purpose} ${node}`, address);
  }

  /** The broker that keeps a group's positions. */
  async coordinator(group: string): Promise<NodeId> {
    const options = { groupId: group, coordinatorType: 0 };
    const { errorCode, coordinator } = await this.#askAny<CoordinatorAnswer>(api.findCoordinator, options);
    if (errorCode !== 0) throw new WireBroken(`no broker keeps the positions of ${group}: error ${errorCode}`);
    this.#addresses.set(coordinator.nodeId, { host: coordinator.host, port: coordinator.port });
    return coordinator.nodeId;
  }

  /** A producer id of our own. */
  async producerIdentity(): Promise<{ readonly producerId: bigint; readonly producerEpoch: number }> {
    const options = { transactionTimeout: requestTimeoutMs };
    const answer = await this.#askAny<ProducerIdAnswer>(api.initProducerId, options);
    if (answer.errorCode !== 0) throw new WireBroken(`no producer id: error ${answer.errorCode}`);
    return { producerId: BigInt(answer.producerId), producerEpoch: answer.producerEpoch };
  }

  /** Ends all connections, and with them whatever is asked on them. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const opening of this.#wires.values()) opening.then((wire) => wire.close()).catch(() => undefined);
    this.#wires.clear();
  }

  async #refresh(): Promise<void> {
    const options = { topics: this.#topics, allowAutoTopicCreation: false };
    const { brokers, topicMetadata } = await this.#askAny<Metadata>(api.metadata, options);
    for (const { nodeId, host, port } of brokers) this.#addresses.set(nodeId, { host, port });
    const leaders = new Map<string, NodeId>();
    for (const { topic, partitionMetadata } of topicMetadata) {
      for (const { partitionId, leader } of partitionMetadata)
        if (leader >= 0) leaders.set(`${topic}/${partitionId}`, leader);
    }
    this.#leaders = leaders;
  }

  /**
   * Asks what any broker can answer: one after the other, those that are connected first and those that were configured last, until one does. One
   * that keeps its answer to itself for a second, as a broker that was stopped does, is not waited for alone.
   */
  async #askAny<Answer>(
    which: typeof api.findCoordinator | typeof api.initProducerId | typeof api.metadata,
    options: object,
  ): Promise<Answer> {
    const over = new AbortController();
    const asked: Promise<Answer>[] = [];
    try {
      for (const connect of this.#anyone()) {
        const answer = connect().then((wire) => wire.ask<Answer>(which, options));
        asked.push(answer);
        const settled = answer.then(
          () => true,
          () => false,
        );
        const tooLong = sleep(hedgeMs, false, { signal: over.signal }).catch(() => false);
        if (await Promise.race([settled, tooLong])) break;
      }
      return await Promise.any(asked);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors.at(-1) : error;
    } finally {
      over.abort();
    }
  }

  #anyone(): readonly (() => Promise<Wire>)[] {
    const nodes = [...this.#addresses.keys()];
    const isOpen = (node: NodeId) => this.#wires.has(`asking ${node}`);
    const first = this.#nextBootstrap++ % this.#bootstrap.length;
    const configured = [...this.#bootstrap.slice(first), ...this.#bootstrap.slice(0, first)];
    return [
      ...nodes.filter(isOpen).map((node) => () => this.wire(node, 'asking')),
      ...configured.map((address) => () => this.#open(`bootstrap ${address.host}:${address.port}`, address)),
    ];
  }

  /** One connection under each name, shared by all who ask for it; a broken one makes room for the next. */
  #open(name: string, address: Address): Promise<Wire> {
    if (this.#closed) return Promise.reject(new LogUnavailable('the log is closed', 'not-written'));
    const opened = this.#wires.get(name);
    if (opened !== undefined) return opened.then((wire) => (wire.closed ? this.#reopen(name, address, opened) : wire));
    const opening = Wire.open(address, this.#settings);
    this.#wires.set(name, opening);
    opening
      .then((wire) => {
        if (this.#closed) wire.close();
      })
      .catch(() => this.#drop(name, opening));
    return opening;
  }

  #reopen(name: string, address: Address, broken: Promise<Wire>): Promise<Wire> {
    this.#drop(name, broken);
    return this.#open(name, address);
  }

  #drop(name: string, wire: Promise<Wire>): void {
    if (this.#wires.get(name) === wire) this.#wires.delete(name);
  }
}

/** `host:port`, the host of IPv6 in brackets. */
function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(broker.slice(colon + 1)) };
}

import { type Cluster, type Kafka, PartitionAssigners } from 'kafkajs';
import type { Logger } from '../../../ports/telemetry.ts';
import { type EncodedShare, protocolName } from './group-messages.ts';

/** The broker that keeps the group, as kafkajs has it (`Broker`); its type names only other requests. */
export interface Coordinator {
  joinGroup(request: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    /** '': a new one. */
    memberId: string;
    groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<JoinedGroup>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: readonly EncodedShare[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}

export interface JoinedGroup {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** Everybody, for the leader; nobody for the others. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

/**
 * A way to the broker that keeps a group. After a failure nothing of the old way is used again: kafkajs's connections have states that they do
 * not leave by themselves.
 */
export class CoordinatorLink {
  readonly #kafka: Kafka;
  readonly #group: string;
  readonly #topic: string;
  readonly #logger: Logger;
  #open: { readonly cluster: Cluster; readonly close: () => Promise<void> } | undefined;
  #coordinator: Promise<Coordinator> | undefined;

  constructor(kafka: Kafka, group: string, topic: string, logger: Logger) {
    this.#kafka = kafka;
    this.#group = group;
    this.#topic = topic;
    this.#logger = logger;
  }

  /** The coordinator, looked up when it is not known. Rejects with what kafkajs says. */
  coordinator(): Promise<Coordinator> {
    this.#coordinator ??= this.#lookUp();
    return this.#coordinator;
  }

  async #lookUp(): Promise<Coordinator> {
    const { cluster } = this.#opened();
    await cluster.connect();
    await cluster.addMultipleTargetTopics([this.#topic]);
    return (await cluster.findGroupCoordinator({ groupId: this.#group })) as unknown as Coordinator;
  }

  /** How many partitions the topic has now. */
  async partitionCount(): Promise<number> {
    const { cluster } = this.#opened();
    await cluster.refreshMetadata();
    const { length } = cluster.findTopicPartitionMetadata(this.#topic);
    if (length === 0) throw new Error(`topic ${this.#topic} has no partitions`);
    return length;
  }

  /** Disconnects, aborting requests. The next request looks the coordinator up again. */
  async reset(): Promise<void> {
    const [open, coordinator] = [this.#open, this.#coordinator];
    this.#open = undefined;
    this.#coordinator = undefined;
    // A look-up that is under way opens connections still.
    await Promise.allSettled([coordinator]);
    try {
      await open?.close();
    } catch (error) {
      this.#logger.debug({ group: this.#group, err: error }, 'a connection to the group did not close in order');
    }
  }

  /**
   * kafkajs passes its `Cluster` to assigners only. The consumer made for this never runs: its own group membership keeps fetching, assigns partitions
   * to their new member before the old one has heard of it, and never ends, without working, when it is disconnected while it joins.
   */
  #opened() {
    if (this.#open !== undefined) return this.#open;
    let cluster: Cluster | undefined;
    const consumer = this.#kafka.consumer({
      groupId: this.#group,
      allowAutoTopicCreation: false,
      partitionAssigners: [
        (config) => {
          cluster = config.cluster;
          return { ...PartitionAssigners.roundRobin(config), name: protocolName };
        },
      ],
    });
    if (cluster === undefined) throw new Error('kafkajs made a consumer without asking for its assigner');
    this.#open = { cluster, close: () => consumer.disconnect() };
    return this.#open;
  }
}

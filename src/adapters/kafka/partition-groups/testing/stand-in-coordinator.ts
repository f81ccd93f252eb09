import type { Kafka } from 'kafkajs';
import type { Coordinator, JoinedGroup } from '../coordinator-link.ts';

/** An error as kafkajs has it: `type` is Kafka's name of it. */
export function kafkaError(type: string): Error {
  return Object.assign(new Error(type), { type });
}

interface Joining {
  readonly metadata: Buffer;
  readonly resolve: (joined: JoinedGroup) => void;
}

/**
 * The coordinator of one group of one living member, in memory, and the kafkajs client that leads there. As Kafka's it answers a request to join when
 * every member that it knows of has asked.
 */
export class StandInCoordinator implements Coordinator {
  readonly topicPartitions: number;
  /** What look-ups of the coordinator are answered with, in order, before the first that succeeds. */
  readonly lookUpErrors: Error[] = [];
  /** And heartbeats, likewise. */
  readonly heartbeatErrors: Error[] = [];
  /** What was requested, in order: `join`, `leave` and `heartbeat` with the member's id. */
  readonly requests: string[] = [];
  readonly #members = new Map<string, Joining | undefined>();
  #ids = 0;
  #generation = 0;
  #newcomerRefusal: { readonly error: Error; readonly meanwhile: () => void } | undefined;

  constructor(topicPartitions: number) {
    this.topicPartitions = topicPartitions;
  }

  /** As far as it is used here. */
  get kafka(): Kafka {
    const cluster = {
      connect: async () => {},
      addMultipleTargetTopics: async () => {},
      findGroupCoordinator: async () => {
        const error = this.lookUpErrors.shift();
        if (error !== undefined) throw error;
        return this;
      },
      refreshMetadata: async () => {},
      findTopicPartitionMetadata: () => ({ length: this.topicPartitions }),
    };
    const consumer = ({ partitionAssigners: [assigner] }: { partitionAssigners: ((config: object) => unknown)[] }) => {
      assigner?.({ cluster, logger: () => undefined });
      return { disconnect: async () => {} };
    };
    return { consumer } as unknown as Kafka;
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** Answers the next request to join without an id with this error, after `meanwhile`. */
  refuseNextNewcomer(type: string, meanwhile: () => void): void {
    this.#newcomerRefusal = { error: kafkaError(type), meanwhile };
  }

  /** The session of the member ends. */
  expel(memberId: string): void {
    this.#members.delete(memberId);
  }

  /** Loads the group as it was stored, with this member. */
  restore(memberId: string): void {
    this.#members.set(memberId, undefined);
  }

  async joinGroup({ memberId, groupProtocols }: Parameters<Coordinator['joinGroup']>[0]): Promise<JoinedGroup> {
    this.requests.push(`join ${memberId}`);
    if (memberId !== '' && !this.#members.has(memberId)) throw kafkaError('UNKNOWN_MEMBER_ID');
    const refusal = memberId === '' ? this.#newcomerRefusal : undefined;
    if (refusal !== undefined) {
      this.#newcomerRefusal = undefined;
      refusal.meanwhile();
      throw refusal.error;
    }
    const id = memberId === '' ? `member-${++this.#ids}` : memberId;
    const { promise, resolve } = Promise.withResolvers<JoinedGroup>();
    this.#members.set(id, { metadata: groupProtocols[0]?.metadata ?? Buffer.alloc(0), resolve });
    this.#completeJoin();
    return promise;
  }

  async syncGroup({ memberId, groupAssignment }: Parameters<Coordinator['syncGroup']>[0]) {
    this.#check(memberId);
    const own = groupAssignment.find((share) => share.memberId === memberId);
    return { memberAssignment: own?.memberAssignment ?? Buffer.alloc(0) };
  }

  async heartbeat({ memberId }: Parameters<Coordinator['heartbeat']>[0]): Promise<void> {
    this.requests.push(`heartbeat ${memberId}`);
    const error = this.heartbeatErrors.shift();
    if (error !== undefined) throw error;
    this.#check(memberId);
  }

  async leaveGroup({ memberId }: Parameters<Coordinator['leaveGroup']>[0]): Promise<void> {
    this.requests.push(`leave ${memberId}`);
    this.#check(memberId);
    this.#members.delete(memberId);
    this.#completeJoin();
  }

  #check(memberId: string): void {
    if (!this.#members.has(memberId)) throw kafkaError('UNKNOWN_MEMBER_ID');
  }

  #completeJoin(): void {
    const joining = [...this.#members];
    if (joining.some(([, join]) => join === undefined)) return;
    this.#generation += 1;
    const [leaderId = ''] = this.#members.keys();
    const members = joining.map(([memberId, join]) => ({
      memberId,
      memberMetadata: join?.metadata ?? Buffer.alloc(0),
    }));
    for (const [memberId, join] of joining) {
      this.#members.set(memberId, undefined);
      join?.resolve({ generationId: this.#generation, leaderId, memberId, members });
    }
  }
}

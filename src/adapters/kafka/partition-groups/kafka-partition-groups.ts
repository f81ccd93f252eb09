import type { Kafka } from 'kafkajs';
import type { Clock } from '../../../ports/clock.ts';
import type { PartitionGroups } from '../../../ports/partition-groups.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { KafkaMember } from './kafka-member.ts';

/** Kafka lets nobody ask for less, by default (`group.min.session.timeout.ms`). */
const defaultSessionTimeoutMs = 6_000;
/** Others hear of a member that left or joined by the answer to their next beat. */
const defaultHeartbeatMs = 1_000;
/** Beats that may get lost or late before a member gives up what it has. */
const minBeatsPerSession = 3;

export interface KafkaPartitionGroupsOptions {
  /** Of few retries (at most 5), since what fails is tried again here, and one of endless retries cannot be made to stop when a member leaves. */
  readonly kafka: Kafka;
  readonly logger: Logger;
  readonly clock: Clock;
  /** After so long without a beat the group gives a member's partitions to others. */
  readonly sessionTimeoutMs?: number;
  readonly heartbeatMs?: number;
}

/**
 * Kafka's consumer groups, as ownership alone: nothing is fetched and no position is kept. Kafka refuses positions that are committed by anybody
 * else than a member while a group has members: those need a group of another name.
 */
export function kafkaPartitionGroups(options: KafkaPartitionGroupsOptions): PartitionGroups {
  const { sessionTimeoutMs = defaultSessionTimeoutMs, heartbeatMs = defaultHeartbeatMs, ...rest } = options;
  if (sessionTimeoutMs < heartbeatMs * minBeatsPerSession) {
    throw new RangeError(`a session of ${sessionTimeoutMs} ms is too short for a beat every ${heartbeatMs} ms`);
  }
  return {
    async join(group, topic, onAssigned) {
      return new KafkaMember({ ...rest, sessionTimeoutMs, heartbeatMs, group, topic, onAssigned });
    },
  };
}

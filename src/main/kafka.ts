import type { Kafka } from 'kafkajs';
import { kafkaClient } from '../adapters/kafka/event-log/client.ts';
import { openKafkaLog } from '../adapters/kafka/event-log/kafka-log.ts';
import { ensureTopics } from '../adapters/kafka/event-log/topics.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { Journal, partitionsOf, topicsOf } from '../app/journal.ts';
import { measuredLog } from '../app/measured-log.ts';
import { tracedLog } from '../app/traced-log.ts';
import type { Config, DistributedConfig } from '../config/config.ts';
import type { Logger, LogMetrics } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import { eventCodec } from './event-codec.ts';
import { release } from './release.ts';

/** What the distributed profile is configured by; the configuration was checked to have it. */
export function distributedOf({ distributed }: Config): DistributedConfig {
  if (distributed === undefined) throw new Error('this is for the distributed profile');
  return distributed;
}

export interface KafkaJournalOptions {
  /** The name that brokers log. */
  readonly instanceId: string;
  readonly logger: Logger;
  /** `write` makes topics that are missing and checks all; `copy` likewise, but those it makes, and those of a copy that was interrupted, keep the times of records. */
  readonly mode: 'read' | 'write' | 'copy';
  /** Nobody waits for what is read: it may be fetched some milliseconds late, and less often. */
  readonly isPatient?: boolean;
  /** Told of every append, if given. */
  readonly metrics?: LogMetrics;
  /** undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
}

/** The journal of a deployment on Kafka. Rejects with LogUnavailable, LogOfLaterRelease, KafkaRefused or TopicMisconfigured. */
export async function openKafkaJournal(
  config: Config,
  { instanceId, logger, mode, isPatient = false, metrics, tracer }: KafkaJournalOptions,
): Promise<{ readonly kafka: Kafka; readonly journal: Journal }> {
  const { prefix, limits } = config;
  const settings = distributedOf(config).kafka;
  const { conversations, spending } = topicsOf(prefix);
  const clientConfig = { ...settings, clientId: `${prefix}-${instanceId}` };
  const kafka = kafkaClient(clientConfig, logger);
  const { brokers, replicationFactor } = settings;
  const spec = { brokers, prefix, partitions: limits.partitions, replicationFactor };
  if (mode !== 'read') await ensureTopics(kafka, { ...spec, copying: mode === 'copy' }, logger);
  const log = await openKafkaLog({
    config: clientConfig,
    topics: partitionsOf(prefix, limits.partitions),
    mayLack: [spending],
    erasable: { topics: [conversations], keysTopic: `${prefix}.keys` },
    logger,
    mode: mode === 'read' ? 'read' : 'write',
    release,
    isPatient,
  });
  const told = metrics === undefined ? log : measuredLog(log, metrics, systemClock);
  return { kafka, journal: new Journal(tracedLog(told, tracer), eventCodec, prefix) };
}

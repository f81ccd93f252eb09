import { Kafka, type KafkaConfig as KafkajsConfig, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from '../../../ports/telemetry.ts';
import { connectTimeoutMs, requestTimeoutMs, retryFirstMs, retryLongestMs } from './limits.ts';
import { prepareKafkajs } from './wire.ts';

/** How the brokers are reached. */
export interface KafkaConnectionConfig {
  /** `host:port`, one or more: whoever answers names the others. */
  readonly brokers: readonly string[];
  readonly tls: boolean;
  /** undefined: this process proves nothing. */
  readonly sasl: KafkaCredentials | undefined;
  /** By which brokers' logs and quotas know this process. */
  readonly clientId: string;
}

export interface KafkaCredentials {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  /** Secret. */
  readonly password: string;
}

/**
 * A kafkajs client for administration and group membership. With few retries and short pauses: callers retry by themselves until they are stopped, while
 * kafkajs's own retries cannot be stopped and would outlive their caller.
 */
export function kafkaClient(config: KafkaConnectionConfig, logger: Logger): Kafka {
  prepareKafkajs();
  const { brokers, tls, sasl, clientId } = config;
  const settings: KafkajsConfig = {
    brokers: [...brokers],
    clientId,
    ssl: tls,
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: {
      retries: 3,
      initialRetryTime: retryFirstMs,
      maxRetryTime: retryLongestMs,
      factor: 0.2,
      multiplier: 1.5,
    },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => tell(logger, entry),
  };
  return new Kafka(sasl === undefined ? settings : { ...settings, sasl: saslOptions(sasl) });
}

/** As kafkajs wants it. */
export function saslOptions({ mechanism, username, password }: KafkaCredentials): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password };
    case 'scram-sha-256':
      return { mechanism, username, password };
    case 'scram-sha-512':
      return { mechanism, username, password };
    default:
      return mechanism satisfies never;
  }
}

/** kafkajs logs each failed response or attempt as an error, rebalances included: callers report the outcome. */
function tell(logger: Logger, { namespace, log }: { namespace: string; log: { message: string } }): void {
  const { message, ...fields } = log;
  const told = Object.fromEntries(
    Object.entries(fields).filter(([name]) => !['timestamp', 'logger', 'stack'].includes(name)),
  );
  logger.debug({ namespace, ...told }, `Kafka: ${message}`);
}

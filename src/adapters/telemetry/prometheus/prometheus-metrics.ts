import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../../../ports/telemetry.ts';

/** What is read when somebody asks, rather than counted. */
export interface Readings {
  /** Use and limit of each cap, by its name. Rejects when they cannot be read now. */
  caps(): Promise<Readonly<Record<string, { readonly inUse: number; readonly limit: number }>>>;
  queue(): Promise<{ readonly queued: number; readonly oldestMs: number }>;
}

export interface PrometheusMetrics extends Metrics {
  /** A worker passed over a record that says nothing to it. */
  recordSkipped(kind: string): void;
  /** An attempt to answer ended without a reply. */
  attemptFailed(why: string): void;
  /** A message has its final event in the log. */
  finished(how: string, elapsedMs: number): void;
  /** A record could not be decoded. */
  parked(): void;
  /** Media objects were removed because no message names them. */
  mediaSwept(objects: number, bytes: number): void;
  observe(readings: Readings): void;
  /** The exposition text, and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** From what one synced append costs to what a person waits for. */
const secondBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics in a registry of their own, so that two servers in one process do not meet. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const parked = new Counter({
    name: 'parley_parked_records_total',
    help: 'Records that could not be decoded.',
    registers,
  });
  const sweptObjects = new Counter({
    name: 'parley_media_swept_objects_total',
    help: 'Media objects removed because no message names them.',
    registers,
  });
  const sweptBytes = new Counter({ name: 'parley_media_swept_bytes_total', help: 'Their bytes.', registers });
  const counter = (name: string, help: string, label: string) =>
    new Counter({ name, help, labelNames: [label], registers });
  const refused = counter('parley_refusals_total', 'Calls and messages refused.', 'reason');
  const ended = counter('parley_sessions_ended_total', 'Sessions ended.', 'reason');
  const skipped = counter('parley_skipped_records_total', 'Records that workers passed over.', 'kind');
  const failedAttempts = counter(
    'parley_failed_attempts_total',
    'Attempts to answer that ended without a reply.',
    'why',
  );
  const finished = counter('parley_finished_messages_total', 'Messages that reached their final event.', 'how');
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets: secondBuckets, registers });
  const accepted = histogram('parley_accept_seconds', "From a message's arrival until the log has it.");
  const processed = histogram(
    'parley_processing_seconds',
    "From a message's record to its final event's, by the log's time.",
  );
  const replied = histogram(
    'parley_reply_seconds',
    "From a message's arrival until its reply is complete or given up.",
  );
  return {
    refused: (reason) => refused.inc({ reason }),
    sessionEnded: (reason) => ended.inc({ reason }),
    parked: () => parked.inc(),
    mediaSwept(objects, bytes) {
      sweptObjects.inc(objects);
      sweptBytes.inc(bytes);
    },
    recordSkipped: (kind) => skipped.inc({ kind }),
    attemptFailed: (why) => failedAttempts.inc({ why }),
    finished(how, elapsedMs) {
      finished.inc({ how });
      processed.observe(elapsedMs / 1_000);
    },
    accepted: (elapsedMs) => accepted.observe(elapsedMs / 1_000),
    replied: (elapsedMs) => replied.observe(elapsedMs / 1_000),
    observe: (readings) => observe(registry, readings),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function observe(registry: Registry, readings: Readings): void {
  const registers = [registry];
  const limit = new Gauge({ name: 'parley_cap_limit', help: 'The limit of each cap.', labelNames: ['cap'], registers });
  new Gauge({
    name: 'parley_cap_in_use',
    help: 'How much of each cap is in use.',
    labelNames: ['cap'],
    registers,
    async collect() {
      for (const [cap, reading] of Object.entries(await readings.caps())) {
        this.set({ cap }, reading.inUse);
        limit.set({ cap }, reading.limit);
      }
    },
  });
  const age = new Gauge({
    name: 'parley_queue_oldest_seconds',
    help: 'Age of the oldest message that waits for a worker.',
    registers,
  });
  new Gauge({
    name: 'parley_queued_messages',
    help: 'Messages that wait for a worker.',
    registers,
    async collect() {
      const { queued, oldestMs } = await readings.queue();
      this.set(queued);
      age.set(oldestMs / 1_000);
    },
  });
}

import { readdir } from 'node:fs/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AttemptUsage } from '../../domain/conversation/events.ts';
import { catalogue, type Reason } from '../../domain/errors/catalogue.ts';
import { type SecurityEventKind, securityEventKinds } from '../../ports/security-log.ts';
import type {
  CallMetrics,
  ConnectionMetrics,
  CutReason,
  GatewayCounts,
  LogMetrics,
  Metrics,
  SecurityMetrics,
  WriteKind,
} from '../../ports/telemetry.ts';
import { RoleGauges, readOrLeaveOut } from './role-gauges.ts';

/** Gauges read at scrape time. */
export interface Readings {
  /** Use and limit of each cap, by its name. Rejects when they cannot be read now. */
  caps(): Promise<Readonly<Record<string, { readonly inUse: number; readonly limit: number }>>>;
  queue(): Promise<{ readonly queued: number; readonly oldestMs: number }>;
}

export type Role = 'gateway' | 'worker' | 'projector';

export interface PrometheusMetrics extends Metrics, CallMetrics, ConnectionMetrics, LogMetrics, SecurityMetrics {
  /** A worker passed over a record that says nothing to it. */
  recordSkipped(kind: string): void;
  /** A call to the model is over; `firstPieceMs` when a piece came. */
  called(elapsedMs: number, firstPieceMs: number | undefined): void;
  /** What an attempt used. */
  used(usage: AttemptUsage): void;
  /** An attempt to answer ended without a reply. */
  attemptFailed(why: string): void;
  /** A message has its final event in the log. */
  finished(how: string, elapsedMs: number): void;
  /** A record could not be decoded. */
  parked(): void;
  /** Media objects were removed because no message names them. */
  mediaSwept(objects: number, bytes: number): void;
  /** What a gateway has counted until now. */
  counts(): Promise<GatewayCounts>;
  /** Of the whole deployment, as a gateway knows it. */
  observe(readings: Readings): void;
  /** Of this process, role by role: each once, for the roles it has. */
  readonly roles: RoleGauges;
  /** The exposition text, and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

const msPerSecond = 1_000;

/** From what one synced append costs to what a person waits for. */
const secondBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Of unary calls: from what the fold answers to the longest that Envoy waits. */
const callBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];
/** Of streams: from those that are refused at once to a session of a day. */
const streamBuckets = [0.1, 1, 10, 60, 300, 1_800, 3_600, 14_400, 86_400];

type Registers = Registry[];

/** Metrics in their own registry, so that two servers in one process do not collide. Metrics of roles that the process does not have are not exposed. */
export function prometheusMetrics(
  roles: readonly Role[] = ['gateway', 'worker', 'projector'],
  version = '',
): PrometheusMetrics {
  const registry = new Registry();
  collectProcessMetrics(registry);
  new Gauge({
    name: 'parley_build_info',
    help: '1; which release of Parley runs, on which Node.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  const of = (role: Role): Registers => (roles.includes(role) ? [registry] : []);
  const unreadable = new Counter({
    name: 'parley_unreadable_gauges_total',
    help: 'Gauges left out because what they show could not be read.',
    registers: [registry],
  });
  return {
    ...gatewayMetrics(of('gateway')),
    ...workerMetrics(of('worker')),
    ...projectorMetrics(of('projector')),
    ...logMetrics([registry]),
    ...connectionMetrics([registry]),
    ...callMetrics(of('gateway')),
    ...securityMetrics(of('gateway')),
    observe: (readings) => observe([registry], unreadable, readings),
    roles: new RoleGauges(registry, unreadable),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Of prom-client's, those that look at each handle in turn: with ten thousand connections they held up the sessions for 60 ms. */
const slowWithManyConnections = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
];
const openFilesMetric = 'process_open_fds';
const openFilesFolder = '/proc/self/fd';

function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of slowWithManyConnections) registry.removeSingleMetric(name);
  // Where the platform has it. The same count, but the folder is read beside the program.
  if (registry.getSingleMetric(openFilesMetric) === undefined) return;
  registry.removeSingleMetric(openFilesMetric);
  new Gauge({
    name: openFilesMetric,
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      this.set((await readdir(openFilesFolder)).length);
    },
  });
}

/** The values that are known stand at 0 from the start: `rate` sees the first that is counted. */
function counter(registers: Registers, name: string, help: string, label: string, values: readonly string[]): Counter {
  const counted = new Counter({ name, help, labelNames: [label], registers });
  for (const value of values) counted.inc({ [label]: value }, 0);
  return counted;
}

/** Gives the way to count. Each value of the label is there at 0 from the start. */
function counterOfEach<Value extends string>(
  registers: Registers,
  { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
  values: Readonly<Record<Value, true>>,
): (value: Value) => void {
  const counted = counter(registers, name, help, label, Object.keys(values));
  return (value) => counted.inc({ [label]: value });
}

function secondsHistogram(registers: Registers, name: string, help: string): Histogram {
  return new Histogram({ name, help, buckets: secondBuckets, registers });
}

/** The way to observe milliseconds. */
function inMs(seconds: Histogram): (ms: number) => void {
  return (ms) => seconds.observe(ms / msPerSecond);
}

function histogram(registers: Registers, name: string, help: string): (ms: number) => void {
  return inMs(secondsHistogram(registers, name, help));
}

async function countOf(histogram: Histogram): Promise<number> {
  const { name, values } = await histogram.get();
  return values.find(({ metricName }) => metricName === `${name}_count`)?.value ?? 0;
}

const writeKinds: Readonly<Record<WriteKind, true>> = {
  open: true,
  new_conversation: true,
  stop: true,
  rename: true,
  delete: true,
  create_upload: true,
  message: true,
  budget: true,
  media: true,
  history: true,
};

const reasons = Object.keys(catalogue) as Reason[];
const ofCalls = reasons.filter((reason) => catalogue[reason].scope === 'call');
/** What no client causes: one of these for a method is worth an alert, also the first. */
const serverFaults = ofCalls.filter((reason) => ['UNAVAILABLE', 'INTERNAL'].includes(catalogue[reason].code));

function callMetrics(registers: Registers): CallMetrics {
  const labelNames = ['method'];
  const calls = new Counter({ name: 'parley_calls_total', help: 'Calls that came.', labelNames, registers });
  const errors = new Counter({
    name: 'parley_call_errors_total',
    help: 'Calls that ended with an error.',
    labelNames: ['method', 'reason'],
    registers,
  });
  const seconds = {
    unary: new Histogram({
      name: 'parley_call_seconds',
      help: 'Of unary calls, from the head of the request to the end of the answer.',
      labelNames,
      buckets: callBuckets,
      registers,
    }),
    stream: new Histogram({
      name: 'parley_stream_seconds',
      help: 'Of streams, from their beginning to their end.',
      labelNames,
      buckets: streamBuckets,
      registers,
    }),
  };
  return {
    method(method, kind) {
      calls.inc({ method }, 0);
      seconds[kind].zero({ method });
      for (const reason of serverFaults) errors.inc({ method, reason }, 0);
      // Labels are looked up once, and not at each call.
      const counted = calls.labels({ method });
      const timed = seconds[kind].labels({ method });
      return {
        started: () => counted.inc(),
        ended(elapsedMs, reason) {
          timed.observe(elapsedMs / msPerSecond);
          if (reason !== undefined) errors.inc({ method, reason });
        },
      };
    },
  };
}

function gatewayMetrics(registers: Registers): Metrics & Pick<PrometheusMetrics, 'counts'> {
  const refused = counter(registers, 'parley_refusals_total', 'Calls and messages refused.', 'reason', reasons);
  const ended = counter(registers, 'parley_sessions_ended_total', 'Sessions ended.', 'reason', ['GOODBYE', ...ofCalls]);
  const reads = new Counter({
    name: 'parley_history_reads_total',
    help: 'Reads of history for what sessions have missed.',
    registers,
  });
  const writes = {
    name: 'parley_refused_writes_total',
    help: 'Writes refused because a client or an address was over a limit of what may be written.',
    label: 'kind',
  };
  const accepted = secondsHistogram(
    registers,
    'parley_accept_seconds',
    "From a message's arrival until the log has it.",
  );
  const replied = secondsHistogram(
    registers,
    'parley_reply_seconds',
    "From a message's arrival until its reply is complete or given up.",
  );
  return {
    async counts() {
      const [acceptedMessages, endedMessages, { values }] = await Promise.all([
        countOf(accepted),
        countOf(replied),
        refused.get(),
      ]);
      const counted = values.filter(({ value }) => value > 0);
      const refusals = new Map(counted.map(({ labels, value }) => [String(labels['reason']), value]));
      return { acceptedMessages, endedMessages, refusals };
    },
    refused: (reason) => refused.inc({ reason }),
    writeRefused: counterOfEach(registers, writes, writeKinds),
    historyRead: () => reads.inc(),
    sessionEnded: (reason) => ended.inc({ reason }),
    accepted: inMs(accepted),
    replied: inMs(replied),
  };
}

/** How messages end: by a reply, or without one. */
const finalEnds = [
  'completed',
  'stopped',
  'STOPPED',
  'POISON',
  ...reasons.filter((reason) => reason.startsWith('PROVIDER_')),
];

function workerMetrics(
  registers: Registers,
): Pick<PrometheusMetrics, 'recordSkipped' | 'called' | 'used' | 'attemptFailed' | 'finished'> {
  const skipped = counter(registers, 'parley_skipped_records_total', 'Records that workers passed over.', 'kind', [
    'unknown',
    'undecodable',
  ]);
  const failed = counter(
    registers,
    'parley_failed_attempts_total',
    'Attempts to answer that ended without a reply.',
    'why',
    ['error', 'timeout'],
  );
  const tokens = new Counter({
    name: 'parley_model_tokens_total',
    help: 'Tokens of attempts, as the provider said or, where it said nothing, estimated; cached_input is part of input, reasoning of output.',
    labelNames: ['provider', 'model', 'kind'],
    registers,
  });
  const costs = new Counter({
    name: 'parley_model_cost_total',
    help: 'Cost of attempts, in the currency of the price lists; of models without a price there is none.',
    labelNames: ['provider', 'model'],
    registers,
  });
  const finished = counter(
    registers,
    'parley_finished_messages_total',
    'Messages that reached their final event.',
    'how',
    finalEnds,
  );
  const processed = histogram(
    registers,
    'parley_processing_seconds',
    "From a message's record to its final event's, by the log's time.",
  );
  const called = histogram(registers, 'parley_model_call_seconds', 'Of each attempt, from the call to its end.');
  const firstPiece = histogram(
    registers,
    'parley_model_first_piece_seconds',
    'Of each attempt, from the call to the first piece of the reply.',
  );
  return {
    recordSkipped: (kind) => skipped.inc({ kind }),
    called(elapsedMs, firstPieceMs) {
      called(elapsedMs);
      if (firstPieceMs !== undefined) firstPiece(firstPieceMs);
    },
    used({ provider, model, inputTokens, cachedInputTokens, outputTokens, reasoningTokens, cost }) {
      const amounts = {
        input: inputTokens,
        cached_input: cachedInputTokens,
        output: outputTokens,
        reasoning: reasoningTokens,
      };
      for (const [kind, amount] of Object.entries(amounts)) tokens.inc({ provider, model, kind }, amount);
      if (cost !== undefined) costs.inc({ provider, model }, cost.microUnits / 1_000_000);
    },
    attemptFailed: (why) => failed.inc({ why }),
    finished(how, elapsedMs) {
      finished.inc({ how });
      // By the log's clock, which may have been set back meanwhile.
      processed(Math.max(0, elapsedMs));
    },
  };
}

function projectorMetrics(registers: Registers): Pick<PrometheusMetrics, 'parked' | 'mediaSwept'> {
  const plain = (name: string, help: string) => new Counter({ name, help, registers });
  const parked = plain('parley_parked_records_total', 'Records that could not be decoded.');
  const objects = plain('parley_media_swept_objects_total', 'Media objects removed because no message names them.');
  const bytes = plain('parley_media_swept_bytes_total', 'Their bytes.');
  return {
    parked: () => parked.inc(),
    mediaSwept(sweptObjects, sweptBytes) {
      objects.inc(sweptObjects);
      bytes.inc(sweptBytes);
    },
  };
}

function logMetrics(registers: Registers): LogMetrics {
  const unavailable = new Counter({
    name: 'parley_log_unavailable_total',
    help: 'Appends that the log did not take, or did not answer.',
    registers,
  });
  const ahead = new Gauge({
    name: 'parley_log_time_ahead_seconds',
    help: "How far the log's clock is ahead of this process's, by the last append; below 0: behind.",
    registers,
  });
  const steps = new Counter({
    name: 'parley_log_time_steps_total',
    help: "Appends whose time was over a second before that of the one before: the log's clock was set back.",
    registers,
  });
  const truncated = new Counter({
    name: 'parley_log_truncated_total',
    help: 'Readers that found the log shorter than what they had read of it, and began again.',
    registers,
  });
  return {
    logTruncated: () => truncated.inc(),
    logTimeAhead: (ms) => ahead.set(ms / msPerSecond),
    logTimeSteppedBack: () => steps.inc(),
    appended: histogram(registers, 'parley_log_append_seconds', "From an append to the log's answer."),
    logUnavailable: () => unavailable.inc(),
  };
}

const cutReasons: Readonly<Record<CutReason, true>> = {
  connections: true,
  address: true,
  resets: true,
  refused: true,
  silent: true,
  idle: true,
  handshake: true,
  protocol: true,
  compressed: true,
  body_time: true,
  watches: true,
  body_bytes: true,
  unproven: true,
};

function connectionMetrics(registers: Registers): ConnectionMetrics {
  const cut = {
    name: 'parley_cut_connections_total',
    help: 'Connections closed and requests refused by a limit on what arrives, before a handler had them.',
    label: 'reason',
  };
  return { cut: counterOfEach(registers, cut, cutReasons) };
}

function securityMetrics(registers: Registers): SecurityMetrics {
  const events = {
    name: 'parley_security_events_total',
    help: 'Sign-ins, failures and what else belongs into the security log.',
    label: 'kind',
  };
  const lost = new Counter({
    name: 'parley_security_events_lost_total',
    help: 'Security events that could not be written into the security log.',
    registers,
  });
  // An entry for each.
  const kinds = Object.fromEntries(securityEventKinds.map((kind) => [kind, true])) as Record<SecurityEventKind, true>;
  return { securityEvent: counterOfEach(registers, events, kinds), securityEventLost: () => lost.inc() };
}

function observe(registers: Registers, unreadable: Counter, readings: Readings): void {
  const caps = shared(() => readings.caps());
  const queue = shared(() => readings.queue());
  const gauge = (name: string, help: string, read: (gauge: Gauge) => Promise<void>, labelNames: string[] = []) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        await readOrLeaveOut(this, unreadable, () => read(this));
      },
    });
  const capGauge = (name: string, help: string, field: 'limit' | 'inUse') =>
    gauge(
      name,
      help,
      async (of) => {
        for (const [cap, reading] of Object.entries(await caps())) of.set({ cap }, reading[field]);
      },
      ['cap'],
    );
  capGauge('parley_cap_limit', 'The limit of each cap.', 'limit');
  capGauge('parley_cap_in_use', 'How much of each cap is in use.', 'inUse');
  gauge('parley_queue_oldest_seconds', 'Age of the oldest message that waits for a worker.', async (of) =>
    of.set((await queue()).oldestMs / msPerSecond),
  );
  gauge('parley_queued_messages', 'Messages that wait for a worker.', async (of) => of.set((await queue()).queued));
}

/** What several gauges show is read once for all that ask meanwhile. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  return () => {
    current ??= read().finally(() => {
      current = undefined;
    });
    return current;
  };
}

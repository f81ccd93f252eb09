import { describe, expect, test } from '@jest/globals';
import { type PrometheusMetrics, prometheusMetrics } from './prometheus-metrics.ts';

/** What is exposed, by name and labels. */
async function exposed(metrics: PrometheusMetrics): Promise<Record<string, number>> {
  const { text } = await metrics.expose();
  const lines = text.split('\n').filter((line) => line.startsWith('parley_'));
  return Object.fromEntries(lines.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}

/** The names of what is exposed, without labels, each once. */
async function names(metrics: PrometheusMetrics): Promise<readonly string[]> {
  const { text } = await metrics.expose();
  return [...text.matchAll(/^# TYPE (parley_\S+)/gm)].map((match) => String(match[1])).sort();
}

const ofGateway = [
  'parley_accept_seconds',
  'parley_call_errors_total',
  'parley_call_seconds',
  'parley_calls_total',
  'parley_history_reads_total',
  'parley_refusals_total',
  'parley_refused_writes_total',
  'parley_reply_seconds',
  'parley_security_events_lost_total',
  'parley_security_events_total',
  'parley_sessions_ended_total',
  'parley_stream_seconds',
];
const ofWorker = [
  'parley_failed_attempts_total',
  'parley_finished_messages_total',
  'parley_model_call_seconds',
  'parley_model_first_piece_seconds',
  'parley_model_tokens_total',
  'parley_model_cost_total',
  'parley_processing_seconds',
  'parley_skipped_records_total',
];
const ofProjector = [
  'parley_media_swept_bytes_total',
  'parley_media_swept_objects_total',
  'parley_parked_records_total',
];
const ofAll = [
  'parley_build_info',
  'parley_cut_connections_total',
  'parley_log_append_seconds',
  'parley_log_time_ahead_seconds',
  'parley_log_time_steps_total',
  'parley_log_truncated_total',
  'parley_log_unavailable_total',
  'parley_unreadable_gauges_total',
];
const usage = [
  { processing: 3, queued: 2, oldestReceivedAtMs: 8_000 },
  { processing: 1, queued: 0, oldestReceivedAtMs: 9_500 },
  { processing: 0, queued: 0, oldestReceivedAtMs: null },
];

describe('metrics', () => {
  test('tell a gateway what it has counted', async () => {
    const metrics = prometheusMetrics();
    expect(await metrics.counts()).toEqual({ acceptedMessages: 0, endedMessages: 0, refusals: new Map() });
    metrics.accepted(1);
    metrics.accepted(2);
    metrics.replied(3);
    metrics.refused('TEXT_TOO_LONG');
    const refusals = new Map([['TEXT_TOO_LONG', 1]]);
    expect(await metrics.counts()).toEqual({ acceptedMessages: 2, endedMessages: 1, refusals });
  });

  test.each([
    ['gateway', ofGateway],
    ['worker', ofWorker],
    ['projector', ofProjector],
  ] as const)('of a %s alone are its own and the log’s', async (role, own) => {
    expect(await names(prometheusMetrics([role]))).toEqual([...own, ...ofAll].sort());
  });

  test('of a process that does everything are all of them', async () => {
    expect(await names(prometheusMetrics())).toEqual([...ofGateway, ...ofWorker, ...ofProjector, ...ofAll].sort());
  });

  test('may be told of what the process has no role for; that is not shown', async () => {
    const metrics = prometheusMetrics(['projector']);
    metrics.accepted(1);
    metrics.finished('completed', 1);
    expect(await names(metrics)).toEqual([...ofProjector, ...ofAll].sort());
  });

  test('measure appends and calls in seconds, and count what failed', async () => {
    const metrics = prometheusMetrics();
    metrics.appended(2);
    metrics.appended(4);
    metrics.logUnavailable();
    metrics.logTimeAhead(-2_500);
    metrics.logTimeSteppedBack();
    metrics.called(1_500, 250);
    metrics.called(500, undefined);
    expect(await exposed(metrics)).toMatchObject({
      parley_log_append_seconds_count: 2,
      parley_log_append_seconds_sum: 0.006,
      parley_log_time_ahead_seconds: -2.5,
      parley_log_time_steps_total: 1,
      parley_log_unavailable_total: 1,
      parley_model_call_seconds_count: 2,
      parley_model_call_seconds_sum: 2,
      parley_model_first_piece_seconds_count: 1,
      parley_model_first_piece_seconds_sum: 0.25,
    });
  });
});

test('tokens are counted by model and kind, and what they cost', async () => {
  const metrics = prometheusMetrics();
  const none = { soundInMs: 0, soundOutMs: 0, picturesIn: 0, picturesOut: 0, durationMs: 1, estimated: false };
  const tokens = { inputTokens: 30, cachedInputTokens: 20, outputTokens: 5, reasoningTokens: 1 };
  for (const attempt of [1, 2])
    metrics.used({
      ...{ ...none, ...tokens, attempt, end: 'completed', provider: 'openai', model: 'llama3' },
      cost: { microUnits: 250_000, priceVersion: 1 },
    });
  const name = (kind: string) => `parley_model_tokens_total{provider="openai",model="llama3",kind="${kind}"}`;
  expect(await exposed(metrics)).toMatchObject({
    [name('input')]: 60,
    [name('cached_input')]: 40,
    [name('output')]: 10,
    [name('reasoning')]: 2,
    'parley_model_cost_total{provider="openai",model="llama3"}': 0.5,
  });
});

describe('counters stand at 0 from the start, so that the first that is counted is a rate', () => {
  test('of each reason, write, end and event that is known', async () => {
    const before = await exposed(prometheusMetrics());
    expect(before).toMatchObject({
      'parley_refusals_total{reason="TOO_MANY_ATTEMPTS"}': 0,
      'parley_refusals_total{reason="EMPTY_MESSAGE"}': 0,
      'parley_sessions_ended_total{reason="GOODBYE"}': 0,
      'parley_sessions_ended_total{reason="DRAINING"}': 0,
      'parley_failed_attempts_total{why="timeout"}': 0,
      'parley_finished_messages_total{how="completed"}': 0,
      'parley_finished_messages_total{how="POISON"}': 0,
      'parley_skipped_records_total{kind="undecodable"}': 0,
      'parley_security_events_total{kind="sign_in_failed"}': 0,
    });
  });

  test('of each method: its calls, their times, and the errors that no client causes', async () => {
    const metrics = prometheusMetrics(['gateway']);
    const send = metrics.method('chat.v1.ChatService/Send', 'unary');
    metrics.method('chat.v1.ChatService/Chat', 'stream');
    expect(await exposed(metrics)).toMatchObject({
      'parley_calls_total{method="chat.v1.ChatService/Send"}': 0,
      'parley_calls_total{method="chat.v1.ChatService/Chat"}': 0,
      'parley_call_errors_total{method="chat.v1.ChatService/Send",reason="LOG_UNAVAILABLE"}': 0,
      'parley_call_seconds_count{method="chat.v1.ChatService/Send"}': 0,
      'parley_stream_seconds_count{method="chat.v1.ChatService/Chat"}': 0,
    });
    send.started();
    send.started();
    send.ended(20, undefined);
    send.ended(300, 'UNAUTHENTICATED');
    expect(await exposed(metrics)).toMatchObject({
      'parley_calls_total{method="chat.v1.ChatService/Send"}': 2,
      'parley_call_errors_total{method="chat.v1.ChatService/Send",reason="UNAUTHENTICATED"}': 1,
      'parley_call_seconds_sum{method="chat.v1.ChatService/Send"}': 0.32,
      'parley_call_seconds_bucket{le="0.025",method="chat.v1.ChatService/Send"}': 1,
    });
  });
});

test('the build is told by its release', async () => {
  expect(await exposed(prometheusMetrics(['worker'], '1.2.3'))).toMatchObject({
    [`parley_build_info{version="1.2.3",node="${process.version}"}`]: 1,
  });
});

describe('gauges', () => {
  test('show what a gateway, a worker and a projector are at when they are asked', async () => {
    const metrics = prometheusMetrics();
    let open = 4;
    metrics.roles.gateway({ sessions: () => ({ open, waiting: 2 }), suspended: () => open === 0 });
    metrics.roles.worker({ usage: () => usage, nowMs: () => 10_000 });
    metrics.roles.projector({ lag: async () => ({ history: 12, 'active-connections': 0 }) });
    metrics.roles.dataFolder({ freeBytes: async () => 3_000, minFreeBytes: 1_000 });
    expect(await exposed(metrics)).toMatchObject({
      parley_gateway_open_sessions: 4,
      parley_gateway_waiting_sessions: 2,
      parley_gateway_suspended: 0,
      parley_worker_partitions: 3,
      parley_worker_processing_messages: 4,
      parley_worker_queued_messages: 2,
      parley_worker_oldest_pending_seconds: 2,
      'parley_projector_lag_records{model="history"}': 12,
      'parley_projector_lag_records{model="active-connections"}': 0,
    });
    open = 0;
    expect(await exposed(metrics)).toMatchObject({ parley_gateway_open_sessions: 0, parley_gateway_suspended: 1 });
  });

  test('of a worker that has nothing are 0', async () => {
    const metrics = prometheusMetrics();
    metrics.roles.worker({ usage: () => [], nowMs: () => 10_000 });
    expect(await exposed(metrics)).toMatchObject({
      parley_worker_partitions: 0,
      parley_worker_queued_messages: 0,
      parley_worker_oldest_pending_seconds: 0,
    });
  });

  test('of the deployment are as of now, read once for all that are shown together', async () => {
    const metrics = prometheusMetrics();
    let reads = 0;
    metrics.observe({
      caps: async () => ({ clients: { inUse: 3, limit: 50 } }),
      queue: async () => {
        reads += 1;
        return { queued: 7, oldestMs: 1_500 };
      },
    });
    expect(await exposed(metrics)).toMatchObject({
      'parley_cap_in_use{cap="clients"}': 3,
      'parley_cap_limit{cap="clients"}': 50,
      parley_queued_messages: 7,
      parley_queue_oldest_seconds: 1.5,
    });
    expect(reads).toBe(1);
  });

  test('that cannot be read are left out and counted, and the rest is shown', async () => {
    const metrics = prometheusMetrics();
    let isAway = false;
    const read = async <T>(value: T): Promise<T> => {
      if (isAway) throw new Error('away');
      return value;
    };
    metrics.observe({
      caps: () => read({ clients: { inUse: 3, limit: 50 } }),
      queue: () => read({ queued: 7, oldestMs: 0 }),
    });
    metrics.roles.projector({ lag: () => read({ history: 12 }) });
    const lag = 'parley_projector_lag_records{model="history"}';
    expect(await exposed(metrics)).toMatchObject({ [lag]: 12, parley_queued_messages: 7 });
    isAway = true;
    metrics.accepted(1);
    // The counter may be shown before the gauges are read.
    await metrics.expose();
    const shown = await exposed(metrics);
    expect(Object.keys(shown)).not.toContain(lag);
    expect(Object.keys(shown)).not.toContain('parley_queued_messages');
    expect(Object.keys(shown)).not.toContain('parley_cap_in_use{cap="clients"}');
    expect(shown).toMatchObject({ parley_accept_seconds_count: 1, parley_unreadable_gauges_total: expect.any(Number) });
    expect(shown['parley_unreadable_gauges_total']).toBeGreaterThanOrEqual(5);
    isAway = false;
    expect(await exposed(metrics)).toMatchObject({ [lag]: 12 });
  });
});

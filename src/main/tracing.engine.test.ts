import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Cluster } from '../testing/cluster.ts';
import { OtlpCollector } from '../testing/otlp-collector.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

let collector: OtlpCollector;
let cluster: Cluster;

beforeAll(async () => {
  collector = await OtlpCollector.start();
  const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_OTLP_ENDPOINT: collector.endpoint };
  cluster = await Cluster.start({ gateways: 1, workers: 1, env });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

test('a message is one trace over processes, log and bus', async () => {
  const { server } = cluster.member('gateway-0');
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  const { accepted } = await session.ask('Hello?');
  const spans = await collector.collected(6);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const told = spans.map((span) => {
    const parent = byId.get(span.parentSpanId);
    const process = ['service.name', 'service.instance.id'].map((key) => String(span.resource[key])).join('/');
    return `${process}: ${span.name} < ${parent?.name ?? ''}`;
  });
  expect(told.sort((a, b) => a.localeCompare(b))).toEqual([
    'parley-gateway/gateway-0: DeliverReply < send parley.conversations',
    'parley-gateway/gateway-0: send parley.conversations < SendMessage',
    'parley-gateway/gateway-0: SendMessage < ',
    'parley-worker/worker-0: chat simulated < process parley.conversations',
    'parley-worker/worker-0: process parley.conversations < send parley.conversations',
    'parley-worker/worker-0: send parley.conversations < process parley.conversations',
  ]);
  const sent = spans.find(
    ({ attributes }) => attributes['cloudevents.event_type'] === 'chat_events.v1.MessageReceived',
  );
  expect(sent?.attributes).toMatchObject({
    'messaging.system': 'kafka',
    'messaging.kafka.offset': accepted.sequence,
    'messaging.message.id': accepted.messageId,
  });
});

test('each process shows the metrics of its role', async () => {
  const metricsOf = async (name: string) =>
    (await fetch(`http://${cluster.member(name).server.httpAddress}/metrics`)).text();
  const lag = await eventually(
    () => metricsOf('projector-0'),
    (text) => text.includes('parley_projector_lag_records{model="history"} 0'),
  );
  expect(lag).toContain('parley_parked_records_total 0');
  expect(lag).not.toContain('parley_accept_seconds');
  const worker = await metricsOf('worker-0');
  expect(worker).toContain('parley_worker_partitions 10');
  expect(worker).toContain('parley_model_call_seconds_count 1');
  expect(worker).toMatch(/^parley_log_append_seconds_count [1-9]/m);
  const gateway = await metricsOf('gateway-0');
  expect(gateway).toContain('parley_accept_seconds_count 1');
  expect(gateway).toContain('parley_gateway_suspended 0');
  expect(gateway).not.toContain('parley_worker_partitions');
});

import { describe, expect, test } from '@jest/globals';
import type { Step, TraceContext, Tracer } from '../../ports/tracing.ts';
import { OtlpCollector } from '../../testing/otlp-collector.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { systemClock } from '../node/system-clock.ts';
import { maxQueuedSpans, warnIntervalMs } from './limits.ts';
import { openTracing, type TracingOptions } from './open-tracing.ts';
import { type OtelTracingOptions, otelTracing } from './otel-tracer.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const options: TracingOptions = {
  roles: ['gateway', 'worker', 'projector'],
  instanceId: 'one',
  prefix: 'test',
  log: 'kafka',
  provider: 'simulated',
  clock: systemClock,
  logger: quiet,
};
const receive: Step = { type: 'receive', method: 'Send' };
const callersTrace = '0af7651916cd43dd8448eb211c80319c';
const caller: TraceContext = { traceparent: `00-${callersTrace}-b7ad6b7169203331-01` };
const append: Step = {
  type: 'append',
  topic: 'test.conversations',
  partition: 3,
  key: 'c',
  event: 'MessageReceived',
  messageId: 'm',
};

async function traced(collector: OtlpCollector, settings: { ratio?: number } = {}, more: Partial<TracingOptions> = {}) {
  const tracing = await openTracing(
    { otlpEndpoint: collector.endpoint, ratio: settings.ratio ?? 1 },
    { ...options, ...more },
  );
  if (tracing.tracer === undefined) throw new Error('tracing is off');
  return { tracer: tracing.tracer, [Symbol.asyncDispose]: () => tracing[Symbol.asyncDispose]() };
}

/** One that does not try a batch again. */
function tracingTo(otlpEndpoint: string, more: Partial<OtelTracingOptions>) {
  const service = { serviceName: 'parley', serviceNamespace: 'test' };
  return otelTracing({ ...options, ...service, ratio: 1, otlpEndpoint, exportTimeoutMs: 500, ...more });
}

/** How many of so many messages begin a trace. */
function begun(tracer: Tracer, messages: number): number {
  let count = 0;
  for (let i = 0; i < messages; i += 1) {
    const span = tracer.start(receive, undefined);
    if (span !== undefined) count += 1;
    span?.end();
  }
  return count;
}

/** A message's way through the system, which says nothing wrong but that its provider failed. */
function takeAllSteps(tracer: Tracer): void {
  const received = tracer.start(receive, caller);
  const sent = tracer.start(append, received?.context);
  // As it is after the log: nothing but what its headers hold.
  const { traceparent = '' } = sent?.context ?? {};
  const place = { topic: 'test.conversations', partition: 3, offset: 7, group: 'test.workers' };
  const processed = tracer.start({ type: 'process', ...place, messageId: 'm', conversationId: 'c' }, { traceparent });
  const asked = tracer.start(
    { type: 'ask', model: 'a-model', attempt: 2, conversationId: 'c', output: 'voice' },
    processed?.context,
  );
  asked?.end({ firstPieceMs: 250 });
  const told = tracer.start({ type: 'deliver', messageId: 'm', conversationId: 'c' }, processed?.context);
  told?.end();
  processed?.end({ error: 'PROVIDER_FAILED' });
  sent?.end({ offset: 7 });
  received?.end({ messageId: 'm', conversationId: 'c' });
}

test('without an endpoint there is no tracer', async () => {
  await using tracing = await openTracing(undefined, options);
  expect(tracing.tracer).toBeUndefined();
});

describe('the steps of a message', () => {
  test('are one trace, each a child of what led to it, in the words of the semantic conventions', async () => {
    await using collector = await OtlpCollector.start();
    await using tracing = await traced(collector, {}, { roles: ['worker'] });
    const { tracer } = tracing;
    takeAllSteps(tracer);
    const spans = await collector.collected(5);
    const byName = Object.fromEntries(spans.map((span) => [span.name, span]));
    const ids = { 'messaging.message.id': 'm', 'messaging.message.conversation_id': 'c' };
    const messaging = {
      ...ids,
      'messaging.system': 'kafka',
      'messaging.system.name': 'kafka',
      'messaging.destination.name': 'test.conversations',
      'messaging.destination.partition.id': '3',
      'messaging.kafka.offset': 7,
    };
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([callersTrace]));
    expect(byName).toMatchObject({
      SendMessage: { kind: 'server', parentSpanId: 'b7ad6b7169203331' },
      'send test.conversations': { kind: 'producer', parentSpanId: byName['SendMessage']?.spanId },
      'process test.conversations': { kind: 'consumer', parentSpanId: byName['send test.conversations']?.spanId },
      'chat a-model': { kind: 'client', parentSpanId: byName['process test.conversations']?.spanId },
      DeliverReply: { kind: 'internal', parentSpanId: byName['process test.conversations']?.spanId },
    });
    expect(spans.filter(({ isError }) => isError).map(({ name }) => name)).toEqual(['process test.conversations']);
    expect(Object.fromEntries(spans.map(({ name, attributes }) => [name, attributes]))).toEqual({
      SendMessage: { ...ids, 'rpc.system.name': 'grpc', 'rpc.method': 'chat.v1.ChatService/Send' },
      'send test.conversations': {
        ...messaging,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'cloudevents.event_type': 'chat_events.v1.MessageReceived',
      },
      'process test.conversations': {
        ...messaging,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.consumer.group.name': 'test.workers',
        'error.type': 'PROVIDER_FAILED',
      },
      'chat a-model': {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'simulated',
        'gen_ai.system': 'simulated',
        'gen_ai.request.model': 'a-model',
        'gen_ai.request.stream': true,
        'gen_ai.output.type': 'speech',
        'gen_ai.conversation.id': 'c',
        'gen_ai.response.time_to_first_chunk': 0.25,
        'parley.attempt': 2,
      },
      DeliverReply: ids,
    });
    expect(spans[0]?.resource).toEqual({
      'service.name': 'parley-worker',
      'service.namespace': 'test',
      'service.instance.id': 'one',
    });
  });

  test('carry on what other tracing systems say of the trace', async () => {
    await using collector = await OtlpCollector.start();
    await using tracing = await traced(collector);
    const received = tracing.tracer.start(receive, { ...caller, tracestate: 'vendor=1' });
    expect(received?.context.tracestate).toBe('vendor=1');
    received?.end();
    expect((await collector.collected(1))[0]?.traceState).toBe('vendor=1');
  });

  test('begin no trace by themselves: what came in untraced is traced nowhere', async () => {
    await using collector = await OtlpCollector.start();
    await using tracing = await traced(collector);
    expect(tracing.tracer.start(append, undefined)).toBeUndefined();
    expect(tracing.tracer.start(append, { traceparent: 'nonsense' })).toBeUndefined();
  });

  test('begin a trace of their own where the caller says nonsense', async () => {
    await using collector = await OtlpCollector.start();
    await using tracing = await traced(collector);
    tracing.tracer.start(receive, { traceparent: 'nonsense' })?.end();
    const [span] = await collector.collected(1);
    expect(span).toMatchObject({ name: 'SendMessage', parentSpanId: '' });
  });
});

describe('the share of messages that is traced', () => {
  test.each([
    [0, 0, 0],
    [0.3, 500, 700],
    [1, 2_000, 2_000],
  ])('is about %d', async (ratio, least, most) => {
    await using collector = await OtlpCollector.start();
    await using tracing = await traced(collector, { ratio });
    const count = begun(tracing.tracer, 2_000);
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(most);
    expect(await collector.collected(count)).toHaveLength(count);
  });

  test('is the caller’s to say, either way', async () => {
    await using collector = await OtlpCollector.start();
    await using none = await traced(collector, { ratio: 0 });
    await using all = await traced(collector, { ratio: 1 });
    expect(none.tracer.start(receive, caller)).toBeDefined();
    expect(all.tracer.start(receive, { traceparent: caller.traceparent.replace(/1$/, '0') })).toBeUndefined();
  });
});

describe('a collector that is away', () => {
  test('costs a bounded number of spans, is told of once a minute, and is back by itself', async () => {
    const gone = await OtlpCollector.start();
    const { port, endpoint } = gone;
    await gone[Symbol.asyncDispose]();
    const clock = new StandingClock();
    const told: [string, { readonly lost: number }][] = [];
    const logger = { ...quiet, warn: tell('warn'), info: tell('info') };
    function tell(level: string) {
      return (fields: object) => void told.push([level, fields as { lost: number }]);
    }
    const tracing = tracingTo(endpoint, { logger, clock });
    const { tracer } = tracing;
    const sent = maxQueuedSpans + 4_000;
    expect(begun(tracer, sent)).toBe(sent);
    await eventually(
      async () => told,
      (lines) => lines.length > 0,
      30_000,
    );
    clock.advance(warnIntervalMs);
    await eventually(
      async () => told,
      (lines) => lines.length > 1,
      30_000,
    );
    expect(told.map(([level]) => level)).toEqual(['warn', 'warn']);
    await using back = await OtlpCollector.start(port);
    // All that waited may have been given up by then: what comes next shows that it is back.
    let ended = sent;
    await eventually(
      async () => {
        ended += begun(tracer, 1);
        return told.at(-1)?.[0];
      },
      (level) => level === 'info',
      30_000,
    );
    const lost = told.at(-1)?.[1].lost ?? 0;
    expect(lost).toBeGreaterThan(sent - maxQueuedSpans);
    expect(await back.collected(ended - lost)).toHaveLength(ended - lost);
    // Its place in the queue is free again.
    begun(tracer, maxQueuedSpans);
    const all = ended - lost + maxQueuedSpans;
    expect(await back.collected(all)).toHaveLength(all);
    await tracing[Symbol.asyncDispose]();
  });

  test('does not keep the process from ending', async () => {
    await using collector = await OtlpCollector.start();
    collector.isHanging = true;
    const tracing = tracingTo(collector.endpoint, { exportTimeoutMs: 1_900 });
    begun(tracing.tracer, 100);
    const startedMs = performance.now();
    await tracing[Symbol.asyncDispose]();
    // The limit is a second; the rest is for a busy machine.
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });
});

test('what waits is sent when the process ends', async () => {
  await using collector = await OtlpCollector.start();
  {
    // Its time for that does not run out, however busy the machine is.
    await using tracing = tracingTo(collector.endpoint, { clock: new StandingClock(), exportTimeoutMs: 30_000 });
    begun(tracing.tracer, 1_500);
  }
  expect(collector.spans).toHaveLength(1_500);
});

import { randomBytes } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import type { LogRecord } from '../ports/event-log.ts';
import { connect, type Session, type Shape, shapes } from '../testing/black-box-client.ts';
import { type CollectedSpan, OtlpCollector } from '../testing/otlp-collector.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** What nobody but the two who talk is to see. */
const secret = 'the words of a person';
const quick = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '2' };

/** A caller's place in a trace of its own. */
function newCaller(flags: '00' | '01' = '01') {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

/** Every call of a client says this beside what it says. */
function carrying(traceparent: string): grpc.ClientOptions {
  const interceptor: grpc.Interceptor = (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set('traceparent', traceparent);
        next(metadata, listener);
      },
    });
  return { interceptors: [interceptor] };
}

async function talk(server: ParleyServer, shape: Shape, traceparent: string | undefined, clientId: string) {
  const options = traceparent === undefined ? {} : carrying(traceparent);
  const { session, welcome } = await connect({ address: server.address, shape, options }, { clientId });
  return { session, conversationId: String(welcome.conversationId) };
}

async function ask(session: Session): Promise<{ readonly accepted: { messageId: string; sequence: number } }> {
  return session.ask(secret);
}

/** Every record of a stopped server's conversations that is of this type. */
async function recordsOf(dataDir: string, type: string): Promise<readonly LogRecord[]> {
  await using log = await openSqliteLog({ mode: 'read', dataDir });
  const topic = 'parley.conversations';
  const partitions = Array.from({ length: log.partitions(topic) }, (_, partition) =>
    log.read(topic, partition, 0, 100),
  );
  const records = (await Promise.all(partitions)).flat();
  return records.filter(({ headers }) => headers['ce_type'] === `chat_events.v1.${type}`);
}

/** The one span of this name (and event). */
function only(spans: readonly CollectedSpan[], name: string, event?: string): CollectedSpan {
  const type = event === undefined ? undefined : `chat_events.v1.${event}`;
  const found = spans.filter((span) => span.name === name && span.attributes['cloudevents.event_type'] === type);
  expect(found).toHaveLength(1);
  return found[0] as CollectedSpan;
}

describe('a message', () => {
  test.each(shapes)('is one trace, from its client to the reply (%s)', async (shape) => {
    await using collector = await OtlpCollector.start();
    await using server = await startServer({ env: { ...quick, PARLEY_OTLP_ENDPOINT: collector.endpoint } });
    const caller = newCaller();
    const { session, conversationId } = await talk(server, shape, caller.traceparent, 'somebody');
    const { accepted } = await ask(session);
    session.drop();
    const spans = await collector.collected(6);
    const received = only(spans, 'SendMessage');
    const sent = only(spans, 'send parley.conversations', 'MessageReceived');
    const processed = only(spans, 'process parley.conversations');
    const asked = only(spans, 'chat simulated');
    const replied = only(spans, 'send parley.conversations', 'ReplyCompleted');
    const told = only(spans, 'DeliverReply');
    const inOrder = [received, sent, processed, asked, replied, told];
    expect(spans).toHaveLength(inOrder.length);
    expect(inOrder.map(({ kind }) => kind)).toEqual([
      'server',
      'producer',
      'consumer',
      'client',
      'producer',
      'internal',
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([caller.traceId]));
    expect(inOrder.map(({ parentSpanId }) => parentSpanId)).toEqual([
      caller.spanId,
      received.spanId,
      sent.spanId,
      processed.spanId,
      processed.spanId,
      replied.spanId,
    ]);
    expect(spans.filter(({ isError }) => isError)).toEqual([]);
    const ids = {
      'messaging.message.id': accepted.messageId,
      'messaging.message.conversation_id': conversationId,
    };
    const method = shape === 'split' ? 'Send' : 'Chat';
    expect(received.attributes).toMatchObject({ ...ids, 'rpc.method': `chat.v1.ChatService/${method}` });
    expect(sent.attributes).toMatchObject({
      ...ids,
      'messaging.system': 'sqlite',
      'parley.offset': accepted.sequence,
    });
    expect(processed.attributes).toMatchObject({ ...ids, 'messaging.consumer.group.name': 'parley.workers' });
    expect(asked.attributes).toMatchObject({ 'gen_ai.conversation.id': conversationId, 'parley.attempt': 1 });
    expect(replied.attributes).toMatchObject({ ...ids, 'cloudevents.event_type': 'chat_events.v1.ReplyCompleted' });
    expect(told.attributes).toMatchObject(ids);
    expect(collector.bodies.join()).not.toContain(secret);
    expect(collector.bodies.join()).not.toContain('somebody');
    await server.stop('SIGTERM');
    const traceparents = [sent, replied].map((span) => `00-${span.traceId}-${span.spanId}-01`);
    const records = [
      ...(await recordsOf(server.dataDir, 'MessageReceived')),
      ...(await recordsOf(server.dataDir, 'ReplyCompleted')),
    ];
    expect(records.map(({ headers }) => headers['traceparent'])).toEqual(traceparents);
  });

  test('that is refused is a trace that says why', async () => {
    await using collector = await OtlpCollector.start();
    await using server = await startServer({ env: { ...quick, PARLEY_OTLP_ENDPOINT: collector.endpoint } });
    const { session } = await talk(server, 'bidi', undefined, 'somebody');
    await expect(session.text(' ')).rejects.toThrow('EMPTY_MESSAGE');
    const [span] = await collector.collected(1);
    expect(span).toMatchObject({ name: 'SendMessage', isError: true, parentSpanId: '' });
    expect(span?.attributes).toMatchObject({ 'error.type': 'EMPTY_MESSAGE' });
    session.drop();
  });

  test('of a stream without end has a trace of its own', async () => {
    await using collector = await OtlpCollector.start();
    await using server = await startServer({ env: { ...quick, PARLEY_OTLP_ENDPOINT: collector.endpoint } });
    const { session } = await talk(server, 'bidi', undefined, 'somebody');
    await ask(session);
    await ask(session);
    const spans = await collector.collected(12);
    expect(spans).toHaveLength(12);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === '')).toHaveLength(2);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
    session.drop();
  });

  test('that no share of is to be traced is traced when its client says so, and otherwise leaves no mark', async () => {
    await using collector = await OtlpCollector.start();
    const env = { ...quick, PARLEY_OTLP_ENDPOINT: collector.endpoint, PARLEY_TRACE_PERCENT: '0' };
    await using server = await startServer({ env });
    const [wanted, unwanted] = [newCaller('01'), newCaller('00')];
    for (const caller of [undefined, unwanted, wanted]) {
      const { session } = await talk(server, 'bidi', caller?.traceparent, 'somebody');
      await ask(session);
      await session.goodbye();
    }
    const spans = await collector.collected(6);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([wanted.traceId]));
    await server.stop('SIGTERM');
    const records = await recordsOf(server.dataDir, 'MessageReceived');
    expect(records.filter(({ headers }) => 'traceparent' in headers)).toHaveLength(1);
  });
});

test('where nothing is traced, what a client says of its trace is left alone', async () => {
  await using server = await startServer({ env: quick });
  const { session } = await talk(server, 'split', newCaller().traceparent, 'somebody');
  await ask(session);
  session.drop();
  await server.stop('SIGTERM');
  for (const type of ['MessageReceived', 'ReplyCompleted']) {
    const [record, ...others] = await recordsOf(server.dataDir, type);
    expect(others).toEqual([]);
    expect(Object.keys(record?.headers ?? {})).toEqual(expect.arrayContaining(['ce_type']));
    expect(record?.headers).not.toHaveProperty('traceparent');
  }
});

test('a collector that is away is told of once, and nobody waits for it', async () => {
  const gone = await OtlpCollector.start();
  const { endpoint } = gone;
  await gone[Symbol.asyncDispose]();
  await using server = await startServer({ env: { ...quick, PARLEY_OTLP_ENDPOINT: endpoint } });
  const { session } = await talk(server, 'bidi', undefined, 'somebody');
  await ask(session);
  const told = () => server.stderr().split('the trace collector cannot be reached').length - 1;
  await eventually(
    async () => told(),
    (times) => times > 0,
  );
  for (let i = 0; i < 50; i += 1) await ask(session);
  session.drop();
  // With a second for the last spans.
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(told()).toBe(1);
});

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import type { ParleyEvent } from '../ports/event-codec.ts';
import { eventCodec } from '../testing/event-codec.ts';
import { assertProperty } from '../testing/property.ts';

const id = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const text = fc.string({ unit: 'grapheme' });
const count = fc.nat();
const media = fc.record(
  {
    kind: fc.constantFrom('voice' as const, 'video' as const, 'image' as const),
    mediaId: id,
    contentType: fc.constantFrom('audio/ogg', 'video/mp4', 'image/png'),
    sizeBytes: fc.maxSafeNat(),
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    fileName: id,
  },
  { requiredKeys: ['kind', 'mediaId', 'contentType', 'sizeBytes', 'sha256'] },
);
const parts = fc.array(fc.oneof(fc.record({ kind: fc.constant('text' as const), text }), media), { maxLength: 3 });
const reply = { conversationId: id, messageId: id, replyMessageId: id, attempt: count, claimId: id };
const replyKeys = ['conversationId', 'messageId', 'replyMessageId', 'attempt', 'claimId'] as const;
const unitPrices = fc.record({
  inputPerMillion: fc.maxSafeNat(),
  cachedInputPerMillion: count,
  outputPerMillion: count,
  soundInPerMinute: count,
  soundOutPerMinute: count,
  pictureIn: count,
  pictureOut: count,
});
const call = fc.record(
  {
    provider: id,
    model: id,
    inputTokens: count,
    prices: fc.record({ version: count, prices: unitPrices }),
    maxOutputTokens: count,
  },
  { requiredKeys: ['provider', 'model', 'inputTokens'] },
);
const usage = fc
  .tuple(
    fc.record({
      attempt: count,
      end: fc.constantFrom('completed' as const, 'failed' as const, 'stopped' as const, 'lost' as const),
      provider: id,
      model: id,
      inputTokens: count,
      cachedInputTokens: count,
      outputTokens: count,
      reasoningTokens: count,
      soundInMs: count,
      soundOutMs: count,
      picturesIn: count,
      picturesOut: count,
      durationMs: count,
      estimated: fc.boolean(),
    }),
    fc.record(
      { firstPieceMs: count, cost: fc.record({ microUnits: fc.maxSafeNat(), priceVersion: count }) },
      { requiredKeys: [] },
    ),
  )
  .map(([facts, firstPiece]) => ({ ...facts, ...firstPiece }));
const ended = fc.array(usage, { minLength: 1, maxLength: 2 });

const name = fc.string({ minLength: 1 });
const spend = fc.record({ tokens: fc.maxSafeNat(), cost: fc.maxSafeNat() });

const events: fc.Arbitrary<ParleyEvent> = fc.oneof(
  fc.record(
    {
      type: fc.constant('BudgetSet' as const),
      setBy: text,
      scope: fc.oneof(
        fc.constantFrom({ kind: 'all' as const }, { kind: 'each' as const }),
        id.map((clientId) => ({ kind: 'client' as const, clientId })),
        id.map((group) => ({ kind: 'group' as const, group })),
      ),
      period: fc.constantFrom('minute' as const, 'hour' as const, 'day' as const, 'month' as const),
      unit: fc.constantFrom('messages' as const, 'tokens' as const, 'cost' as const),
      amount: count,
    },
    { requiredKeys: ['type', 'setBy', 'scope', 'period', 'unit'] },
  ),
  fc.record(
    {
      type: fc.constant('MessageBudgeted' as const),
      messageId: id,
      clientId: id,
      group: name,
      reserve: fc.record({ least: spend, most: spend, partition: fc.nat(1_000), fromOffset: count }),
    },
    { requiredKeys: ['type', 'messageId', 'clientId'] },
  ),
  fc.record({ type: fc.constant('MessageSettled' as const), messageId: id, used: spend }),
  fc.record({ type: fc.constant('ReservationReleased' as const), messageId: id, grantOffset: count }),
  fc.record({
    type: fc.constant('PriceListSet' as const),
    listId: id,
    setBy: text,
    currency: text,
    prices: fc.array(fc.record({ provider: id, model: id, prices: unitPrices }), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('ConnectionRequested' as const),
    sessionId: id,
    clientId: id,
    gatewayId: id,
    timeZone: id,
    conversationId: id,
    tokenHash: text,
    resumeTokenHash: text,
    waitMs: count,
    takeOver: fc.constantFrom(true, undefined),
  }),
  fc.record({ type: fc.constant('ConnectionSpoke' as const), sessionId: id }),
  fc.record({ type: fc.constant('ConnectionClosed' as const), sessionId: id, reason: text, detail: text }),
  fc.record({ type: fc.constant('GatewayStarting' as const), gatewayId: id, incarnation: id }),
  fc.record(
    {
      type: fc.constant('GatewayStarted' as const),
      gatewayId: id,
      limits: fc.record({
        maxClients: count,
        maxWaitingClients: count,
        gatewayLeaseMs: count,
        firstMessageDeadlineMs: count,
      }),
      incarnation: fc.string({ minLength: 1 }),
    },
    { requiredKeys: ['type', 'gatewayId', 'limits'] },
  ),
  fc.record({
    type: fc.constant('GatewayBeat' as const),
    gatewayId: id,
    active: fc.array(fc.record({ sessionId: id, conversationId: id })),
  }),
  fc.record({ type: fc.constant('GatewayStopped' as const), gatewayId: id }),
  fc.record({ type: fc.constant('ConversationStarted' as const), conversationId: id, clientId: id }),
  fc.record(
    {
      type: fc.constant('MessageReceived' as const),
      messageId: id,
      conversationId: id,
      clientId: id,
      clientMessageId: id,
      parts,
      timeZone: id,
      instructions: id,
      group: name,
      spendingOffset: fc.maxSafeNat().filter((offset) => offset > 0),
      hasReservation: fc.constant(true as const),
    },
    { requiredKeys: ['type', 'messageId', 'conversationId', 'clientId', 'clientMessageId', 'parts', 'timeZone'] },
  ),
  fc.record({
    type: fc.constant('WorkerClaimed' as const),
    partition: count,
    workerId: id,
    claimId: id,
    maxProcessing: count,
  }),
  fc.record({ type: fc.constant('WorkerReleased' as const), partition: count, workerId: id, claimId: id }),
  fc.record(
    { type: fc.constant('ReplyStarted' as const), ...reply, continuedBytes: count, call, ended },
    { requiredKeys: ['type', ...replyKeys, 'continuedBytes'] },
  ),
  fc.record({ type: fc.constant('ReplyProgress' as const), ...reply, offsetBytes: count, text }),
  fc.record(
    {
      type: fc.constant('ReplyCompleted' as const),
      ...reply,
      parts,
      model: text,
      outcome: fc.constantFrom('completed' as const, 'stopped' as const),
      ended,
    },
    { requiredKeys: ['type', ...replyKeys, 'parts', 'model', 'outcome'] },
  ),
  fc.record(
    {
      type: fc.constant('ReplyFailed' as const),
      conversationId: id,
      messageId: id,
      attempt: count,
      claimId: id,
      reason: text,
      detail: text,
      ended,
    },
    { requiredKeys: ['type', 'conversationId', 'messageId', 'attempt', 'claimId', 'reason', 'detail'] },
  ),
  fc.record({ type: fc.constant('StopRequested' as const), conversationId: id, messageId: id }),
  fc.record({ type: fc.constant('ConversationRenamed' as const), conversationId: id, title: text }),
  fc.record({ type: fc.constant('ConversationDeleted' as const), conversationId: id }),
  fc.record({
    type: fc.constant('ConversationErased' as const),
    conversationId: id,
    records: count,
    media: count,
    throughSequence: count,
  }),
);

/** The fact that is left of an event whose words are taken out; undefined when it has none. */
function redact(event: ParleyEvent): ConversationEvent | undefined {
  switch (event.type) {
    case 'MessageReceived': {
      const { instructions, ...fact } = event;
      return fact.parts.length === 0 && instructions === undefined ? undefined : { ...fact, parts: [] };
    }
    case 'ReplyCompleted':
      return event.parts.length === 0 ? undefined : { ...event, parts: [] };
    case 'ReplyProgress':
      return event.text === '' ? undefined : { ...event, text: '' };
    case 'ConversationRenamed':
      return event.title === '' ? undefined : { ...event, title: '' };
    default:
      return undefined;
  }
}

/** The same message with its fields by their numbers, as releases wrote them that did not know of erasing. */
function inFieldOrder(value: Uint8Array): Uint8Array {
  const reader = new BinaryReader(value);
  const fields: { readonly field: number; readonly bytes: Uint8Array }[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    fields.push({ field, bytes: value.subarray(start, reader.pos) });
  }
  const writer = new BinaryWriter();
  for (const { bytes } of fields.toSorted((one, other) => one.field - other.field)) writer.raw(bytes);
  return writer.finish();
}

describe('the event codec', () => {
  test('gives back every event that it encodes', () => {
    assertProperty(
      fc.property(events, (event) => {
        expect(eventCodec.decode(eventCodec.encode(event))).toEqual({ kind: 'event', event });
      }),
      { numRuns: 2_000 },
    );
  });

  test('writes the words behind everything else, so that the value without them is a beginning of the value', () => {
    assertProperty(
      fc.property(events, (event) => {
        const { headers, value } = eventCodec.encode(event);
        const fact = redact(event);
        const left = eventCodec.redact({ headers, value });
        if (fact === undefined) return expect(left).toBeUndefined();
        expect(left).toEqual(eventCodec.encode(fact).value);
        expect(value.subarray(0, left?.length)).toEqual(left);
        expect(eventCodec.decode({ headers, value: left! })).toEqual({ kind: 'event', event: fact });
        expect(eventCodec.redact({ headers, value: left! })).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test('reads words that stand among the other fields, and what is left of them without what stood behind', () => {
    assertProperty(
      fc.property(events, (event) => {
        // No release that wrote so knew of instructions, of usage or of budgets.
        fc.pre(
          !(
            'instructions' in event ||
            'ended' in event ||
            'spendingOffset' in event ||
            'hasReservation' in event ||
            'group' in event
          ),
        );
        const { headers, value } = eventCodec.encode(event);
        const before = { headers, value: inFieldOrder(value) };
        expect(eventCodec.decode(before)).toEqual({ kind: 'event', event });
        const fact = redact(event);
        const left = eventCodec.redact(before);
        if (fact === undefined) return expect(left).toBeUndefined();
        const lost = { timeZone: '', model: '', outcome: 'completed' };
        const fields = Object.entries(fact).map(([name, content]) => [
          name,
          lost[name as keyof typeof lost] ?? content,
        ]);
        expect(eventCodec.decode({ headers, value: left! })).toEqual({
          kind: 'event',
          event: Object.fromEntries(fields),
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('writes CloudEvents attributes in binary mode', () => {
    const { headers } = eventCodec.encode({ type: 'ConnectionSpoke', sessionId: 's' });
    expect(headers).toEqual({
      ce_specversion: '1.0',
      ce_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ce_source: 'parley',
      ce_type: 'chat_events.v1.ConnectionSpoke',
      'content-type': 'application/protobuf',
    });
  });

  test('never throws, whatever the bytes: they are an event or undecodable with a reason', () => {
    const types = ['ConnectionRequested', 'GatewayStarted', 'MessageReceived', 'ReplyCompleted', 'WorkerClaimed'];
    assertProperty(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }), (type, value) => {
        const decoded = eventCodec.decode({ headers: { ce_type: `chat_events.v1.${type}` }, value });
        expect(['event', 'undecodable']).toContain(decoded.kind);
        const left = eventCodec.redact({ headers: { ce_type: `chat_events.v1.${type}` }, value });
        expect(left?.length ?? 0).toBeLessThanOrEqual(value.length);
        if (decoded.kind === 'undecodable') expect(decoded.reason).toContain(type);
      }),
      { numRuns: 2_000 },
    );
  });

  test('an event of a later release is unknown, not wrong', () => {
    const decoded = eventCodec.decode({
      headers: { ce_type: 'chat_events.v1.MessageEdited' },
      value: new Uint8Array([1, 2]),
    });
    expect(decoded).toEqual({ kind: 'unknown', type: 'chat_events.v1.MessageEdited' });
    expect(eventCodec.decode({ headers: {}, value: new Uint8Array() }).kind).toBe('unknown');
  });

  test('bytes that decode to an event without its id are undecodable', () => {
    const decoded = eventCodec.decode({
      headers: { ce_type: 'chat_events.v1.MessageReceived' },
      value: new Uint8Array(),
    });
    expect(decoded).toEqual({ kind: 'undecodable', reason: 'MessageReceived without messageId' });
  });
});

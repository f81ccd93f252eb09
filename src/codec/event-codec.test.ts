import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ParleyEvent } from '../ports/event-codec.ts';
import { eventCodec } from './event-codec.ts';

const id = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const text = fc.string({ unit: 'grapheme' });
const count = fc.nat();
const parts = fc.array(fc.record({ kind: fc.constant('text' as const), text }), { maxLength: 3 });
const reply = { conversationId: id, messageId: id, replyMessageId: id, attempt: count, claimId: id };

const events: fc.Arbitrary<ParleyEvent> = fc.oneof(
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
  }),
  fc.record({ type: fc.constant('ConnectionSpoke' as const), sessionId: id }),
  fc.record({ type: fc.constant('ConnectionClosed' as const), sessionId: id, reason: text, detail: text }),
  fc.record({
    type: fc.constant('GatewayStarted' as const),
    gatewayId: id,
    limits: fc.record({
      maxClients: count,
      maxWaitingClients: count,
      gatewayLeaseMs: count,
      firstMessageDeadlineMs: count,
    }),
  }),
  fc.record({
    type: fc.constant('GatewayBeat' as const),
    gatewayId: id,
    active: fc.array(fc.record({ sessionId: id, conversationId: id })),
  }),
  fc.record({ type: fc.constant('GatewayStopped' as const), gatewayId: id }),
  fc.record({ type: fc.constant('ConversationStarted' as const), conversationId: id, clientId: id }),
  fc.record({
    type: fc.constant('MessageReceived' as const),
    messageId: id,
    conversationId: id,
    clientId: id,
    clientMessageId: id,
    parts,
    timeZone: id,
  }),
  fc.record({
    type: fc.constant('WorkerClaimed' as const),
    partition: count,
    workerId: id,
    claimId: id,
    maxProcessing: count,
  }),
  fc.record({ type: fc.constant('ReplyStarted' as const), ...reply }),
  fc.record({
    type: fc.constant('ReplyCompleted' as const),
    ...reply,
    parts,
    model: text,
    outcome: fc.constantFrom('completed' as const, 'stopped' as const),
  }),
  fc.record({
    type: fc.constant('ReplyFailed' as const),
    conversationId: id,
    messageId: id,
    attempt: count,
    claimId: id,
    reason: text,
    detail: text,
  }),
  fc.record({ type: fc.constant('StopRequested' as const), conversationId: id, messageId: id }),
  fc.record({ type: fc.constant('ConversationRenamed' as const), conversationId: id, title: text }),
  fc.record({ type: fc.constant('ConversationDeleted' as const), conversationId: id }),
);

describe('the event codec', () => {
  test('gives back every event that it encodes', () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(eventCodec.decode(eventCodec.encode(event))).toEqual({ kind: 'event', event });
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
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }), (type, value) => {
        const decoded = eventCodec.decode({ headers: { ce_type: `chat_events.v1.${type}` }, value });
        expect(['event', 'undecodable']).toContain(decoded.kind);
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

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { AdmissionEvent } from '../domain/admission/events.ts';
import type { SpendingEvent } from '../domain/spending/events.ts';
import type { Decoded, EventCodec, ParleyEvent } from '../ports/event-codec.ts';
import type { Ids } from '../ports/ids.ts';
import { admissionDecoders, encodeAdmissionEvent } from './admission-events.ts';
import { conversationDecoders, encodeConversationEvent } from './conversation-events.ts';
import { encodeSpendingEvent, spendingDecoders } from './spending-events.ts';

/** CloudEvents `type` of every event: this and the event's name. */
const typePrefix = 'chat_events.v1.';

const decoders: Readonly<Record<string, (bytes: Uint8Array) => ParleyEvent>> = {
  ...admissionDecoders,
  ...conversationDecoders,
  ...spendingDecoders,
};

/** The field without which an event of each type says nothing. Bytes of something else often decode to empty fields. */
const requiredField = {
  ConnectionRequested: 'sessionId',
  ConnectionSpoke: 'sessionId',
  ConnectionClosed: 'sessionId',
  GatewayStarting: 'gatewayId',
  GatewayStarted: 'gatewayId',
  GatewayBeat: 'gatewayId',
  GatewayStopped: 'gatewayId',
  ConversationStarted: 'conversationId',
  MessageReceived: 'messageId',
  WorkerClaimed: 'claimId',
  WorkerReleased: 'claimId',
  ReplyStarted: 'messageId',
  ReplyProgress: 'messageId',
  ReplyCompleted: 'messageId',
  ReplyFailed: 'messageId',
  StopRequested: 'messageId',
  ConversationRenamed: 'conversationId',
  ConversationDeleted: 'conversationId',
  ConversationErased: 'conversationId',
  PriceListSet: 'listId',
  BudgetSet: 'period',
  MessageBudgeted: 'messageId',
  MessageSettled: 'messageId',
  ReservationReleased: 'messageId',
} as const satisfies Record<ParleyEvent['type'], string>;

function isAdmissionEvent(event: ParleyEvent): event is AdmissionEvent {
  return event.type in admissionDecoders;
}

function isSpendingEvent(event: ParleyEvent): event is SpendingEvent {
  return event.type in spendingDecoders;
}

/** The name of the event whose CloudEvents `type` this is; '' when it is none of ours. */
function nameOf(type: string): string {
  return type.startsWith(typePrefix) ? type.slice(typePrefix.length) : '';
}

function decode(type: string, value: Uint8Array): Decoded {
  const name = nameOf(type);
  const decoder = decoders[name];
  if (decoder === undefined) return { kind: 'unknown', type };
  try {
    const event = decoder(value);
    const field = requiredField[event.type];
    const { [field]: content } = event as unknown as Record<string, unknown>;
    if (content === '') return { kind: 'undecodable', reason: `${event.type} without ${field}` };
    return { kind: 'event', event };
  } catch (error) {
    return { kind: 'undecodable', reason: `${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** One for all: a new writer for each event costs more than the event. Encoding is synchronous, so events never meet in it. */
const writer = new BinaryWriter();

function encodeInto(event: ParleyEvent): BinaryWriter {
  if (isAdmissionEvent(event)) return encodeAdmissionEvent(event, writer);
  return isSpendingEvent(event) ? encodeSpendingEvent(event, writer) : encodeConversationEvent(event, writer);
}

function encodeValue(event: ParleyEvent): Uint8Array {
  try {
    return encodeInto(event).finish();
  } catch (error) {
    // What a failed event left in the writer must not lead the next one.
    writer.finish();
    throw error;
  }
}

/**
 * Events as protobuf `chat_events.v1` with CloudEvents attributes as headers (binary content mode, CloudEvents 1.0.2 §3.1). `ids` gives each
 * event its `ce_id`.
 */
export function createEventCodec(ids: Pick<Ids, 'unique'>): EventCodec {
  return {
    encode: (event) => ({
      headers: {
        ce_specversion: '1.0',
        ce_id: ids.unique(),
        ce_source: 'parley',
        ce_type: typePrefix + event.type,
        'content-type': 'application/protobuf',
      },
      value: encodeValue(event),
    }),
    decode: ({ headers, value }) => decode(headers['ce_type'] ?? '', value),
    redact: ({ headers, value }) => redactedValue(nameOf(headers['ce_type'] ?? ''), value),
  };
}

/**
 * Words are the end of a value:
 *
 *   value = facts words         both are fields of one protobuf message, which may stand in any order
 *   words = { field }           those named below; none when nothing was said, or once it was erased
 *
 * So a value without its words is a beginning of it, and decodes to the same event with nothing said in it. Before the words were written
 * last, other fields came behind them; those are lost with them (a time zone, a reply's model and outcome).
 */

/** The numbers of the fields that hold an event's words, in chat_events.v1. */
const wordsFields: Readonly<Record<string, readonly number[]>> = {
  MessageReceived: [5, 7],
  ReplyProgress: [7],
  ReplyCompleted: [6],
  ConversationRenamed: [2],
};

/** The value of an event up to its words; undefined when it has none, or is no protobuf message up to there. */
function redactedValue(eventName: string, value: Uint8Array): Uint8Array | undefined {
  const fields = wordsFields[eventName];
  if (fields === undefined) return undefined;
  const reader = new BinaryReader(value);
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const [field, wireType] = reader.tag();
      if (fields.includes(field)) return value.subarray(0, start);
      reader.skip(wireType, field);
    }
  } catch {
    // Not a message: it is undecodable as well, which is where that is told.
  }
  return undefined;
}

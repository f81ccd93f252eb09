import type { OutgoingMessage, OutgoingPart } from '../app/gateway/accept-message.ts';
import type { Hello } from '../app/gateway/hello.ts';
import type { Accepted as AcceptedEvent, SessionEvent } from '../app/gateway/session-event.ts';
import { Refused, refusalNamed } from '../domain/errors/catalogue.ts';
import type {
  Accepted,
  ServerEvent,
  SessionLimits,
  Hello as WireHello,
  OutgoingMessage as WireMessage,
} from '../gen/chat/v1/chat_service.ts';
import type { Part as WirePart } from '../gen/chat/v1/content.ts';
import type { Duration } from '../gen/google/protobuf/duration.ts';
import { mediaKindFromWire, messageToWire } from './content-wire.ts';
import { durationOf, millisecondsOf, numberOf } from './wire-values.ts';

/** What every Welcome says. */
export interface WelcomeFacts {
  readonly heartbeatInterval: Duration;
  readonly firstMessageDeadline: Duration;
  readonly limits: SessionLimits;
}

/** The hello of a frame. Throws HELLO_EXPECTED when there is none. */
export function helloFromWire(hello: WireHello | undefined): Hello {
  if (hello === undefined) throw new Refused('HELLO_EXPECTED');
  return {
    clientId: hello.clientId,
    timeZone: hello.timeZone,
    conversationId: hello.conversationId,
    resumeToken: hello.resumeToken,
    afterSequence: numberOf(hello.afterSequence, 'after_sequence'),
    waitMs: millisecondsOf(hello.waitForSlot, 'wait_for_slot'),
    inlineMedia: hello.inlineMedia,
    takeOver: hello.takeOver,
  };
}

/** A message as the session takes it; an absent one is an empty one. */
export function messageFromWire(message: WireMessage | undefined): OutgoingMessage {
  const { clientMessageId = '', parts = [], instructions } = message ?? {};
  return { clientMessageId, parts: parts.map(partFromWire), instructions };
}

function partFromWire({ value }: WirePart): OutgoingPart {
  if (value === undefined) return { kind: 'none' };
  if (value.$case === 'text') return { kind: 'text', text: value.value };
  const { kind, contentType, inlineData, mediaId, sizeBytes, sha256, fileName } = value.value;
  return {
    kind: 'media',
    mediaKind: mediaKindFromWire(kind),
    contentType,
    inlineData,
    mediaId,
    // One that is out of range is no length of anything, and refused as that.
    sizeBytes: Number(sizeBytes),
    sha256,
    fileName,
  };
}

/** Accepted as both shapes of the session tell it. */
export function acceptedToWire(accepted: AcceptedEvent): Accepted {
  return {
    clientMessageId: accepted.clientMessageId,
    messageId: accepted.messageId,
    sequence: BigInt(accepted.sequence),
    createTime: new Date(accepted.timeMs),
    duplicate: accepted.duplicate,
    conversationId: accepted.conversationId,
  };
}

type WireEvent = NonNullable<ServerEvent['event']>;

function rejectedToWire(event: Extract<SessionEvent, { type: 'rejected' }>): WireEvent {
  const { meaning, retryable, ...refusal } = refusalNamed(event.reason);
  const retryDelayMs = event.retryDelayMs ?? refusal.retryDelayMs;
  return {
    $case: 'rejected',
    value: {
      clientMessageId: event.clientMessageId,
      messageId: event.messageId,
      reason: event.reason,
      detail: event.detail === '' ? meaning : event.detail,
      retryable,
      retryDelay: retryDelayMs === undefined ? undefined : durationOf(retryDelayMs),
    },
  };
}

/** A session's event in its wire form. */
export function eventToWire(event: SessionEvent, facts: WelcomeFacts): WireEvent {
  switch (event.type) {
    case 'delta': {
      const { replyMessageId, attempt, offsetBytes, text } = event;
      return { $case: 'replyDelta', value: { replyMessageId, attempt, offsetBytes: BigInt(offsetBytes), text } };
    }
    case 'accepted':
      return { $case: 'accepted', value: acceptedToWire(event) };
    case 'started':
      return { $case: 'replyStarted', value: { ...event, continuedBytes: BigInt(event.continuedBytes) } };
    case 'delayed':
      return { $case: 'replyDelayed', value: { reason: '', ...event, retryDelay: durationOf(event.retryInMs) } };
    case 'message':
      return { $case: 'message', value: messageToWire(event) };
    case 'rejected':
      return rejectedToWire(event);
    case 'pong':
      return { $case: 'pong', value: { serverTime: new Date(event.timeMs) } };
    case 'waiting':
      return { $case: 'waiting', value: { place: event.place } };
    case 'welcome':
      return { $case: 'welcome', value: { ...event, ...facts, serverTime: new Date(event.timeMs) } };
    case 'joined':
      return { $case: 'joined', value: { conversationId: event.conversationId } };
    case 'renamed':
      return { $case: 'renamed', value: { ...event, sequence: BigInt(event.sequence) } };
    case 'deleted':
      return { $case: 'deleted', value: { ...event, sequence: BigInt(event.sequence) } };
    case 'drain':
      return { $case: 'drain', value: { deadline: new Date(event.deadlineMs) } };
    default:
      return event satisfies never;
  }
}

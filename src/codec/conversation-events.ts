import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type * as domain from '../domain/conversation/events.ts';
import * as wire from '../gen/chat_events/v1/conversations.ts';

/** Parts as the log stores them. */
export function partsToWire(parts: readonly domain.Part[]): wire.Part[] {
  return parts.map((part) =>
    part.kind === 'text'
      ? { value: { $case: 'text', value: part.text } }
      : { value: { $case: 'media', value: mediaToWire(part) } },
  );
}

/** Parts as the domain reads them; a kind of a later release is left out. */
export function partsFromWire(parts: readonly wire.Part[]): domain.Part[] {
  return parts.flatMap(({ value }): domain.Part[] => {
    if (value === undefined) return [];
    if (value.$case === 'text') return [{ kind: 'text', text: value.value }];
    const kind = kindsFromWire.get(value.value.kind);
    return kind === undefined ? [] : [mediaFromWire(value.value, kind)];
  });
}

const kindsToWire = {
  voice: wire.MediaKind.VOICE,
  video: wire.MediaKind.VIDEO,
  image: wire.MediaKind.IMAGE,
} as const satisfies Record<domain.MediaKind, wire.MediaKind>;

const kindsFromWire: ReadonlyMap<wire.MediaKind, domain.MediaKind> = new Map([
  [wire.MediaKind.VOICE, 'voice'],
  [wire.MediaKind.VIDEO, 'video'],
  [wire.MediaKind.IMAGE, 'image'],
]);

function mediaToWire({ kind, mediaId, contentType, sizeBytes, sha256 }: domain.MediaPart): wire.Media {
  const hash = Buffer.from(sha256, 'hex');
  return { kind: kindsToWire[kind], mediaId, contentType, sizeBytes: BigInt(sizeBytes), sha256: hash };
}

function mediaFromWire({ mediaId, contentType, sizeBytes, sha256 }: wire.Media, kind: domain.MediaKind) {
  return { kind, mediaId, contentType, sizeBytes: Number(sizeBytes), sha256: sha256.toString('hex') };
}

/** Writes an event of the `conversations` topic. */
export function encodeConversationEvent(event: domain.ConversationEvent, writer: BinaryWriter): BinaryWriter {
  switch (event.type) {
    case 'ConversationStarted':
      return wire.ConversationStarted.encode(event, writer);
    case 'MessageReceived':
      return wire.MessageReceived.encode({ ...event, parts: partsToWire(event.parts) }, writer);
    case 'WorkerClaimed':
      return wire.WorkerClaimed.encode(event, writer);
    case 'ReplyStarted':
      return wire.ReplyStarted.encode(event, writer);
    case 'ReplyCompleted':
      return wire.ReplyCompleted.encode(
        {
          ...event,
          parts: partsToWire(event.parts),
          outcome: event.outcome === 'completed' ? wire.ReplyOutcome.COMPLETED : wire.ReplyOutcome.STOPPED,
        },
        writer,
      );
    case 'ReplyFailed':
      return wire.ReplyFailed.encode(event, writer);
    case 'StopRequested':
      return wire.StopRequested.encode(event, writer);
    case 'ConversationRenamed':
      return wire.ConversationRenamed.encode(event, writer);
    case 'ConversationDeleted':
      return wire.ConversationDeleted.encode(event, writer);
    case 'ConversationErased':
      return wire.ConversationErased.encode(event, writer);
    default:
      return event satisfies never;
  }
}

type Decoder = (bytes: Uint8Array) => domain.ConversationEvent;

function replyCompleted(bytes: Uint8Array): domain.ReplyCompleted {
  const { outcome, parts, ...event } = wire.ReplyCompleted.decode(bytes);
  if (outcome !== wire.ReplyOutcome.COMPLETED && outcome !== wire.ReplyOutcome.STOPPED) {
    throw new RangeError(`outcome ${outcome}`);
  }
  return {
    type: 'ReplyCompleted',
    ...event,
    parts: partsFromWire(parts),
    outcome: outcome === wire.ReplyOutcome.COMPLETED ? 'completed' : 'stopped',
  };
}

function messageReceived(bytes: Uint8Array): domain.MessageReceived {
  const event = wire.MessageReceived.decode(bytes);
  return { type: 'MessageReceived', ...event, parts: partsFromWire(event.parts) };
}

/** How each event of the `conversations` topic is read; decoders throw on what they cannot read. */
export const conversationDecoders: Readonly<Record<domain.ConversationEvent['type'], Decoder>> = {
  ConversationStarted: (bytes) => ({ type: 'ConversationStarted', ...wire.ConversationStarted.decode(bytes) }),
  MessageReceived: messageReceived,
  WorkerClaimed: (bytes) => ({ type: 'WorkerClaimed', ...wire.WorkerClaimed.decode(bytes) }),
  ReplyStarted: (bytes) => ({ type: 'ReplyStarted', ...wire.ReplyStarted.decode(bytes) }),
  ReplyCompleted: replyCompleted,
  ReplyFailed: (bytes) => ({ type: 'ReplyFailed', ...wire.ReplyFailed.decode(bytes) }),
  StopRequested: (bytes) => ({ type: 'StopRequested', ...wire.StopRequested.decode(bytes) }),
  ConversationRenamed: (bytes) => ({ type: 'ConversationRenamed', ...wire.ConversationRenamed.decode(bytes) }),
  ConversationDeleted: (bytes) => ({ type: 'ConversationDeleted', ...wire.ConversationDeleted.decode(bytes) }),
  ConversationErased: (bytes) => ({ type: 'ConversationErased', ...wire.ConversationErased.decode(bytes) }),
};

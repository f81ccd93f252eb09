import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type * as domain from '../domain/conversation/events.ts';
import * as wire from '../gen/chat_events/v1/conversations.ts';
import { callPricesFromWire, callPricesToWire } from './spending-events.ts';

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

function mediaToWire({ kind, sizeBytes, sha256, fileName = '', ...media }: domain.MediaPart): wire.Media {
  const hash = Buffer.from(sha256, 'hex');
  return { ...media, kind: kindsToWire[kind], sizeBytes: BigInt(sizeBytes), sha256: hash, fileName };
}

function mediaFromWire(
  { mediaId, contentType, sizeBytes, sha256, fileName }: wire.Media,
  kind: domain.MediaKind,
): domain.MediaPart {
  const media = { kind, mediaId, contentType, sizeBytes: Number(sizeBytes), sha256: sha256.toString('hex') };
  return fileName === '' ? media : { ...media, fileName };
}

/** Events of which nothing is written: what is behind all other fields is added to one of them. */
const nothingReceived = wire.MessageReceived.create();
const nothingCompleted = wire.ReplyCompleted.create();
const nothingSaid = wire.ReplyProgress.create();
const nothingRenamed = wire.ConversationRenamed.create();

const outcomesToWire = {
  completed: wire.ReplyOutcome.COMPLETED,
  stopped: wire.ReplyOutcome.STOPPED,
} as const satisfies Record<domain.ReplyCompleted['outcome'], wire.ReplyOutcome>;

const endsToWire = {
  completed: wire.AttemptEnd.COMPLETED,
  failed: wire.AttemptEnd.FAILED,
  stopped: wire.AttemptEnd.STOPPED,
  lost: wire.AttemptEnd.LOST,
} as const satisfies Record<domain.AttemptUsage['end'], wire.AttemptEnd>;

const endsFromWire: ReadonlyMap<wire.AttemptEnd, domain.AttemptUsage['end']> = new Map([
  [wire.AttemptEnd.COMPLETED, 'completed'],
  [wire.AttemptEnd.FAILED, 'failed'],
  [wire.AttemptEnd.STOPPED, 'stopped'],
  [wire.AttemptEnd.LOST, 'lost'],
]);

function usagesToWire(usages: readonly domain.AttemptUsage[] = []): wire.AttemptUsage[] {
  return usages.map(({ cost, ...usage }) => ({
    firstPieceMs: undefined,
    ...usage,
    end: endsToWire[usage.end],
    cost: cost && { ...cost, microUnits: BigInt(cost.microUnits) },
  }));
}

function callToWire({ prices, maxOutputTokens, ...call }: domain.ModelCall): wire.ModelCall {
  return { ...call, prices: prices && callPricesToWire(prices), maxOutputTokens };
}

function callFromWire({ prices, maxOutputTokens, ...call }: wire.ModelCall): domain.ModelCall {
  return {
    ...call,
    ...(prices && { prices: callPricesFromWire(prices) }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
  };
}

/** An end of a later release is one that gave no reply. */
function endedFromWire(usages: readonly wire.AttemptUsage[]): { readonly ended?: readonly domain.AttemptUsage[] } {
  if (usages.length === 0) return {};
  const ended = usages.map(({ firstPieceMs, end, cost, ...usage }) => ({
    ...usage,
    end: endsFromWire.get(end) ?? ('failed' as const),
    ...(firstPieceMs !== undefined && { firstPieceMs }),
    ...(cost && { cost: { ...cost, microUnits: Number(cost.microUnits) } }),
  }));
  return { ended };
}

function encodeReceived(event: domain.MessageReceived, writer: BinaryWriter): BinaryWriter {
  const { parts, instructions = '', group = '', spendingOffset: offset = 0, hasReservation = false, ...facts } = event;
  const spendingOffset = BigInt(offset);
  wire.MessageReceived.encode({ ...nothingReceived, ...facts, group, spendingOffset, hasReservation }, writer);
  return wire.MessageReceived.encode({ ...nothingReceived, parts: partsToWire(parts), instructions }, writer);
}

function encodeCompleted(event: domain.ReplyCompleted, writer: BinaryWriter): BinaryWriter {
  wire.ReplyCompleted.encode(
    {
      incomplete: false,
      ...event,
      parts: [],
      outcome: outcomesToWire[event.outcome],
      ended: usagesToWire(event.ended),
    },
    writer,
  );
  return wire.ReplyCompleted.encode({ ...nothingCompleted, parts: partsToWire(event.parts) }, writer);
}

function encodeStarted(event: domain.ReplyStarted, writer: BinaryWriter): BinaryWriter {
  const { continuedBytes, call, ended, ...facts } = event;
  const started = {
    ...facts,
    call: call && callToWire(call),
    continuedBytes: BigInt(continuedBytes),
    ended: usagesToWire(ended),
  };
  return wire.ReplyStarted.encode(started, writer);
}

function encodeProgress(event: domain.ReplyProgress, writer: BinaryWriter): BinaryWriter {
  const { offsetBytes, text, ...facts } = event;
  wire.ReplyProgress.encode({ ...facts, offsetBytes: BigInt(offsetBytes), text: '' }, writer);
  return wire.ReplyProgress.encode({ ...nothingSaid, text }, writer);
}

function encodeRenamed({ conversationId, title }: domain.ConversationRenamed, writer: BinaryWriter): BinaryWriter {
  wire.ConversationRenamed.encode({ ...nothingRenamed, conversationId }, writer);
  return wire.ConversationRenamed.encode({ ...nothingRenamed, title }, writer);
}

/**
 * Writes an event of the `conversations` topic, its words behind all its other fields: a protobuf message may have them in any order, and so
 * the value without its words is a beginning of the value (event-codec.ts).
 */
export function encodeConversationEvent(event: domain.ConversationEvent, writer: BinaryWriter): BinaryWriter {
  switch (event.type) {
    case 'ConversationStarted':
      return wire.ConversationStarted.encode(event, writer);
    case 'MessageReceived':
      return encodeReceived(event, writer);
    case 'WorkerClaimed':
      return wire.WorkerClaimed.encode(event, writer);
    case 'WorkerReleased':
      return wire.WorkerReleased.encode(event, writer);
    case 'ReplyStarted':
      return encodeStarted(event, writer);
    case 'ReplyProgress':
      return encodeProgress(event, writer);
    case 'ReplyCompleted':
      return encodeCompleted(event, writer);
    case 'ReplyFailed':
      return wire.ReplyFailed.encode({ cause: '', ...event, ended: usagesToWire(event.ended) }, writer);
    case 'StopRequested':
      return wire.StopRequested.encode(event, writer);
    case 'ConversationRenamed':
      return encodeRenamed(event, writer);
    case 'ConversationDeleted':
      return wire.ConversationDeleted.encode(event, writer);
    case 'ConversationErased':
      return wire.ConversationErased.encode({ ...event, throughSequence: BigInt(event.throughSequence) }, writer);
    default:
      return event satisfies never;
  }
}

type Decoder = (bytes: Uint8Array) => domain.ConversationEvent;

function replyStarted(bytes: Uint8Array): domain.ReplyStarted {
  const { continuedBytes, call, ended, ...event } = wire.ReplyStarted.decode(bytes);
  return {
    type: 'ReplyStarted',
    ...event,
    continuedBytes: Number(continuedBytes),
    ...(call && { call: callFromWire(call) }),
    ...endedFromWire(ended),
  };
}

function replyProgress(bytes: Uint8Array): domain.ReplyProgress {
  const { offsetBytes, ...event } = wire.ReplyProgress.decode(bytes);
  return { type: 'ReplyProgress', ...event, offsetBytes: Number(offsetBytes) };
}

function replyCompleted(bytes: Uint8Array): domain.ReplyCompleted {
  const { outcome, parts, incomplete, ended, ...event } = wire.ReplyCompleted.decode(bytes);
  return {
    type: 'ReplyCompleted',
    ...event,
    parts: partsFromWire(parts),
    outcome: outcomeFromWire(outcome, parts.length > 0),
    ...(incomplete && { incomplete }),
    ...endedFromWire(ended),
  };
}

function replyFailed(bytes: Uint8Array): domain.ReplyFailed {
  const { cause, ended, ...event } = wire.ReplyFailed.decode(bytes);
  return {
    type: 'ReplyFailed',
    ...event,
    ...(cause !== '' && { cause }),
    ...endedFromWire(ended),
  };
}

function outcomeFromWire(outcome: wire.ReplyOutcome, hasWords: boolean): domain.ReplyCompleted['outcome'] {
  if (outcome === wire.ReplyOutcome.COMPLETED) return 'completed';
  if (outcome === wire.ReplyOutcome.STOPPED) return 'stopped';
  // Once the words were written before the outcome: where they were taken out, it went with them.
  if (outcome === wire.ReplyOutcome.UNSPECIFIED && !hasWords) return 'completed';
  throw new RangeError(`outcome ${outcome}`);
}

function messageReceived(bytes: Uint8Array): domain.MessageReceived {
  const { instructions, parts, group, spendingOffset, hasReservation, ...event } = wire.MessageReceived.decode(bytes);
  return {
    type: 'MessageReceived',
    ...event,
    parts: partsFromWire(parts),
    ...(instructions !== '' && { instructions }),
    ...(group !== '' && { group }),
    ...(spendingOffset > 0n && { spendingOffset: Number(spendingOffset) }),
    ...(hasReservation && { hasReservation }),
  };
}

function conversationErased(bytes: Uint8Array): domain.ConversationErased {
  const { throughSequence, ...event } = wire.ConversationErased.decode(bytes);
  return { type: 'ConversationErased', ...event, throughSequence: Number(throughSequence) };
}

/** How each event of the `conversations` topic is read; decoders throw on what they cannot read. */
export const conversationDecoders: Readonly<Record<domain.ConversationEvent['type'], Decoder>> = {
  ConversationStarted: (bytes) => ({ type: 'ConversationStarted', ...wire.ConversationStarted.decode(bytes) }),
  MessageReceived: messageReceived,
  WorkerClaimed: (bytes) => ({ type: 'WorkerClaimed', ...wire.WorkerClaimed.decode(bytes) }),
  WorkerReleased: (bytes) => ({ type: 'WorkerReleased', ...wire.WorkerReleased.decode(bytes) }),
  ReplyStarted: replyStarted,
  ReplyProgress: replyProgress,
  ReplyCompleted: replyCompleted,
  ReplyFailed: replyFailed,
  StopRequested: (bytes) => ({ type: 'StopRequested', ...wire.StopRequested.decode(bytes) }),
  ConversationRenamed: (bytes) => ({ type: 'ConversationRenamed', ...wire.ConversationRenamed.decode(bytes) }),
  ConversationDeleted: (bytes) => ({ type: 'ConversationDeleted', ...wire.ConversationDeleted.decode(bytes) }),
  ConversationErased: conversationErased,
};

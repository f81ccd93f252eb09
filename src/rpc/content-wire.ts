import type { MediaLink, PresentedMessage } from '../app/media/media-links.ts';
import type { MediaKind, MediaPart } from '../domain/conversation/events.ts';
import { Kind, type Media, type Message, MessageStatus, Role, type Part as WirePart } from '../gen/chat/v1/content.ts';
import type { HistoryStatus } from '../ports/history.ts';

const statusToWire: Readonly<Record<HistoryStatus, MessageStatus>> = {
  queued: MessageStatus.QUEUED,
  processing: MessageStatus.PROCESSING,
  completed: MessageStatus.COMPLETED,
  failed: MessageStatus.FAILED,
  stopped: MessageStatus.STOPPED,
};

const kindToWire: Readonly<Record<MediaKind, Kind>> = {
  voice: Kind.VOICE,
  video: Kind.VIDEO,
  image: Kind.IMAGE,
};

const noBytes = Buffer.alloc(0);

/** A message as history shows it, with the URLs made for it, in its wire form. */
export function messageToWire({ message, links }: PresentedMessage): Message {
  return {
    messageId: message.messageId,
    conversationId: message.conversationId,
    sequence: BigInt(message.sequence),
    role: message.role === 'user' ? Role.USER : Role.ASSISTANT,
    parts: message.parts.map(
      (part): WirePart =>
        part.kind === 'text'
          ? { value: { $case: 'text', value: part.text } }
          : { value: { $case: 'media', value: mediaToWire(part, links.get(part.mediaId)) } },
    ),
    status: statusToWire[message.status],
    replyToMessageId: message.replyToMessageId,
    clientMessageId: message.clientMessageId,
    createTime: new Date(message.createTimeMs),
    completeTime: message.completeTimeMs === null ? undefined : new Date(message.completeTimeMs),
    model: message.model,
    failureReason: message.failureReason,
    incomplete: message.incomplete ?? false,
  };
}

/** A media object in its wire form; without a link it has no URL: GetMedia gives one later. */
export function mediaToWire(media: MediaPart, link: MediaLink | undefined): Media {
  return {
    kind: kindToWire[media.kind],
    contentType: media.contentType,
    inlineData: link?.bytes === undefined ? noBytes : bufferOf(link.bytes),
    mediaId: media.mediaId,
    url: link?.url ?? '',
    urlExpireTime: link === undefined ? undefined : new Date(link.expireTimeMs),
    sizeBytes: BigInt(media.sizeBytes),
    sha256: Buffer.from(media.sha256, 'hex'),
    fileName: media.fileName ?? '',
  };
}

/** The kind of media that a request states: undefined when it states none, null for one that is no kind of media. */
export function mediaKindFromWire(kind: Kind): MediaKind | null | undefined {
  switch (kind) {
    case Kind.UNSPECIFIED:
      return undefined;
    case Kind.VOICE:
      return 'voice';
    case Kind.VIDEO:
      return 'video';
    case Kind.IMAGE:
      return 'image';
    default:
      return null;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import type {
  AttemptUsage,
  ConversationDeleted,
  ConversationErased,
  ConversationRenamed,
  ConversationStarted,
  MediaKind,
  MediaPart,
  MessageReceived,
  Part,
  ReplyCompleted,
  ReplyFailed,
  ReplyProgress,
  ReplyStarted,
  StopRequested,
  WorkerClaimed,
  WorkerReleased,
} from '../../src/domain/conversation/events.ts';

/** Events for tests: what a test does not say is as plain as can be. */
export function conversationStarted(conversationId = 'talk', clientId = 'ann'): ConversationStarted {
  return { type: 'ConversationStarted', conversationId, clientId };
}

export function messageReceived(messageId: string, fields: Partial<MessageReceived> = {}): MessageReceived {
  return {
    type: 'MessageReceived',
    messageId,
    conversationId: 'talk',
    clientId: 'ann',
    clientMessageId: `client-${messageId}`,
    parts: [{ kind: 'text', text: `words of ${messageId}` }],
    timeZone: 'Europe/Paris',
    ...fields,
  };
}

export function workerClaimed(claimId: string): WorkerClaimed {
  return { type: 'WorkerClaimed', partition: 0, workerId: `worker of ${claimId}`, claimId, maxProcessing: 50 };
}

export function workerReleased(claimId: string): WorkerReleased {
  return { type: 'WorkerReleased', partition: 0, workerId: `worker of ${claimId}`, claimId };
}

interface ReplyFields {
  readonly claimId?: string;
  readonly attempt?: number;
  readonly conversationId?: string;
  readonly parts?: readonly Part[];
  readonly ended?: readonly AttemptUsage[];
}

export function replyStarted(messageId: string, fields: ReplyFields = {}): ReplyStarted {
  return {
    ...replyTo(messageId, fields),
    type: 'ReplyStarted',
    replyMessageId: replyIdOf(messageId),
    continuedBytes: 0,
  };
}

export function replyProgress(messageId: string, words: string, fields: ReplyFields = {}): ReplyProgress {
  return {
    ...replyTo(messageId, fields),
    type: 'ReplyProgress',
    replyMessageId: replyIdOf(messageId),
    offsetBytes: 0,
    text: words,
  };
}

export function replyCompleted(
  messageId: string,
  fields: ReplyFields & { outcome?: 'completed' | 'stopped' } = {},
): ReplyCompleted {
  return {
    ...replyTo(messageId, fields),
    type: 'ReplyCompleted',
    replyMessageId: replyIdOf(messageId),
    parts: fields.parts ?? [{ kind: 'text', text: `answer to ${messageId}` }],
    model: 'parrot',
    outcome: fields.outcome ?? 'completed',
  };
}

export function replyFailed(messageId: string, fields: ReplyFields & { reason?: string } = {}): ReplyFailed {
  return { ...replyTo(messageId, fields), type: 'ReplyFailed', reason: fields.reason ?? 'POISON', detail: 'gave up' };
}

export function stopRequested(messageId: string): StopRequested {
  return { type: 'StopRequested', conversationId: 'talk', messageId };
}

export function conversationRenamed(title: string, conversationId = 'talk'): ConversationRenamed {
  return { type: 'ConversationRenamed', conversationId, title };
}

export function conversationDeleted(conversationId = 'talk'): ConversationDeleted {
  return { type: 'ConversationDeleted', conversationId };
}

export function conversationErased(
  conversationId = 'talk',
  throughSequence = Number.MAX_SAFE_INTEGER,
): ConversationErased {
  return { type: 'ConversationErased', conversationId, records: 1, media: 0, throughSequence };
}

export function text(words: string): Part {
  return { kind: 'text', text: words };
}

export function media(mediaId: string, kind: MediaKind = 'image'): MediaPart {
  return { kind, mediaId, contentType: 'image/png', sizeBytes: 3, sha256: '00'.repeat(32) };
}

export function replyIdOf(messageId: string): string {
  return `reply-to-${messageId}`;
}

/** What an attempt used: of each token as many as its number. */
export function usageOf(attempt: number, fields: Partial<AttemptUsage> = {}): AttemptUsage {
  return {
    attempt,
    end: 'completed',
    provider: 'zoo',
    model: 'parrot',
    inputTokens: attempt,
    cachedInputTokens: 0,
    outputTokens: attempt,
    reasoningTokens: 0,
    soundInMs: 0,
    soundOutMs: 0,
    picturesIn: 0,
    picturesOut: 0,
    durationMs: 5,
    estimated: false,
    ...fields,
  };
}

function replyTo(messageId: string, { claimId = 'claim', attempt = 1, conversationId = 'talk', ended }: ReplyFields) {
  return { conversationId, messageId, attempt, claimId, ...(ended && { ended }) };
}

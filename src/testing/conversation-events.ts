import type {
  MessageReceived,
  ReplyCompleted,
  ReplyFailed,
  ReplyProgress,
  ReplyStarted,
  StopRequested,
  WorkerClaimed,
  WorkerReleased,
} from '../domain/conversation/events.ts';

/** Events with plausible values for whatever does not matter. Message ids contain their conversation: `<conversation>/<name>`. */
export function messageReceived(messageId: string, over: Partial<MessageReceived> = {}): MessageReceived {
  return {
    type: 'MessageReceived',
    messageId,
    conversationId: conversationOf(messageId),
    clientId: 'client',
    clientMessageId: `chosen ${messageId}`,
    parts: [{ kind: 'text', text: `What about ${messageId}?` }],
    timeZone: 'Europe/Paris',
    ...over,
  };
}

export function workerClaimed(claimId: string, maxProcessing = 50): WorkerClaimed {
  return { type: 'WorkerClaimed', partition: 0, workerId: `worker of ${claimId}`, claimId, maxProcessing };
}

export function workerReleased(claimId: string): WorkerReleased {
  return { type: 'WorkerReleased', partition: 0, workerId: `worker of ${claimId}`, claimId };
}

function replyOf(messageId: string, claimId: string, attempt: number) {
  return {
    conversationId: conversationOf(messageId),
    messageId,
    replyMessageId: `reply to ${messageId}`,
    attempt,
    claimId,
  };
}

/** `continuedBytes`: it goes on from so many bytes of the attempt before. */
export function replyStarted(messageId: string, claimId: string, attempt = 1, continuedBytes = 0): ReplyStarted {
  return { type: 'ReplyStarted', ...replyOf(messageId, claimId, attempt), continuedBytes };
}

export function replyProgress(
  messageId: string,
  claimId: string,
  over: Partial<ReplyProgress> & Pick<ReplyProgress, 'offsetBytes' | 'text'>,
): ReplyProgress {
  return { type: 'ReplyProgress', ...replyOf(messageId, claimId, 1), ...over };
}

export function replyCompleted(messageId: string, claimId: string, over: Partial<ReplyCompleted> = {}): ReplyCompleted {
  return {
    ...replyOf(messageId, claimId, 1),
    type: 'ReplyCompleted',
    parts: [{ kind: 'text', text: `Here is ${messageId}.` }],
    model: 'model',
    outcome: 'completed',
    ...over,
  };
}

export function replyFailed(messageId: string, claimId: string, reason = 'PROVIDER_FAILED'): ReplyFailed {
  return {
    type: 'ReplyFailed',
    conversationId: conversationOf(messageId),
    messageId,
    attempt: 1,
    claimId,
    reason,
    detail: '',
  };
}

export function stopRequested(messageId: string): StopRequested {
  return { type: 'StopRequested', conversationId: conversationOf(messageId), messageId };
}

function conversationOf(messageId: string): string {
  return messageId.split('/')[0] ?? messageId;
}

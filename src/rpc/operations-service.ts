import type { DeadLetter, DeadLetters, ReplayWish } from '../app/managing/dead-letters.ts';
import type { Explanation } from '../app/managing/explanation.ts';
import type { Step } from '../app/managing/message-story.ts';
import type { ClientUsage, Operations } from '../app/reading/operations.ts';
import type { SecurityEvents } from '../app/security/security-events.ts';
import type { OpenConnection } from '../domain/admission/state.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import {
  type ActiveConnection,
  type ClientUsage as ClientUsageOnWire,
  type MessageStep,
  type OperationsServiceServer,
  type Parked,
  ParkedKind,
  type RecordPlace as PlaceOnWire,
  type ReplayParkedRequest,
  type SecurityEvent,
  SecurityEventKind,
} from '../gen/chat/v1/operations_service.ts';
import type { RecordPlace } from '../ports/operations-views.ts';
import type { SecurityEntry } from '../ports/security-log.ts';
import type { GatewayCounts } from '../ports/telemetry.ts';
import { type Calls, unary } from './calls.ts';
import { numberOf } from './wire-values.ts';

function connectionToWire(connection: OpenConnection): ActiveConnection {
  return {
    sessionId: connection.sessionId,
    clientId: connection.clientId,
    conversationId: connection.conversationId,
    timeZone: connection.timeZone,
    gatewayId: connection.gatewayId,
    connectTime: new Date(connection.openedAtMs),
    lastActiveTime: new Date(connection.lastActiveMs),
    hasSpoken: connection.hasSpoken,
  };
}

function clientUsageToWire({ history, media, left, ...limits }: ClientUsage): ClientUsageOnWire {
  return {
    conversations: BigInt(history.conversations),
    messages: BigInt(history.messages),
    historyBytes: BigInt(history.bytes),
    maxHistoryBytes: BigInt(limits.maxHistoryBytes ?? 0),
    mediaObjects: BigInt(media.objects),
    mediaBytes: BigInt(media.bytes),
    maxMediaBytes: BigInt(limits.maxMediaBytes ?? 0),
    writesLeft: left.writes,
    messagesLeft: left.messages,
  };
}

function stepToWire({ timeMs, event, detail }: Step): MessageStep {
  return { time: new Date(timeMs), event, detail };
}

const kindToWire: Readonly<Record<DeadLetter['kind'], ParkedKind>> = {
  undecodable: ParkedKind.UNDECODABLE,
  poison: ParkedKind.POISON,
};

function placeToWire({ topic, partition, offset }: RecordPlace): PlaceOnWire {
  return { topic, partition, offset: BigInt(offset) };
}

function deadLetterToWire({ kind, place, timeMs, reason, messageId, conversationId, replay }: DeadLetter): Parked {
  return {
    kind: kindToWire[kind],
    place: placeToWire(place),
    time: new Date(timeMs),
    reason,
    messageId,
    conversationId,
    replayTime: replay && new Date(replay.timeMs),
    replayMessageId: replay?.messageId ?? '',
  };
}

/** Throws FRAME_INVALID when it names nothing. */
function wishFromWire({ what }: ReplayParkedRequest): ReplayWish {
  switch (what?.$case) {
    case 'place': {
      const { topic, partition, offset } = what.value;
      return { kind: 'record', place: { topic, partition, offset: numberOf(offset, 'place.offset') } };
    }
    case 'messageId':
      return { kind: 'message', messageId: what.value };
    case undefined:
      throw new Refused('FRAME_INVALID', 'the request names nothing to replay', {
        violations: [{ field: 'what', description: 'either place or message_id' }],
      });
    default:
      return what satisfies never;
  }
}

const securityKindToWire: Readonly<Record<SecurityEntry['kind'], SecurityEventKind>> = {
  sign_up: SecurityEventKind.SIGN_UP,
  sign_in: SecurityEventKind.SIGN_IN,
  sign_in_failed: SecurityEventKind.SIGN_IN_FAILED,
  password_changed: SecurityEventKind.PASSWORD_CHANGED,
  password_change_failed: SecurityEventKind.PASSWORD_CHANGE_FAILED,
  signed_out: SecurityEventKind.SIGNED_OUT,
  signed_out_everywhere: SecurityEventKind.SIGNED_OUT_EVERYWHERE,
  refresh_token_reused: SecurityEventKind.REFRESH_TOKEN_REUSED,
  account_added: SecurityEventKind.ACCOUNT_ADDED,
  account_removed: SecurityEventKind.ACCOUNT_REMOVED,
  password_set: SecurityEventKind.PASSWORD_SET,
  role_changed: SecurityEventKind.ROLE_CHANGED,
  group_changed: SecurityEventKind.GROUP_CHANGED,
  session_ended: SecurityEventKind.SESSION_ENDED,
  dead_letter_replayed: SecurityEventKind.DEAD_LETTER_REPLAYED,
  attempts_refused: SecurityEventKind.ATTEMPTS_REFUSED,
  prices_set: SecurityEventKind.PRICES_SET,
  budget_set: SecurityEventKind.BUDGET_SET,
};

function securityEventToWire(entry: SecurityEntry): SecurityEvent {
  const { clientId, userName, operator, address, detail } = entry;
  return {
    kind: securityKindToWire[entry.kind],
    time: new Date(entry.timeMs),
    lastTime: new Date(entry.lastTimeMs),
    count: BigInt(entry.count),
    ...{ clientId, userName, operator, address, detail },
  };
}

export interface OperationsServiceDeps {
  readonly operations: Operations;
  readonly explanation: Explanation;
  readonly deadLetters: DeadLetters;
  readonly securityEvents: SecurityEvents;
  readonly calls: Calls;
  readonly gatewayId: string;
  readonly gatewayStart: Date;
  readonly counts: () => Promise<GatewayCounts>;
}

/** OperationsService over the read models, the log and the security log. */
export function operationsService({
  operations,
  explanation,
  deadLetters,
  securityEvents,
  calls,
  gatewayId,
  gatewayStart,
  counts,
}: OperationsServiceDeps): OperationsServiceServer {
  return {
    getUsage: unary(calls, async ({ clientId }, caller) => {
      const usage = await operations.usageFor(caller);
      const client = clientId === '' ? undefined : clientUsageToWire(await operations.clientUsageFor(caller, clientId));
      const { acceptedMessages, endedMessages, refusals } = await counts();
      return {
        ...usage,
        queued: BigInt(usage.queued),
        oldestQueuedMs: BigInt(usage.oldestQueuedMs),
        client,
        counts: {
          gatewayId,
          startTime: gatewayStart,
          acceptedMessages: BigInt(acceptedMessages),
          endedMessages: BigInt(endedMessages),
          refusals: Array.from(refusals, ([reason, count]) => ({ reason, count: BigInt(count) })),
        },
      };
    }),
    listActiveConnections: unary(calls, async (page, caller) => {
      const { items, nextPageToken } = operations.listActiveConnections(caller, page);
      return { connections: items.map(connectionToWire), nextPageToken };
    }),
    disconnectClient: unary(calls, async ({ clientId, reason }, caller) => {
      await operations.disconnect(caller, clientId, reason);
      return {};
    }),
    explainMessage: unary(calls, async ({ messageId }, caller) => {
      const steps = await explanation.explain(caller, messageId);
      return { steps: steps.map(stepToWire) };
    }),
    listParked: unary(calls, async (page, caller) => {
      const { items, nextPageToken } = await deadLetters.list(caller, page);
      return { parked: items.map(deadLetterToWire), nextPageToken };
    }),
    replayParked: unary(calls, async (request, caller) => {
      const { place, messageId, alreadyReplayed } = await deadLetters.replay(caller, wishFromWire(request));
      return { place: placeToWire(place), messageId, alreadyReplayed };
    }),
    listSecurityEvents: unary(calls, async (page, caller) => {
      const { items, nextPageToken } = await securityEvents.list(caller, page);
      return { events: items.map(securityEventToWire), nextPageToken };
    }),
  };
}

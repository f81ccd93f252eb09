import type { Explanation } from '../app/managing/explanation.ts';
import type { Step } from '../app/managing/message-story.ts';
import type { Aside, Parked as ParkedThings, ReplayWish } from '../app/managing/parked.ts';
import type { ClientUsage, Operations } from '../app/reading/operations.ts';
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
} from '../gen/chat/v1/operations_service.ts';
import type { RecordPlace } from '../ports/operations-views.ts';
import type { Calls } from './calls.ts';
import { unary } from './unary.ts';
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

const kindToWire: Readonly<Record<Aside['kind'], ParkedKind>> = {
  undecodable: ParkedKind.UNDECODABLE,
  poison: ParkedKind.POISON,
};

function placeToWire({ topic, partition, offset }: RecordPlace): PlaceOnWire {
  return { topic, partition, offset: BigInt(offset) };
}

function asideToWire({ kind, place, timeMs, reason, messageId, conversationId, replay }: Aside): Parked {
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

/** OperationsService over the read models and the log. */
export function operationsService(
  operations: Operations,
  explanation: Explanation,
  parked: ParkedThings,
  calls: Calls,
): OperationsServiceServer {
  return {
    getUsage: unary(calls, async ({ clientId }, caller) => {
      const usage = await operations.usageFor(caller);
      const client = clientId === '' ? undefined : clientUsageToWire(await operations.clientUsageFor(caller, clientId));
      return { ...usage, queued: BigInt(usage.queued), oldestQueuedMs: BigInt(usage.oldestQueuedMs), client };
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
      const { items, nextPageToken } = await parked.list(caller, page);
      return { parked: items.map(asideToWire), nextPageToken };
    }),
    replayParked: unary(calls, async (request, caller) => {
      const { place, messageId, alreadyReplayed } = await parked.replay(caller, wishFromWire(request));
      return { place: placeToWire(place), messageId, alreadyReplayed };
    }),
  };
}

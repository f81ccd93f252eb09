import type { Explanation } from '../app/managing/explanation.ts';
import type { Step } from '../app/managing/message-story.ts';
import type { Operations } from '../app/reading/operations.ts';
import type { OpenConnection } from '../domain/admission/state.ts';
import type { ActiveConnection, MessageStep, OperationsServiceServer } from '../gen/chat/v1/operations_service.ts';
import type { Calls } from './calls.ts';
import { unary } from './unary.ts';

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

function stepToWire({ timeMs, event, detail }: Step): MessageStep {
  return { time: new Date(timeMs), event, detail };
}

/** OperationsService over the read models and the log. */
export function operationsService(
  operations: Operations,
  explanation: Explanation,
  calls: Calls,
): OperationsServiceServer {
  return {
    getUsage: unary(calls, async (_request, caller) => {
      const usage = await operations.usageFor(caller);
      return { ...usage, queued: BigInt(usage.queued), oldestQueuedMs: BigInt(usage.oldestQueuedMs) };
    }),
    listActiveConnections: unary(calls, async (page, caller) => {
      const { items, nextPageToken } = await operations.listActiveConnections(caller, page);
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
  };
}

import type { Operations } from '../app/reading/operations.ts';
import type { OpenConnection } from '../domain/admission/state.ts';
import type { ActiveConnection, OperationsServiceServer } from '../gen/chat/v1/operations_service.ts';
import type { Calls } from './calls.ts';
import { notYet, unary } from './unary.ts';

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

/** OperationsService over the read models and the log. */
export function operationsService(operations: Operations, calls: Calls): OperationsServiceServer {
  return {
    getUsage: unary(calls, async () => {
      const usage = await operations.usage();
      return { ...usage, queued: BigInt(usage.queued), oldestQueuedMs: BigInt(usage.oldestQueuedMs) };
    }),
    listActiveConnections: unary(calls, async (page) => {
      const { items, nextPageToken } = await operations.listActiveConnections(page);
      return { connections: items.map(connectionToWire), nextPageToken };
    }),
    disconnectClient: unary(calls, async ({ clientId, reason }) => {
      await operations.disconnect(clientId, reason);
      return {};
    }),
    explainMessage: notYet(calls, 'explaining a message'),
  };
}

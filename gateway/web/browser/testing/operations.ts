import { call, clientOf, type Dynamic, hangUp } from '../../../../src/testing/contract.ts';
import type { ParleyServer } from '../../../../src/testing/server.ts';
import { eventually } from '../../../../src/testing/test-sessions.ts';
import { waitTimeoutMs } from './visitor.ts';

/** One call of an operator. */
export async function operate(server: ParleyServer, method: string, request: object = {}): Promise<Dynamic> {
  const operations = clientOf('chat.v1.OperationsService', server.address);
  try {
    return await call(operations, method, request);
  } finally {
    hangUp(operations);
  }
}

/** The one client that is connected. */
export async function onlyClient(server: ParleyServer): Promise<string> {
  const { connections } = await eventually(
    () => operate(server, 'ListActiveConnections'),
    ({ connections: all }) => all.length === 1,
    waitTimeoutMs,
  );
  return connections[0].clientId;
}

/** Waits until so many sessions are open. */
export async function sessionsOpen(server: ParleyServer, count: number): Promise<void> {
  await eventually(
    () => operate(server, 'GetUsage'),
    ({ activeClients }) => activeClients === count,
    waitTimeoutMs,
  );
}

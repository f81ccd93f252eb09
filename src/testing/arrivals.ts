import type { Session } from './black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp } from './contract.ts';
import { eventually } from './test-sessions.ts';

/** What became of a client that said hello. */
export type Outcome = 'welcome' | 'waiting' | 'refused';

/** Bounds a hanging test; a crowd of clients on a busy machine is let in more slowly than one. */
const waitTimeoutMs = 60_000;

/** What the server answers first. */
export function firstOutcome(session: Session): Promise<Outcome> {
  const never = new Promise<never>(() => {});
  const on = (kind: 'welcome' | 'waiting') =>
    session.find(kind, undefined, waitTimeoutMs).then(
      () => kind,
      () => never,
    );
  return Promise.race([on('welcome'), on('waiting'), session.ended.then(() => 'refused' as const)]);
}

/** Limits and use, as the server at this address tells them of all servers. */
export async function usageAt(address: string): Promise<Dynamic> {
  const operations = clientOf('chat.v1.OperationsService', address);
  try {
    return await call(operations, 'GetUsage', {});
  } finally {
    hangUp(operations);
  }
}

/**
 * Resolves when nobody has a slot of this gateway or waits there for one: whoever hung up still does until it has noticed. Asked of the gateway
 * itself, as what `usageAt` tells follows the log.
 */
export async function allHaveLeft({ httpAddress }: { readonly httpAddress: string }): Promise<void> {
  await eventually(
    async () => (await fetch(`http://${httpAddress}/metrics`)).text(),
    (metrics) => ['open', 'waiting'].every((kind) => metrics.includes(`\nparley_gateway_${kind}_sessions 0\n`)),
  );
}

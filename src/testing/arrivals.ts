import { call, clientOf, type Dynamic, hangUp } from './contract.ts';
import { eventually } from './guests.ts';
import type { Session } from './stranger.ts';

/** What became of a client that said hello. */
export type Outcome = 'welcome' | 'waiting' | 'refused';

/** Bounds a hanging test; a crowd of clients on a busy machine is let in more slowly than one. */
const patienceMs = 60_000;

/** What the server answers first. */
export function firstOutcome(session: Session): Promise<Outcome> {
  const never = new Promise<never>(() => {});
  const on = (kind: 'welcome' | 'waiting') =>
    session.find(kind, undefined, patienceMs).then(
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

/** Resolves when nobody has a slot or stands in line: whoever hung up still does until the server has noticed. */
export async function allHaveLeft(address: string): Promise<void> {
  await eventually(
    () => usageAt(address),
    ({ activeClients, waitingClients }) => activeClients === 0 && waitingClients === 0,
  );
}

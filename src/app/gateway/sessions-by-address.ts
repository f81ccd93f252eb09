import { Refused } from '../../domain/errors/catalogue.ts';

/** Whose a session is, and where it comes from; `clientAddress` undefined: it is counted by no address. */
export interface CountedSession {
  readonly clientId: string;
  readonly clientAddress: string | undefined;
}

/**
 * How many clients of each address have a session at this gateway, open or in line. Clients are counted, not sessions: a client that takes its lost session
 * over has two for a moment, and is not kept out by the one that it lost. In this process's memory: each gateway counts for itself.
 */
export class SessionsByAddress {
  readonly #maxPerAddress: number;
  /** By address: the number of sessions of each client that has any. */
  readonly #byAddress = new Map<string, Map<string, number>>();

  /** `maxPerAddress`: clients with a session. */
  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  /** Throws TOO_MANY_SESSIONS when the address has as many clients as it may, and this is another one. */
  check({ clientId, clientAddress }: CountedSession): void {
    const clients = clientAddress === undefined ? undefined : this.#byAddress.get(clientAddress);
    if (clients !== undefined && clients.size >= this.#maxPerAddress && !clients.has(clientId))
      throw new Refused('TOO_MANY_SESSIONS');
  }

  /** A session has begun. */
  add({ clientId, clientAddress }: CountedSession): void {
    if (clientAddress === undefined) return;
    const clients = this.#byAddress.get(clientAddress) ?? new Map<string, number>();
    clients.set(clientId, (clients.get(clientId) ?? 0) + 1);
    this.#byAddress.set(clientAddress, clients);
  }

  /** A session that was added has ended. */
  remove({ clientId, clientAddress }: CountedSession): void {
    const clients = clientAddress === undefined ? undefined : this.#byAddress.get(clientAddress);
    if (clientAddress === undefined || clients === undefined) return;
    const left = (clients.get(clientId) ?? 1) - 1;
    if (left > 0) clients.set(clientId, left);
    else clients.delete(clientId);
    if (clients.size === 0) this.#byAddress.delete(clientAddress);
  }
}

import { Refused } from '../../domain/errors/catalogue.ts';
import { AuthenticationUnavailable, type Authenticator } from '../../ports/authenticator.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';

const form = /^([^~]+)~(\d+)$/;

/** The access token of a client, which proves who it is until then (milliseconds since the epoch). */
export function tokenOf(clientId: string, expireTimeMs: number): string {
  return `${clientId}~${Math.floor(expireTimeMs)}`;
}

/** Some of them are of one group. */
function groupOf(clientId: string): string | undefined {
  return /[02468]$/.test(clientId) ? 'even' : undefined;
}

/** Believes what a token says, by the process's clock. An issuer may be asked, which takes time and may be away. */
export function simulatedAuthenticator(process: SimulatedProcess, faults: Faults): Authenticator {
  return {
    async authenticate(accessToken) {
      await process.hop(process.random.logarithmic(0.01, 20));
      if (faults.strikes('issuer-away')) throw new AuthenticationUnavailable('the issuer does not answer');
      const [, clientId, expires] = form.exec(accessToken) ?? [];
      if (clientId === undefined) throw new Refused('UNAUTHENTICATED', 'that is no access token');
      const expireTimeMs = Number(expires);
      if (expireTimeMs <= process.clock.nowMs()) throw new Refused('UNAUTHENTICATED', 'the access token has expired');
      return { clientId, isOperator: false, group: groupOf(clientId), expireTimeMs };
    },
  };
}

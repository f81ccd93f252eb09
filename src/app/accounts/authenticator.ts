import { Refused } from '../../domain/errors/catalogue.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import { type AccountStore, AccountStoreUnavailable } from '../../ports/account-store.ts';
import { AuthenticationUnavailable, type Authenticator } from '../../ports/authenticator.ts';

/**
 * Says who calls, by their access token and by what their account is now: one that was removed is let in no more, and another role or group
 * counts from the next call on. The price is one read of the store for each call.
 */
export function accountAuthenticator(tokens: AccessTokens, store: Pick<AccountStore, 'accountOf'>): Authenticator {
  return {
    async authenticate(accessToken) {
      const identity = await tokens.authenticate(accessToken);
      const account = await store.accountOf(identity.clientId).catch((error: unknown) => {
        throw error instanceof AccountStoreUnavailable
          ? new AuthenticationUnavailable(error.message, { cause: error })
          : error;
      });
      if (account === null) throw new Refused('UNAUTHENTICATED', 'the account of the access token is gone');
      return { ...identity, isOperator: account.role === 'operator', group: account.group };
    },
  };
}

import type { Accounts, Tokens } from '../app/accounts/accounts.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import type { AccountServiceServer, Tokens as WireTokens } from '../gen/chat/v1/account_service.ts';
import type { Calls } from './calls.ts';
import { peerAddress } from './peer-address.ts';
import { unauthenticated } from './unary.ts';
import { durationOf } from './wire-values.ts';

/** AccountService; without accounts, on servers that keep none, every call is refused with ACCOUNTS_OFF. */
export function accountService(calls: Calls, accounts: Accounts | undefined): AccountServiceServer {
  const ours = () => {
    if (accounts === undefined) throw new Refused('ACCOUNTS_OFF');
    return accounts;
  };
  return {
    signUp: unauthenticated(calls, async ({ userName, password }, call) => ({
      tokens: tokensToWire(await ours().signUp(userName, password, peerAddress(call.getPeer()))),
    })),
    signIn: unauthenticated(calls, async ({ userName, password }, call) => ({
      tokens: tokensToWire(await ours().signIn(userName, password, peerAddress(call.getPeer()))),
    })),
    refreshTokens: unauthenticated(calls, async ({ refreshToken }) => ({
      tokens: tokensToWire(await ours().refresh(refreshToken)),
    })),
    signOut: unauthenticated(calls, async ({ refreshToken }) => {
      await ours().signOut(refreshToken);
      return {};
    }),
  };
}

function tokensToWire({ accessTokenLifetimeMs, ...tokens }: Tokens): WireTokens {
  return { ...tokens, accessTokenLifetime: durationOf(accessTokenLifetimeMs) };
}

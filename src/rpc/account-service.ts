import type { Accounts, Tokens } from '../app/accounts/accounts.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import type {
  AccountServiceServer,
  DescribeSignInResponse,
  Tokens as WireTokens,
} from '../gen/chat/v1/account_service.ts';
import { type Calls, callerOf, unauthenticated } from './calls.ts';
import type { AddressedCall } from './peer-address.ts';
import { durationOf } from './wire-values.ts';

export interface AccountServiceDeps {
  readonly calls: Calls;
  /** undefined: this server keeps none. */
  readonly accounts: Accounts | undefined;
  /** How people sign in here. */
  readonly signInMethod: DescribeSignInResponse['method'];
}

/** AccountService; without accounts, on servers that keep none, every call but the first is refused with ACCOUNTS_OFF. */
export function accountService({ calls, accounts, signInMethod }: AccountServiceDeps): AccountServiceServer {
  const ours = () => {
    if (accounts === undefined) throw new Refused('ACCOUNTS_OFF');
    return accounts;
  };
  const addressOf = (call: AddressedCall) => calls.addresses.originOf(call).address;
  return {
    describeSignIn: unauthenticated(calls, async () => ({ method: signInMethod })),
    signUp: unauthenticated(calls, async ({ userName, password }, call) => ({
      tokens: tokensToWire(await ours().signUp(userName, password, addressOf(call))),
    })),
    signIn: unauthenticated(calls, async ({ userName, password }, call) => ({
      tokens: tokensToWire(await ours().signIn(userName, password, addressOf(call))),
    })),
    refreshTokens: unauthenticated(calls, async ({ refreshToken }, call) => ({
      tokens: tokensToWire(await ours().refresh(refreshToken, addressOf(call))),
    })),
    signOut: unauthenticated(calls, async ({ refreshToken }, call) => {
      await ours().signOut(refreshToken, addressOf(call));
      return {};
    }),
    signOutEverywhere: unauthenticated(calls, async (_, call) => {
      const accounts = ours();
      await accounts.signOutEverywhere(await clientIdOf(calls, call), addressOf(call));
      return {};
    }),
    changePassword: unauthenticated(calls, async (passwords, call) => {
      const accounts = ours();
      const clientId = await clientIdOf(calls, call);
      return { tokens: tokensToWire(await accounts.changePassword(clientId, passwords, addressOf(call))) };
    }),
  };
}

/** Whose account it is. Rejects as `callerOf`. */
async function clientIdOf(calls: Calls, call: AddressedCall): Promise<string> {
  const caller = await callerOf(calls, call);
  if (caller.kind === 'anybody') throw new Refused('UNAUTHENTICATED');
  return caller.clientId;
}

function tokensToWire({ accessTokenLifetimeMs, ...tokens }: Tokens): WireTokens {
  return { ...tokens, accessTokenLifetime: durationOf(accessTokenLifetimeMs) };
}

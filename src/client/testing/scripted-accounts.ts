import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type {
  ChangePasswordRequest,
  ChangePasswordResponse,
  RefreshTokensRequest,
  RefreshTokensResponse,
  SignInRequest,
  SignInResponse,
  SignOutEverywhereRequest,
  SignOutEverywhereResponse,
  SignOutRequest,
  SignOutResponse,
  SignUpRequest,
  SignUpResponse,
  Tokens,
} from '../../gen/chat/v1/account_service.ts';
import { AccountServiceService } from '../../gen/chat/v1/account_service.ts';
import type { ScriptedRefusal, ScriptedService } from './scripted-server.ts';
import { detailsOf } from './scripted-server.ts';

/** One account, with tokens that count up: access-1, refresh-1, … Each refresh token works once. */
export class ScriptedAccounts {
  /** Names and passwords, as they came. */
  readonly entries: { readonly call: 'up' | 'in'; readonly userName: string; readonly password: string }[] = [];
  /** Refresh tokens, as they came. */
  readonly refreshed: string[] = [];
  readonly signedOut: string[] = [];
  /** Access tokens with which everything was ended. */
  readonly signedOutEverywhere: string[] = [];
  /** With the access token that it came with. */
  readonly passwordChanges: (ChangePasswordRequest & { readonly authorization: string })[] = [];
  /** Of the next tokens. */
  lifetimeMs = 900_000;
  /** The answer to the next calls. */
  refusal: ScriptedRefusal | undefined;
  #count = 0;

  /** AccountService. */
  get service(): ScriptedService {
    return {
      definition: AccountServiceService,
      implementation: {
        signUp: ({ request }: ServerUnaryCall<SignUpRequest, SignUpResponse>, answer: sendUnaryData<SignUpResponse>) =>
          this.#enter('up', request, answer),
        signIn: ({ request }: ServerUnaryCall<SignInRequest, SignInResponse>, answer: sendUnaryData<SignInResponse>) =>
          this.#enter('in', request, answer),
        refreshTokens: (
          { request }: ServerUnaryCall<RefreshTokensRequest, RefreshTokensResponse>,
          answer: sendUnaryData<RefreshTokensResponse>,
        ) => this.#refresh(request.refreshToken, answer),
        signOut: (
          { request }: ServerUnaryCall<SignOutRequest, SignOutResponse>,
          answer: sendUnaryData<SignOutResponse>,
        ) => {
          this.signedOut.push(request.refreshToken);
          answer(null, {});
        },
        signOutEverywhere: (
          call: ServerUnaryCall<SignOutEverywhereRequest, SignOutEverywhereResponse>,
          answer: sendUnaryData<SignOutEverywhereResponse>,
        ) => {
          this.signedOutEverywhere.push(authorizationOf(call));
          if (this.refusal === undefined) answer(null, {});
          else answer(errorOf(this.refusal));
        },
        changePassword: (
          call: ServerUnaryCall<ChangePasswordRequest, ChangePasswordResponse>,
          answer: sendUnaryData<ChangePasswordResponse>,
        ) => {
          this.passwordChanges.push({ ...call.request, authorization: authorizationOf(call) });
          if (this.refusal === undefined) answer(null, { tokens: this.#tokens() });
          else answer(errorOf(this.refusal));
        },
      },
    };
  }

  #enter(
    call: 'up' | 'in',
    { userName, password }: SignInRequest,
    answer: sendUnaryData<{ tokens?: Tokens | undefined }>,
  ): void {
    this.entries.push({ call, userName, password });
    if (this.refusal === undefined) answer(null, { tokens: this.#tokens() });
    else answer(errorOf(this.refusal));
  }

  #refresh(refreshToken: string, answer: sendUnaryData<RefreshTokensResponse>): void {
    this.refreshed.push(refreshToken);
    const used = { code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_INVALID', detail: 'It was used before.' };
    const refusal = this.refusal ?? (refreshToken === `refresh-${this.#count}` ? undefined : used);
    if (refusal === undefined) answer(null, { tokens: this.#tokens() });
    else answer(errorOf(refusal));
  }

  #tokens(): Tokens {
    this.#count += 1;
    return {
      accessToken: `access-${this.#count}`,
      refreshToken: `refresh-${this.#count}`,
      accessTokenLifetime: durationFromMs(this.lifetimeMs),
      clientId: 'ann-1',
    };
  }
}

function authorizationOf({ metadata }: Pick<ServerUnaryCall<unknown, unknown>, 'metadata'>): string {
  return metadata.get('authorization').join();
}

function errorOf(refusal: ScriptedRefusal) {
  return { code: refusal.code, details: refusal.detail ?? '', metadata: detailsOf(refusal) };
}

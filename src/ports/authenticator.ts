/** Says who calls. */
export interface Authenticator {
  /** Whose token it is. Rejects with Refused UNAUTHENTICATED, or with AuthenticationUnavailable when that cannot be found out now. */
  authenticate(accessToken: string): Promise<Identity>;
}

/** Somebody who proved who they are. */
export interface Identity {
  readonly clientId: string;
  readonly isOperator: boolean;
  /** Whose budgets count what it says beside its own. Absent: it is of no group. */
  readonly group?: string | undefined;
  /** When the proof ends, milliseconds since the epoch. */
  readonly expireTimeMs: number;
}

/** Who it is cannot be found out now: the issuer or the account store does not answer. */
export class AuthenticationUnavailable extends Error {
  override readonly name = 'AuthenticationUnavailable';
  readonly retryable = true;
}

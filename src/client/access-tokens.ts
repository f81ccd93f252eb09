/** Where access tokens come from. */
export interface AccessTokens {
  /**
   * A token that will work for a while; undefined when nobody is signed in.
   * @throws when an expired one cannot be traded for a new one
   */
  fresh(): Promise<AccessToken | undefined>;
  /**
   * Another token than this one, which the server has refused although it should work; undefined when there is none. Where it is left out, a refused
   * token fails the call.
   * @throws as `fresh`
   */
  instead?(refused: AccessToken): Promise<AccessToken | undefined>;
}

/** For the `authorization` metadata. */
export interface AccessToken {
  readonly text: string;
  /** From when on `fresh` gives another one, milliseconds since the epoch; undefined when nobody can tell. */
  readonly renewAtMs: number | undefined;
}

/** The metadata of a call. */
export function authorization(token: AccessToken | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token.text}` };
}

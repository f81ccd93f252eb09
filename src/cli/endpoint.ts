/** A server, and what it takes to speak to it. */
export interface Endpoint {
  /** `host:port` */
  readonly address: string;
  /** Default: without TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Default: calls carry no credentials. */
  readonly tokens?: AccessTokens | undefined;
}

/** With TLS; PEM texts. */
export interface TlsMaterial {
  /** Trusted instead of the well-known authorities. */
  readonly ca?: Buffer | undefined;
  /** The client's own certificate, with `key`. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

/** Where access tokens come from. */
export interface AccessTokens {
  /**
   * A token that will work for a while; undefined when nobody is signed in.
   * @throws Refusal when an expired one cannot be traded for a new one
   */
  fresh(): Promise<AccessToken | undefined>;
}

/** For the `authorization` metadata. */
export interface AccessToken {
  readonly text: string;
  /** From when on `fresh` gives another one, milliseconds since the epoch; undefined when nobody can tell. */
  readonly renewAtMs: number | undefined;
}

/** Of discovery and of fetching keys: a client waits meanwhile. */
export const fetchTimeoutMs = 5_000;

/** An issuer that does not answer is asked again this often at most, however many clients call. */
export const discoveryRetryMs = 1_000;

/** Discovery documents and key sets are some kilobytes. */
export const maxDocumentBytes = 1_048_576;

/** Keys are refetched after this long, so that a withdrawn key stops working. */
export const keysMaxAgeMs = 600_000;

/** Between two fetches because a token named an unknown key: a rotated key is known this late at most, and made-up ones cost the issuer little. */
export const keysCooldownMs = 5_000;

/** Clocks of issuers differ by a second or two. */
export const clockToleranceMs = 5_000;

/** The last moment that a Date can tell: later expiries count as it. */
export const maxTimeMs = 8_640_000_000_000_000;

/** Signatures that only the issuer can make. Never one with a shared secret (HS…): the public key would do to forge it. */
export const algorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Of discovery and of fetching keys: a client waits meanwhile. */
export const fetchTimeoutMs = 5_000;

/** An issuer that does not answer is asked again this often at most, for discovery and for keys, however many clients call. */
export const issuerRetryMs = 1_000;

/** Discovery documents and key sets are some kilobytes. */
export const maxDocumentBytes = 1_048_576;

/** Keys are refetched after this long, so that a withdrawn key stops working. */
export const keysMaxAgeMs = 600_000;

/** Fetches in a row because tokens named unknown keys: a new key is accepted at once, and several rotations in a minute are more than any issuer makes. */
export const unknownKeyCalls = 10;

/** The bucket of these is full again after this long. Made-up keys cost the issuer one fetch in 5 s, from each gateway. */
export const unknownKeyRefillMs = 50_000;

/** The last moment that a Date can tell: later expiries count as it. */
export const maxTimeMs = 8_640_000_000_000_000;

/** Signatures that only the issuer can make. Never one with a shared secret (HS…): the public key would do to forge it. */
export const algorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

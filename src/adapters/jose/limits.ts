/** Ed25519 (RFC 8037): short signatures, 50 µs to make one. No other algorithm is accepted, whatever a token's header says. */
export const algorithm = 'EdDSA';

/** Clocks of servers differ by a second or two. */
export const clockToleranceMs = 5_000;

/** The store is asked for unknown key ids this often at most. */
export const minReloadMs = 1_000;

/** Attempts to have a key: the second finds the one of the server that was quicker, more are not seen. */
export const maxKeyRaces = 5;

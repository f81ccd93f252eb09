/** Connections at most: people sign in one after the other, and hashing a password takes longer than storing it. */
export const maxPoolSize = 5;

/** Sign-ins to one account that were faster than this one, before it gives up for now. More than anybody's devices do at once. */
export const maxAttempts = 100;

/** Passwords as they are kept: hashes that cost memory and time to compute, each with its salt and parameters. */
export interface PasswordHasher {
  /** A new hash, to be kept. Rejects with Refused TOO_MANY_ATTEMPTS when too many wait already. */
  hash(password: string): Promise<string>;

  /**
   * Whether the password is the one of this hash. null stands for the hash of an account that is not there: it takes as long and is never
   * right. `outdated`: right, but the hash was made with parameters of former days; make a new one. Rejects as `hash`.
   */
  verify(password: string, hash: string | null): Promise<PasswordVerdict>;
}

export type PasswordVerdict = 'right' | 'outdated' | 'wrong';

/** Passwords as they are kept: hashes that cost memory and time to compute, each with its salt and parameters. */
export interface PasswordHasher {
  /**
   * A new hash, to be kept. Waits in the queue named: sign-ups, which anybody can send, never hold up those who have an account. When too many wait
   * there already, rejects with Refused TOO_MANY_SIGN_UPS or TOO_MANY_ATTEMPTS.
   */
  hash(password: string, queue: HashingQueue): Promise<string>;

  /**
   * Whether the password is the one of this hash. null stands for the hash of an account that is not there: it takes as long and is never
   * right. `outdated`: right, but the hash was made with parameters of former days; make a new one. Waits and rejects as `hash` with
   * `sign-in`.
   */
  verify(password: string, hash: string | null): Promise<PasswordVerdict>;
}

export type HashingQueue = 'sign-in' | 'sign-up';

export type PasswordVerdict = 'right' | 'outdated' | 'wrong';

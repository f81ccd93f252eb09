import type { AccessToken, AccessTokens } from './access-tokens.ts';

/** When no newer token was to be had. The rest of a token's life is long enough for several such pauses. */
const TRY_AGAIN_MS = 5_000;
/** The longest that a timer can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Keeps the token of a running stream from expiring. */
export class TokenRenewal {
  readonly #tokens: AccessTokens | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts starts and stops: what a former one began is void. */
  #round = 0;

  constructor(tokens: AccessTokens | undefined) {
    this.#tokens = tokens;
  }

  /** @param current what the stream began with @param send tells the server a newer one */
  start(current: AccessToken | undefined, send: (accessToken: string) => void): void {
    this.stop();
    if (current?.renewAtMs === undefined) return;
    this.#after(Math.max(0, current.renewAtMs - Date.now()), current, send);
  }

  stop(): void {
    this.#round += 1;
    clearTimeout(this.#timer);
  }

  #after(delayMs: number, current: AccessToken, send: (accessToken: string) => void): void {
    const round = this.#round;
    this.#timer = setTimeout(
      () => {
        void this.#next().then((next) => {
          if (round !== this.#round) return;
          if (next === undefined || next.text === current.text) this.#after(TRY_AGAIN_MS, current, send);
          else {
            send(next.text);
            this.start(next, send);
          }
        });
      },
      Math.min(delayMs, MAX_TIMER_MS),
    );
  }

  /** Undefined when there is none now: if that remains so, the server ends the stream and says why. */
  async #next(): Promise<AccessToken | undefined> {
    try {
      return await this.#tokens?.fresh();
    } catch {
      return undefined;
    }
  }
}

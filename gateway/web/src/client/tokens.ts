import type { AccessToken, AccessTokens } from '../../../../src/client/access-tokens.ts';
import type { Tokens as NewTokens } from '../../../../src/client/gen/chat/v1/account_service_pb.js';
import {
  type Renewal,
  SavedTokens,
  type StoredTokens,
  storedTokens,
  type TokenStore,
} from '../../../../src/client/saved-tokens.ts';
import type { JsonStorage } from './json-storage.ts';
import type { Page } from './page.ts';
import { RenewalMark } from './renewal-mark.ts';

export interface TokensDeps {
  readonly storage: JsonStorage;
  readonly page: Page;
  readonly renew: Renewal;
  /** The sign-in is over, for this reason or because another tab signed out. */
  readonly onEnded: (why: unknown) => void;
  /** Another tab has signed in, or renewed the tokens. */
  readonly onFound: () => void;
}

/** Tokens in the browser's storage, for all tabs. */
class BrowserStore implements TokenStore {
  readonly #storage: JsonStorage;
  readonly #locks: LockManager;
  readonly #mark: RenewalMark;

  constructor({ storage, page: { locks } }: Pick<TokensDeps, 'storage' | 'page'>) {
    this.#storage = storage;
    this.#locks = locks;
    this.#mark = new RenewalMark(locks, storage.keyOf('renewed'));
  }

  read(): StoredTokens | undefined {
    const found = Object(this.#storage.read('tokens'));
    const isWhole =
      texts.every((name) => typeof found[name] === 'string') && times.every((name) => Number.isFinite(found[name]));
    return isWhole ? found : undefined;
  }

  write(tokens: StoredTokens): void {
    this.#storage.write('tokens', tokens);
  }

  remove(): void {
    this.#storage.remove('tokens');
  }

  /** Never in two tabs: a refresh token works once, and two that use the same one end the sign-in of both. */
  alone<Result>(action: () => Promise<Result>): Promise<Result> {
    return this.#locks.request(this.#storage.keyOf('renewing'), async () => {
      const before = await this.#mark.upToDate(() => this.read());
      const result = await action();
      const after = this.read();
      if (after !== undefined && after.obtainedAtMs !== before?.obtainedAtMs) await this.#mark.put(after.obtainedAtMs);
      return result;
    });
  }

  stop(): void {
    this.#mark.remove();
  }
}

/**
 * The tokens of who is signed in. They are kept in the browser's storage, for all tabs: the next start of the page needs no password, and a reload no new
 * tokens. A script in this page could read them there; but one in this page could as well ask for whatever it wants in the user's name, and the page
 * lets none in: it runs nothing but its own files. A refresh token that was stolen all the same is found out when it is used twice, and ended.
 */
export class Tokens implements AccessTokens {
  readonly #deps: TokensDeps;
  readonly #store: BrowserStore;
  readonly #saved: SavedTokens;
  readonly #stopListening: () => void;
  #isStarted = false;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
    this.#store = new BrowserStore(deps);
    this.#saved = new SavedTokens(this.#store, deps.renew);
    this.#stopListening = deps.page.onStored((key) => {
      if (key === deps.storage.keyOf('tokens') || key === null) this.#changedElsewhere();
    });
  }

  /** From now on it is known that tokens are used here. */
  start(): void {
    this.#isStarted = true;
  }

  /** Who is signed in; undefined: nobody. */
  get current(): StoredTokens | undefined {
    return this.#store.read();
  }

  /** Somebody has signed in. @param userName '' where there is none */
  set(tokens: NewTokens | undefined, userName = ''): void {
    this.#store.write(storedTokens(tokens, userName));
  }

  forget(): void {
    this.#store.remove();
  }

  fresh(): Promise<AccessToken | undefined> {
    return this.#orEnded(() => this.#saved.fresh());
  }

  instead(refused: AccessToken): Promise<AccessToken | undefined> {
    return this.#orEnded(() => this.#saved.instead(refused));
  }

  stop(): void {
    this.#stopListening();
    this.#store.stop();
  }

  async #orEnded(ask: () => Promise<AccessToken | undefined>): Promise<AccessToken | undefined> {
    const wasIn = this.current !== undefined;
    try {
      return await ask();
    } catch (error) {
      if (wasIn && this.current === undefined) this.#deps.onEnded(error);
      throw error;
    }
  }

  #changedElsewhere(): void {
    if (!this.#isStarted) return;
    if (this.current === undefined) this.#deps.onEnded(undefined);
    else this.#deps.onFound();
  }
}

const texts = ['accessToken', 'refreshToken', 'clientId'] as const satisfies (keyof StoredTokens)[];
const times = ['obtainedAtMs', 'lifetimeMs'] as const satisfies (keyof StoredTokens)[];

import { type ReadonlySignal, signal } from '@preact/signals';
import type { AccessToken, AccessTokens } from '../../../../src/client/access-tokens.ts';
import type {
  DescribeSignInResponse,
  Tokens as NewTokens,
  OidcSignIn,
} from '../../../../src/client/gen/chat/v1/account_service_pb.js';
import { reconnectDelayMs } from '../../../../src/client/reconnect.ts';
import { refusalOf } from '../../../../src/client/refusal.ts';
import type { StoredTokens } from '../../../../src/client/saved-tokens.ts';
import type { Refusal, SignIn, SignInState } from './app.ts';
import { type Calls, orRefusal, shownRefusal } from './calls.ts';
import { chosenClientId } from './client-id.ts';
import type { JsonStorage } from './json-storage.ts';
import type { Notifications } from './notifications.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';
import { Tokens } from './tokens.ts';

type Method = DescribeSignInResponse['method'];

export interface SignInDeps {
  readonly page: Page;
  readonly storage: JsonStorage;
  readonly calls: Calls;
  /** Rung when trying again at once makes sense. */
  readonly returning: Notifications;
  /** Before the tokens go: ends the session, and forgets what was written. */
  readonly onSigningOut: (clientId: string) => Promise<void>;
}

/** Finds out how people get in here, lets them in, and keeps them in. */
export class SignInCommands implements SignIn, AccessTokens {
  readonly #deps: SignInDeps;
  readonly #state = signal<SignInState>({ kind: 'asking' });
  readonly #tokens: Tokens;
  readonly #asking = new AbortController();
  #method: Method = { case: undefined };

  constructor(deps: SignInDeps) {
    this.#deps = deps;
    this.#tokens = new Tokens({
      ...deps,
      renew: (_, tokens) => this.#renew(tokens),
      onEnded: (why) => this.#out(why === undefined ? undefined : shownRefusal(why)),
      onFound: () => this.#welcome(),
    });
    if (deps.page.isSecure) void this.#ask();
    else this.#state.value = { kind: 'in', clientId: '', ...signsNobodyIn };
  }

  get state(): ReadonlySignal<SignInState> {
    return this.#state;
  }

  /** For Hello and the like: '' where the access token says who it is. */
  get wireClientId(): string {
    return this.#method.case === 'none' || this.#method.case === undefined
      ? chosenClientId(this.#deps.storage, this.#deps.page)
      : '';
  }

  async fresh(): Promise<AccessToken | undefined> {
    return this.#usesTokens ? this.#tokens.fresh() : undefined;
  }

  async instead(refused: AccessToken): Promise<AccessToken | undefined> {
    return this.#usesTokens ? this.#tokens.instead(refused) : undefined;
  }

  withPassword(userName: string, password: string): Promise<Refusal | undefined> {
    return orRefusal(this.#accounts.signIn({ userName, password }).then(({ tokens }) => this.#in(tokens, userName)));
  }

  signUp(userName: string, password: string): Promise<Refusal | undefined> {
    return orRefusal(this.#accounts.signUp({ userName, password }).then(({ tokens }) => this.#in(tokens, userName)));
  }

  async withIssuer(): Promise<Refusal | undefined> {
    const method = this.#method;
    if (method.case !== 'oidc') return refusal('NOT_IMPLEMENTED');
    return orRefusal(this.#issuer(method.value).then((issuer) => issuer.leave()));
  }

  async signOut(): Promise<void> {
    const { refreshToken = '' } = this.#tokens.current ?? {};
    await this.#leave();
    if (this.#method.case === 'accounts' && refreshToken !== '')
      // Best effort: it is forgotten here in any case, and expires by itself.
      await orRefusal(this.#accounts.signOut({ refreshToken }));
  }

  changePassword(oldPassword: string, newPassword: string): Promise<Refusal | undefined> {
    const { userName } = this.#tokens.current ?? {};
    return orRefusal(
      // The former ones are ended.
      this.#deps.calls.ownAccount
        .changePassword({ oldPassword, newPassword })
        .then(({ tokens }) => this.#in(tokens, userName)),
    );
  }

  async signOutEverywhere(): Promise<Refusal | undefined> {
    const refused = await orRefusal(this.#deps.calls.ownAccount.signOutEverywhere({}));
    if (refused === undefined) await this.#leave();
    return refused;
  }

  /** Ends what is here of a sign-in. */
  async #leave(): Promise<void> {
    const state = this.#state.peek();
    if (state.kind === 'in') await this.#deps.onSigningOut(state.clientId);
    this.#tokens.forget();
    this.#out();
  }

  stop(): void {
    this.#asking.abort();
    this.#tokens.stop();
  }

  get #accounts() {
    return this.#deps.calls.accounts;
  }

  get #usesTokens(): boolean {
    return this.#method.case === 'accounts' || this.#method.case === 'oidc';
  }

  /** Asks the server until it says how people sign in. */
  async #ask(): Promise<void> {
    const { page, returning } = this.#deps;
    const { signal } = this.#asking;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        const { method } = await this.#accounts.describeSignIn({}, { signal });
        return await this.#enter(method);
      } catch (error) {
        // A server of an earlier release keeps no door.
        if (shownRefusal(error).reason === 'NOT_IMPLEMENTED') return await this.#enter({ case: undefined });
        if (signal.aborted) return;
        this.#state.value = { kind: 'unreachable' };
        await returning.wait(reconnectDelayMs(failures, refusalOf(error).retryDelayMs, page.random()), signal);
      }
    }
  }

  async #enter(method: Method): Promise<void> {
    this.#method = method;
    if (!this.#usesTokens) {
      this.#state.value = {
        kind: 'in',
        clientId: chosenClientId(this.#deps.storage, this.#deps.page),
        ...signsNobodyIn,
      };
      return;
    }
    this.#tokens.start();
    const why = method.case === 'oidc' ? await this.#comeBack(method.value) : undefined;
    if (this.#tokens.current === undefined) this.#out(why);
    else this.#welcome();
  }

  /** From the issuer's page, if that is where the user was. */
  async #comeBack(oidc: OidcSignIn): Promise<Refusal | undefined> {
    if (!this.#returnsFromIssuer) return undefined;
    return orRefusal(
      this.#issuer(oidc)
        .then((issuer) => issuer.comeBack())
        .then((tokens) => this.#tokens.set(tokens)),
    );
  }

  get #returnsFromIssuer(): boolean {
    return (
      this.#deps.page.tabStore.getItem(pendingSignInKey) !== null && /[?&](code|error)=/.test(this.#deps.page.url())
    );
  }

  /** Loaded only where an issuer signs people in. */
  async #issuer(oidc: OidcSignIn) {
    const { Issuer } = await import('./issuer.ts');
    return new Issuer(oidc, this.#deps.page, pendingSignInKey);
  }

  async #renew(tokens: StoredTokens): Promise<NewTokens | undefined> {
    if (this.#method.case === 'oidc') return (await this.#issuer(this.#method.value)).renew(tokens);
    return (await this.#accounts.refreshTokens({ refreshToken: tokens.refreshToken })).tokens;
  }

  #in(tokens: NewTokens | undefined, userName?: string): void {
    this.#tokens.set(tokens, userName);
    this.#welcome();
  }

  #welcome(): void {
    const { clientId, userName = '' } = this.#tokens.current ?? {};
    const state = this.#state.peek();
    if (clientId === undefined || (state.kind === 'in' && state.clientId === clientId)) return;
    const hasPassword = this.#method.case === 'accounts';
    this.#state.value = { kind: 'in', clientId, userName, canSignOut: true, hasPassword };
  }

  #out(notice?: Refusal): void {
    const method = this.#method;
    const told = notice === undefined ? {} : { notice };
    if (method.case === 'accounts') {
      this.#state.value = { kind: 'account-needed', signUpOpen: method.value.signUpOpen, ...told };
    } else if (method.case === 'oidc') {
      const { issuer, webClientId } = method.value;
      this.#state.value = { kind: 'issuer-needed', issuer, canGoThere: webClientId !== '', ...told };
    }
  }
}

const signsNobodyIn = { userName: '', canSignOut: false, hasPassword: false };

/** What this tab remembers of a sign-in under way at the issuer's page. */
const pendingSignInKey = 'parley.issuerVisit';

import { Refused } from '../../domain/errors/catalogue.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import type { Account } from '../../ports/account-store.ts';
import type { Ids } from '../../ports/ids.ts';
import type { SecurityEventKind } from '../../ports/security-log.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { SecurityRecorder } from '../security/security-recorder.ts';
import { BackOff } from './back-off.ts';
import { checkNewPassword, checkPasswordBound, checkUserName } from './credentials.ts';
import { createUser, type UserDeps } from './users.ts';

type Subject = Pick<Account, 'clientId' | 'role'>;
type SignedIn = Subject & Pick<Account, 'passwordHash'>;

export interface AccountsDeps extends UserDeps {
  readonly tokens: AccessTokens;
  readonly logger: Pick<Logger, 'warn'>;
  readonly security: Pick<SecurityRecorder, 'record'>;
  readonly settings: {
    /** Whether anybody may sign up. */
    readonly signUpOpen: boolean;
    /** Accounts that an address may make at once, and again within an hour. */
    readonly signUpsPerAddress: number;
    readonly refreshTokenLifetimeMs: number;
  };
}

/** What a signed-in client holds. Its tokens are secret. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** How long the access token works, from now. */
  readonly accessTokenLifetimeMs: number;
  readonly clientId: string;
}

export interface PasswordChange {
  readonly oldPassword: string;
  readonly newPassword: string;
}

/**
 * Signs people up and in. Each call rejects with the Refused that it names, or with AccountStoreUnavailable. Addresses are those of the
 * callers' machines, for the back-off and the security log.
 */
export class Accounts {
  readonly #deps: AccountsDeps;
  readonly #backOff: BackOff;

  constructor(deps: AccountsDeps) {
    this.#deps = deps;
    this.#backOff = new BackOff(deps, deps.settings.signUpsPerAddress);
  }

  /**
   * Makes an account and signs it in. SIGN_UP_CLOSED, USER_NAME_INVALID, PASSWORD_INVALID, USER_NAME_TAKEN, TOO_MANY_SIGN_UPS, TOO_MANY_ATTEMPTS: a name
   * that is taken counts as a failure of the address, because names are not to be found out by trying.
   */
  async signUp(userName: string, password: string, address: string): Promise<Tokens> {
    if (!this.#deps.settings.signUpOpen) throw new Refused('SIGN_UP_CLOSED');
    const making = () => createUser(this.#deps, { userName, password, role: 'client' });
    const user = await this.#noted(this.#backOff.signUp(address, making), address);
    if (user === null) throw new Refused('USER_NAME_TAKEN');
    const tokens = await this.#begin(user);
    await this.#record('sign_up', user, address);
    return tokens;
  }

  /**
   * Trades a password for tokens. USER_NAME_INVALID, PASSWORD_INVALID, SIGN_IN_FAILED, TOO_MANY_ATTEMPTS. The same answer after the same
   * work, whether the name or the password is wrong.
   */
  async signIn(userName: string, password: string, address: string): Promise<Tokens> {
    checkUserName(userName);
    checkPasswordBound(password);
    const who = { name: userName.toLowerCase(), address };
    const account = await this.#noted(
      this.#backOff.attempt(who, () => this.#whose(userName, password)),
      address,
    );
    if (account === null) {
      // A name that nobody has is not written down: people type their password there.
      await this.#record('sign_in_failed', await this.#deps.store.accountNamed(userName), address);
      throw new Refused('SIGN_IN_FAILED');
    }
    const tokens = await this.#begin(account);
    await this.#record('sign_in', account, address);
    return tokens;
  }

  /**
   * Trades a refresh token for new tokens; the old one stops working. REFRESH_TOKEN_INVALID. A token that was traded before ends all
   * that came of the same sign-in: two hold it, and one of them has stolen it. A client that lost the answer signs in again.
   */
  async refresh(refreshToken: string, address = ''): Promise<Tokens> {
    const { store, ids, clock, settings, logger } = this.#deps;
    const presented = parseRefreshToken(ids, refreshToken);
    if (presented === undefined) throw new Refused('REFRESH_TOKEN_INVALID');
    const next = newRefreshToken(ids, presented.familyId);
    const outcome = await store.rotateFamily({
      familyId: presented.familyId,
      presentedHash: presented.tokenHash,
      nextHash: next.tokenHash,
      expireTimeMs: clock.nowMs() + settings.refreshTokenLifetimeMs,
    });
    if (outcome.kind === 'rotated') return this.#tokens(outcome.account, next.refreshToken);
    if (outcome.kind === 'reused') {
      const { clientId } = outcome;
      logger.warn({ clientId }, 'a refresh token was used again; its sign-in was ended');
      await this.#record('refresh_token_reused', await store.accountOf(clientId), address);
    }
    throw new Refused('REFRESH_TOKEN_INVALID');
  }

  /**
   * Replaces the password of the caller's account, revokes all its sign-ins, and signs it in again. PASSWORD_INVALID, PASSWORD_WRONG, TOO_MANY_ATTEMPTS:
   * a wrong old password counts as a failed sign-in, because a stolen access token must not help to guess it.
   */
  async changePassword(clientId: string, passwords: PasswordChange, address: string): Promise<Tokens> {
    const { store, hasher, commonPasswords } = this.#deps;
    checkPasswordBound(passwords.oldPassword, 'old_password');
    checkNewPassword(passwords.newPassword, commonPasswords, 'new_password');
    const account = await store.accountOf(clientId);
    if (account === null) throw new Refused('UNAUTHENTICATED', 'the account of the access token is gone');
    const verify = async () =>
      (await hasher.verify(passwords.oldPassword, account.passwordHash)) === 'wrong' ? null : account;
    const who = { name: account.userName.toLowerCase(), address };
    const verified = await this.#noted(this.#backOff.attempt(who, verify), address);
    if (verified === null) {
      await this.#record('password_change_failed', account, address);
      throw new Refused('PASSWORD_WRONG');
    }
    const passwordHash = await hasher.hash(passwords.newPassword, 'sign-in');
    // False: somebody else has changed it meanwhile.
    if (!(await store.changePassword(clientId, account.passwordHash, passwordHash)))
      throw new Refused('PASSWORD_WRONG');
    await this.#record('password_changed', account, address);
    return this.#begin({ ...account, passwordHash });
  }

  /** Ends all that came of the caller's sign-ins. Access tokens work until they expire. */
  async signOutEverywhere(clientId: string, address = ''): Promise<void> {
    const { store } = this.#deps;
    await store.endFamilies(clientId);
    await this.#record('signed_out_everywhere', await store.accountOf(clientId), address);
  }

  /** Ends what came of a sign-in, by any refresh token of it. The same answer for a token that is unknown or ended. */
  async signOut(refreshToken: string, address = ''): Promise<void> {
    const { store, ids } = this.#deps;
    const presented = parseRefreshToken(ids, refreshToken);
    if (presented === undefined) return;
    const clientId = await store.endFamily(presented.familyId);
    if (clientId !== null) await this.#record('signed_out', await store.accountOf(clientId), address);
  }

  /** Writes down that an attempt was refused because too many had failed. Whose it is, is not looked up: it is refused to cost nothing. */
  async #noted<T>(attempt: Promise<T>, address: string): Promise<T> {
    try {
      return await attempt;
    } catch (error) {
      if (error instanceof Refused && error.reason === 'TOO_MANY_ATTEMPTS')
        await this.#record('attempts_refused', null, address);
      throw error;
    }
  }

  /** `account` null: it is not known whose it is. */
  #record(kind: SecurityEventKind, account: Account | null, address: string): Promise<void> {
    const whose = account === null ? {} : { clientId: account.clientId, userName: account.userName };
    return this.#deps.security.record({ kind, ...whose, address });
  }

  /** The account with this name and password; null when there is none. One hash is computed, whatever is wrong. */
  async #whose(userName: string, password: string): Promise<Account | null> {
    const { store, hasher } = this.#deps;
    const account = await store.accountNamed(userName);
    const verdict = await hasher.verify(password, account?.passwordHash ?? null);
    if (account === null || verdict === 'wrong') return null;
    if (verdict === 'right') return account;
    const passwordHash = await hasher.hash(password, 'sign-in');
    if (await store.replacePasswordHash(account.clientId, account.passwordHash, passwordHash))
      return { ...account, passwordHash };
    // Another sign-in made the new hash, or the password was changed.
    return this.#whose(userName, password);
  }

  /** SIGN_IN_FAILED when the password was changed meanwhile, or the account is gone. */
  async #begin(subject: SignedIn): Promise<Tokens> {
    const { store, ids, clock, settings } = this.#deps;
    const { refreshToken, familyId, tokenHash } = newRefreshToken(ids, ids.unique());
    const expireTimeMs = clock.nowMs() + settings.refreshTokenLifetimeMs;
    const family = { familyId, clientId: subject.clientId, tokenHash, expireTimeMs };
    if (!(await store.createFamily(family, subject.passwordHash))) throw new Refused('SIGN_IN_FAILED');
    return this.#tokens(subject, refreshToken);
  }

  async #tokens({ clientId, role }: Subject, refreshToken: string): Promise<Tokens> {
    const { accessToken, lifetimeMs } = await this.#deps.tokens.issue({ clientId, isOperator: role === 'operator' });
    return { accessToken, refreshToken, accessTokenLifetimeMs: lifetimeMs, clientId };
  }
}

/**
 * A refresh token, of which only the secret's hash is stored:
 *
 *     <family id>.<secret, 256 bits>
 */
const form = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43,64})$/;

/** A token and what is stored of it. */
interface NewRefreshToken {
  /** Secret. */
  readonly refreshToken: string;
  readonly familyId: string;
  readonly tokenHash: string;
}

/** The next token of a family. */
function newRefreshToken(ids: Ids, familyId: string): NewRefreshToken {
  const secret = ids.token();
  return { refreshToken: `${familyId}.${secret}`, familyId, tokenHash: ids.hash(secret) };
}

/** What a token names; undefined when it is none. */
function parseRefreshToken(
  ids: Ids,
  token: string,
): { readonly familyId: string; readonly tokenHash: string } | undefined {
  const [, familyId, secret] = form.exec(token) ?? [];
  return familyId === undefined || secret === undefined ? undefined : { familyId, tokenHash: ids.hash(secret) };
}

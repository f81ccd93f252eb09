import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { type Tokens as NewTokens, TokensSchema } from '../../../../src/client/gen/chat/v1/account_service_pb.js';
import { pageRefusal, shownRefusal } from './calls.ts';
import { JsonStorage } from './json-storage.ts';
import { MemoryStorage } from './memory-storage.ts';
import { TestPage } from './testing/test-page.ts';
import { Tokens } from './tokens.ts';

/** A server that gives a new pair for each refresh token, and ends the family of one that comes twice. */
class Family {
  readonly asked: string[] = [];
  failure: Error | undefined;
  #count = 0;
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  next(): NewTokens {
    this.#count += 1;
    return create(TokensSchema, {
      accessToken: `a${this.#count}`,
      refreshToken: `r${this.#count}`,
      accessTokenLifetime: durationFromMs(this.#lifetimeMs),
      clientId: 'ann',
    });
  }

  async renew(refreshToken: string): Promise<NewTokens> {
    this.asked.push(refreshToken);
    await delay(5);
    if (this.failure !== undefined) throw this.failure;
    if (refreshToken !== `r${this.#count}`) throw pageRefusal('REFRESH_TOKEN_INVALID', Code.Unauthenticated);
    return this.next();
  }
}

/** What another process of the browser knows of a store. */
class LateCopy extends MemoryStorage {
  readonly #original: Storage;

  constructor(original: Storage) {
    super();
    this.#original = original;
  }

  catchUp(): void {
    for (let index = 0; index < this.#original.length; index += 1) {
      const key = this.#original.key(index) ?? '';
      this.setItem(key, this.#original.getItem(key) ?? '');
    }
  }
}

/** A tab of a browser; each test has a store, and so a lock, of its own. */
function tab(family: Family, store: Storage, prefix: string) {
  const told: string[] = [];
  const page = new TestPage('', store);
  const tokens = new Tokens({
    page,
    storage: new JsonStorage(store, prefix),
    renew: (former) => family.renew(former),
    onEnded: (why) => told.push(`ended: ${why === undefined ? 'elsewhere' : shownRefusal(why).reason}`),
    onFound: () => told.push('found'),
  });
  tokens.start();
  return { tokens, page, told };
}

const first = { text: 'a1', renewAtMs: undefined };

describe('tokens', () => {
  test('are renewed once, however many ask in however many tabs', async () => {
    const family = new Family(0);
    const store = new MemoryStorage();
    const [one, other] = [tab(family, store, 'once.'), tab(family, store, 'once.')];
    one.tokens.set(family.next());
    const found = await Promise.all([
      one.tokens.instead(first),
      one.tokens.instead(first),
      other.tokens.instead(first),
    ]);
    expect(found.map((token) => token?.text)).toEqual(['a2', 'a2', 'a2']);
    expect(family.asked).toEqual(['r1']);
    for (const { tokens } of [one, other]) tokens.stop();
  });

  test('that another tab has renewed are waited for where the browser is late in passing them on', async () => {
    const family = new Family(60_000);
    const store = new MemoryStorage();
    const late = new LateCopy(store);
    const [one, other] = [tab(family, store, 'late.'), tab(family, late, 'late.')];
    one.tokens.set(family.next());
    late.catchUp();
    await one.tokens.instead(first);
    const found = other.tokens.instead(first);
    await delay(100);
    late.catchUp();
    expect((await found)?.text).toBe('a2');
    expect(family.asked).toEqual(['r1']);
    for (const { tokens } of [one, other]) tokens.stop();
  });

  test('of another tab that signs in or out are heard of', () => {
    const family = new Family(60_000);
    const store = new MemoryStorage();
    const [one, other] = [tab(family, store, 'shown.'), tab(family, store, 'shown.')];
    one.tokens.set(family.next());
    other.page.storedElsewhere('shown.tokens');
    expect(other.told).toEqual(['found']);
    one.tokens.forget();
    other.page.storedElsewhere('shown.tokens');
    expect(other.told.at(-1)).toBe('ended: elsewhere');
    for (const { tokens } of [one, other]) tokens.stop();
  });

  test('do as long as they live while the server cannot renew them', async () => {
    const family = new Family(1_000);
    const { tokens, told } = tab(family, new MemoryStorage(), 'patient.');
    tokens.set(family.next());
    family.failure = pageRefusal('NETWORK', Code.Unavailable);
    expect(await tokens.instead(first)).toBeUndefined();
    expect((await tokens.fresh())?.text).toBe('a1');
    expect(told).toEqual([]);
    tokens.stop();
  });

  test('are forgotten once nothing will renew them', async () => {
    const family = new Family(1_000);
    const store = new MemoryStorage();
    const { tokens, told } = tab(family, store, 'over.');
    tokens.set({ ...family.next(), refreshToken: 'stolen and used' });
    await expect(tokens.instead(first)).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect(told).toEqual(['ended: REFRESH_TOKEN_INVALID']);
    expect(await tokens.fresh()).toBeUndefined();
    expect(store.length).toBe(0);
    tokens.stop();
  });

  test('that cannot be renewed do until they expire, and end the sign-in then', async () => {
    const { tokens, told } = tab(new Family(0), new MemoryStorage(), 'once only.');
    const { accessToken, clientId } = new Family(0).next();
    tokens.set(create(TokensSchema, { accessToken, clientId, accessTokenLifetime: durationFromMs(60_000) }));
    expect((await tokens.fresh())?.text).toBe('a1');
    tokens.set(create(TokensSchema, { accessToken, clientId, accessTokenLifetime: durationFromMs(0) }));
    await expect(tokens.fresh()).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(told).toEqual(['ended: UNAUTHENTICATED']);
    tokens.stop();
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { CallFailed } from './calls.ts';
import { Kept } from './kept.ts';
import { MemoryStorage } from './memory-storage.ts';
import { refusal } from './refusals.ts';
import { TestPage } from './testing/test-page.ts';
import { type NewTokens, Tokens } from './tokens.ts';

/** A server that gives a new pair for each refresh token, and ends the family of one that comes twice. */
class Family {
  readonly asked: string[] = [];
  failure: CallFailed | undefined;
  #count = 0;
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  next(): NewTokens {
    this.#count += 1;
    return {
      accessToken: `a${this.#count}`,
      refreshToken: `r${this.#count}`,
      lifetimeMs: this.#lifetimeMs,
      clientId: 'ann',
    };
  }

  async renew({ refreshToken }: NewTokens): Promise<NewTokens> {
    this.asked.push(refreshToken);
    await delay(5);
    if (this.failure !== undefined) throw this.failure;
    if (refreshToken !== `r${this.#count}`) throw new CallFailed(refusal('REFRESH_TOKEN_INVALID'));
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
    kept: new Kept(store, prefix),
    renew: (former) => family.renew(former),
    onRenewed: () => told.push('renewed'),
    onEnded: (why) => told.push(`ended: ${why?.reason}`),
    onFound: () => told.push('found'),
  });
  tokens.start();
  return { tokens, page, told };
}

describe('tokens', () => {
  test('are renewed once, however many ask in however many tabs', async () => {
    const family = new Family(0);
    const store = new MemoryStorage();
    const [one, other] = [tab(family, store, 'once.'), tab(family, store, 'once.')];
    one.tokens.set(family.next());
    const found = await Promise.all([one.tokens.instead('a1'), one.tokens.instead('a1'), other.tokens.instead('a1')]);
    expect(found).toEqual(['a2', 'a2', 'a2']);
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
    await one.tokens.instead('a1');
    const found = other.tokens.instead('a1');
    await delay(100);
    late.catchUp();
    expect(await found).toBe('a2');
    expect(family.asked).toEqual(['r1']);
    for (const { tokens } of [one, other]) tokens.stop();
  });

  test('that another tab has renewed are shown to the server by this one', () => {
    const family = new Family(60_000);
    const store = new MemoryStorage();
    const [one, other] = [tab(family, store, 'shown.'), tab(family, store, 'shown.')];
    one.tokens.set(family.next());
    other.page.storedElsewhere('shown.tokens');
    expect(other.told).toEqual(['found', 'renewed']);
    one.tokens.forget();
    other.page.storedElsewhere('shown.tokens');
    expect(other.told.at(-1)).toBe('ended: undefined');
    for (const { tokens } of [one, other]) tokens.stop();
  });

  test('do as long as they live while the server cannot renew them', async () => {
    const family = new Family(1_000);
    const { tokens, told } = tab(family, new MemoryStorage(), 'patient.');
    tokens.set(family.next());
    family.failure = new CallFailed(refusal('NETWORK', true));
    expect(await tokens.instead('a1')).toBeUndefined();
    expect(await tokens.fresh()).toBe('a1');
    expect(told).toEqual([]);
    tokens.stop();
  });

  test('are forgotten once nothing will renew them', async () => {
    const family = new Family(1_000);
    const store = new MemoryStorage();
    const { tokens, told } = tab(family, store, 'over.');
    tokens.set({ ...family.next(), refreshToken: 'stolen and used' });
    await expect(tokens.instead('a1')).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect(told).toEqual(['ended: REFRESH_TOKEN_INVALID']);
    expect(await tokens.fresh()).toBeUndefined();
    expect(store.length).toBe(0);
    tokens.stop();
  });
});

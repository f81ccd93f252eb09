import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { makeDataKey, seal, sealOf, unseal, withoutSeal } from './sealing.ts';

const place = { topic: 'conversations', partition: 3, key: 'one' };
const value = Buffer.from('fact, words');
const contentOffset = 5;
const given = { ...place, headers: { ce_id: '1' }, value };
const key = makeDataKey();

describe('a sealed record', () => {
  test('shows what comes before the words, and opens with its key in its place', () => {
    const sealed = seal(given, contentOffset, key);
    const stored = Buffer.from(sealed.value ?? []);
    expect(stored.subarray(0, contentOffset).toString()).toBe('fact,');
    expect(stored.includes('words')).toBe(false);
    expect(sealOf(sealed.headers)).toEqual({ keyId: key.id, contentOffset });
    expect(withoutSeal(sealed.headers)).toEqual(given.headers);
    expect(Buffer.from(unseal(place, stored, contentOffset, key.secret) ?? [])).toEqual(value);
    expect(Buffer.from(unseal(place, stored, contentOffset, createSecretKey(key.bytes)) ?? [])).toEqual(value);
  });

  test('opens nowhere else, with no other key, and not when any byte of it has changed', () => {
    const stored = Buffer.from(seal(given, contentOffset, key).value ?? []);
    for (const other of [{ topic: 'others' }, { partition: 2 }, { key: 'two' }])
      expect(unseal({ ...place, ...other }, stored, contentOffset, key.secret)).toBeUndefined();
    expect(unseal(place, stored, contentOffset, makeDataKey().secret)).toBeUndefined();
    for (let at = contentOffset; at < stored.length; at += 1) {
      const changed = Buffer.from(stored);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(unseal(place, changed, contentOffset, key.secret)).toBeUndefined();
    }
    for (const wrong of [contentOffset - 1, contentOffset + 1, -1, stored.length, Number.NaN])
      expect(unseal(place, stored, wrong, key.secret)).toBeUndefined();
    expect(unseal(place, stored.subarray(0, 20), contentOffset, key.secret)).toBeUndefined();
  });

  test('never has the nonce of another', () => {
    const nonces = Array.from({ length: 5_000 }, () =>
      Buffer.from(seal(given, contentOffset, key).value ?? []).toString('hex', contentOffset, contentOffset + 12),
    );
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  test('was not sealed when its headers do not say so', () => {
    expect(sealOf({ ce_id: '1' })).toBeUndefined();
  });
});

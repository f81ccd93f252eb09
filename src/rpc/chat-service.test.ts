import { expect, test } from '@jest/globals';
import type { Session } from '../app/gateway/session.ts';
import { maxUntakenBytes } from '../domain/limits.ts';
import { UntakenCalls } from './chat-service.ts';

const session = {} as Session;
const other = {} as Session;

test('unary calls of one session bring no more than may be untaken; what is more is to be sent again', async () => {
  const calls = new UntakenCalls();
  const stored = Promise.withResolvers<string>();
  const taken: Promise<string>[] = [];
  const half = maxUntakenBytes / 2;
  for (let index = 0; index < 2; index += 1) taken.push(calls.taking(session, half, () => stored.promise));
  let begun = false;
  const refused = calls.taking(session, 1, async () => {
    begun = true;
  });
  await expect(refused).rejects.toMatchObject({ reason: 'TOO_MANY_PENDING', retryDelayMs: 1_000 });
  expect(begun).toBe(false);
  expect(await calls.taking(other, half, async () => 'taken')).toBe('taken');
  stored.resolve('stored');
  expect(await Promise.all(taken)).toEqual(['stored', 'stored']);
  expect(await calls.taking(session, half, async () => 'taken')).toBe('taken');
});

test('one call alone is never too much, and what is refused is not counted', async () => {
  const calls = new UntakenCalls();
  expect(await calls.taking(session, 2 * maxUntakenBytes, async () => 'taken')).toBe('taken');
  const failing = calls.taking(session, maxUntakenBytes, () => Promise.reject(new Error('refused')));
  await expect(failing).rejects.toThrow('refused');
  expect(await calls.taking(session, maxUntakenBytes, async () => 'taken')).toBe('taken');
});

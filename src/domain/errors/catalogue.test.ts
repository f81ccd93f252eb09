import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { catalogue, type Reason, type Refusal, Refused } from './catalogue.ts';

/** A client that comes back sooner than this only adds load; one that waits longer would look hung. */
const retryDelayMs = { min: 100, max: 60_000 };

/** The refusals that the design names, with the code that each travels as. */
const designed: Readonly<Record<string, keyof typeof status>> = {
  TOO_MANY_CLIENTS: 'RESOURCE_EXHAUSTED',
  ALREADY_CONNECTED: 'ALREADY_EXISTS',
  TIME_ZONE_REFUSED: 'INVALID_ARGUMENT',
  FIRST_MESSAGE_TIMEOUT: 'DEADLINE_EXCEEDED',
  STALE: 'DEADLINE_EXCEEDED',
  SESSION_TAKEN_OVER: 'ABORTED',
  SLOW_CONSUMER: 'RESOURCE_EXHAUSTED',
  DRAINING: 'UNAVAILABLE',
  LOG_UNAVAILABLE: 'UNAVAILABLE',
  HELLO_EXPECTED: 'INVALID_ARGUMENT',
  FRAME_INVALID: 'INVALID_ARGUMENT',
  CONVERSATION_ID_INVALID: 'INVALID_ARGUMENT',
  NOT_YOURS: 'PERMISSION_DENIED',
  NOT_FOUND: 'NOT_FOUND',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
};
const designedForMessages = [
  'EMPTY_MESSAGE',
  'TEXT_TOO_LONG',
  'MEDIA_TOO_LARGE',
  'MEDIA_TYPE_UNSUPPORTED',
  'MEDIA_MISMATCH',
  'MEDIA_NOT_FOUND',
  'CLIENT_MESSAGE_ID_INVALID',
  'TOO_MANY_PENDING',
  'TOO_MANY_MESSAGES',
  'BUDGET_EXHAUSTED',
  'MEDIA_QUOTA_EXCEEDED',
  'HISTORY_QUOTA_EXCEEDED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'POISON',
  'STOPPED',
];
const retryable = ['TOO_MANY_CLIENTS', 'SLOW_CONSUMER', 'DRAINING', 'STARTING', 'LOG_UNAVAILABLE', 'TOO_MANY_PENDING'];

const table: Readonly<Record<string, Refusal>> = catalogue;

describe('the catalogue', () => {
  test.each(Object.entries(designed))('%s ends a call with %s', (reason, code) => {
    expect(table[reason]).toMatchObject({ code, scope: 'call' });
  });

  test.each(designedForMessages)('%s concerns a message, and the session goes on', (reason) => {
    expect(table[reason]).toMatchObject({ scope: 'message' });
  });

  test.each(retryable)('%s may be tried again', (reason) => {
    expect(table[reason]).toMatchObject({ retryable: true });
  });

  test.each(Object.entries(table))('%s is named, coded and told as all are', (reason, refusal) => {
    expect(reason).toMatch(/^[A-Z][A-Z_]*[A-Z]$/);
    expect(status[refusal.code]).toEqual(expect.any(Number));
    for (const sentence of [refusal.meaning, refusal.remedy]) expect(sentence).toMatch(/^[A-Z].*[.]$/);
  });

  test.each(Object.entries(table))('%s has a delay exactly when it may be tried again', (_reason, refusal) => {
    expect(refusal.retryDelayMs !== undefined).toBe(refusal.retryable);
    expect(refusal.retryDelayMs ?? retryDelayMs.min).toBeGreaterThanOrEqual(retryDelayMs.min);
    expect(refusal.retryDelayMs ?? retryDelayMs.min).toBeLessThanOrEqual(retryDelayMs.max);
  });

  test('the page of errors lists each reason once', () => {
    const page = readFileSync('docs/errors.md', 'utf8');
    const listed = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, reason = '']) => reason);
    expect(listed.sort()).toEqual(Object.keys(catalogue).sort());
  });
});

describe('a refusal as it is thrown', () => {
  test('tells what its reason means when nothing more is known of the case', () => {
    const reason: Reason = 'NOT_FOUND';
    expect(new Refused(reason)).toMatchObject({
      reason,
      message: catalogue[reason].meaning,
      metadata: {},
      violations: [],
    });
  });

  test('tells the case when there is more to say', () => {
    const violations = [{ field: 'hello.client_id', description: 'It is empty.' }];
    const refused = new Refused('CLIENT_ID_INVALID', 'No client id.', { metadata: { max: '128' }, violations });
    expect(refused).toMatchObject({ message: 'No client id.', metadata: { max: '128' }, violations });
  });
});

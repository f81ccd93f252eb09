import { describe, expect, test } from '@jest/globals';
import { ContinuedAttempts } from './continued-attempts.ts';

function started(attempts: ContinuedAttempts, attempt: number, continuedBytes = 0): void {
  expect(attempts.take('replyStarted', { replyMessageId: 'r', attempt, continuedBytes })).toBeUndefined();
}

function piece(attempts: ContinuedAttempts, attempt: number, text: string): string | undefined {
  return attempts.take('replyDelta', { replyMessageId: 'r', attempt, text });
}

describe('an attempt', () => {
  test('that goes on begins with what was seen of the one before, on any stream', () => {
    const attempts = new ContinuedAttempts();
    started(attempts, 1);
    expect(piece(attempts, 1, 'Grüße')).toBeUndefined();
    // Another stream, which breaks earlier.
    started(attempts, 1);
    expect(piece(attempts, 1, 'Gr')).toBeUndefined();
    started(attempts, 2, 4);
    expect(piece(attempts, 2, 'G')).toBeUndefined();
    expect(piece(attempts, 2, 'rün')).toBeUndefined();
    started(attempts, 3, 5);
    expect(piece(attempts, 3, 'Grau')).toBe('attempt 3 of r goes on from "Grün" with "Grau"');
  });

  test('may go on otherwise behind the bytes that it names, and begin anew', () => {
    const attempts = new ContinuedAttempts();
    started(attempts, 1);
    piece(attempts, 1, 'abcd');
    started(attempts, 2, 2);
    expect(piece(attempts, 2, 'abx')).toBeUndefined();
    started(attempts, 3);
    expect(piece(attempts, 3, 'other')).toBeUndefined();
  });

  test('has a start', () => {
    const attempts = new ContinuedAttempts();
    expect(piece(attempts, 1, 'a')).toBe('attempt 1 of r was not begun');
    started(attempts, 1);
    expect(piece(attempts, 2, 'a')).toBe('attempt 2 of r was not begun');
  });
});

import { Code } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { MessageRefused, Refusal } from '../client/refusal.ts';
import { briefly, explain } from './explain.ts';

const address = '127.0.0.1:50051';

describe('an error is told in one line', () => {
  test('with its reason, what is wrong and what to do', () => {
    const violations = [{ field: 'hello.time_zone', description: 'not an IANA zone' }];
    const refusal = new Refusal(Code.InvalidArgument, 'Refused.', { reason: 'TIME_ZONE_REFUSED', violations });
    expect(explain(refusal, address)).toBe(
      'TIME_ZONE_REFUSED: Refused. hello.time_zone: not an IANA zone — choose another zone with --time-zone.',
    );
  });

  test('as a sentence, but for the name of a field', () => {
    const told = (message: string) => explain(new Refusal(Code.NotFound, message, { reason: 'OUT_OF_TEA' }), address);
    expect(told('there is no such conversation')).toBe('OUT_OF_TEA: There is no such conversation');
    expect(told('page_size must not be negative')).toBe('OUT_OF_TEA: page_size must not be negative');
  });

  test('when no server answers', () => {
    expect(explain(new Refusal(Code.Unavailable, 'ECONNREFUSED'), address)).toContain(
      'No server answers at 127.0.0.1:50051.',
    );
  });

  test('for a message, without letting the terminal be moved', () => {
    expect(explain(new MessageRefused('id', 'EMPTY_MESSAGE', 'Say\n\u001b[2Jsomething.'), address)).toBe(
      'EMPTY_MESSAGE: Say ␛[2Jsomething.',
    );
  });

  test('with the reason of a newer server, whatever it is called', () => {
    for (const reason of ['OUT_OF_TEA', 'constructor'])
      expect(explain(new Refusal(Code.ResourceExhausted, 'None is left.', { reason }), address)).toBe(
        `${reason}: None is left.`,
      );
  });

  test('once, where the server says what a field takes', () => {
    const violations = [{ field: 'password', description: '8 to 256 characters' }];
    const refusal = new Refusal(Code.InvalidArgument, 'It is too short.', { reason: 'PASSWORD_INVALID', violations });
    expect(explain(refusal, address)).toBe('PASSWORD_INVALID: It is too short. password: 8 to 256 characters');
  });

  test('with how long to wait, after too many attempts', () => {
    const refusal = new Refusal(Code.ResourceExhausted, 'Too many.', {
      reason: 'TOO_MANY_ATTEMPTS',
      retryDelayMs: 16_000,
    });
    expect(explain(refusal, address)).toBe('TOO_MANY_ATTEMPTS: Too many — try again in 16.0 s.');
  });

  test.each([
    ['DRAINING', 'the server is restarting'],
    ['OUT_OF_TEA', 'OUT_OF_TEA'],
  ])('in a status line: %s as "%s"', (reason, words) => {
    expect(briefly(new Refusal(Code.Unavailable, 'detail', { reason }))).toBe(words);
  });

  test('but a defect is thrown on', () => {
    expect(() => explain(new TypeError('undefined is not a function'), address)).toThrow(TypeError);
  });
});

import { Code } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { MessageRefused, Refusal } from '../client/refusal.ts';
import { explain } from './explain.ts';

const address = '127.0.0.1:50051';

describe('an error is told in one line', () => {
  test('with its reason, what is wrong and what to do', () => {
    const violations = [{ field: 'hello.time_zone', description: 'not an IANA zone' }];
    const refusal = new Refusal(Code.InvalidArgument, 'Refused.', { reason: 'TIME_ZONE_REFUSED', violations });
    expect(explain(refusal, address)).toBe(
      'TIME_ZONE_REFUSED: Refused. hello.time_zone: not an IANA zone — choose another zone with --time-zone.',
    );
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

  test('but a defect is thrown on', () => {
    expect(() => explain(new TypeError('undefined is not a function'), address)).toThrow(TypeError);
  });
});

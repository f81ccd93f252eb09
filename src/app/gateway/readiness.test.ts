import { expect, test } from '@jest/globals';
import { Refused } from '../../domain/errors/catalogue.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { GatewayReadiness } from './readiness.ts';

const clock = new StandingClock();
const history = { getMessage: async () => null };
const conversations = { async allCaughtUp() {} };
const following = { async caughtUp() {} };
const admission = { isStarted: true, suspended: false };
const rejecting = (error: Error) => () => Promise.reject(error);

// It was ready whatever opening a session waited for in vain.
test.each([
  ['history is at the end of the log', {}, true, 'ready'],
  ['it has not started', { admission: { isStarted: false, suspended: true } }, false, 'not started'],
  ['its sessions are suspended', { admission: { isStarted: true, suspended: true } }, false, 'suspended'],
  [
    'history cannot be read: sessions are opened and resumed all the same',
    { history: { getMessage: rejecting(new ReadModelUnavailable('away')) } },
    true,
    'degraded',
  ],
  [
    'how far history is cannot be read',
    { conversations: { allCaughtUp: rejecting(new ReadModelUnavailable('away')) } },
    true,
    'degraded',
  ],
  [
    'history is behind',
    { conversations: { allCaughtUp: rejecting(new Refused('HISTORY_BEHIND')) } },
    true,
    'history is behind the log, older pages wait',
  ],
  [
    'the log is not followed to its end',
    { following: { caughtUp: rejecting(new LogUnavailable('the log is read too slowly', 'unknown')) } },
    false,
    'the log',
  ],
  [
    'the log cannot be read',
    { conversations: { allCaughtUp: rejecting(new LogUnavailable('away', 'not-written')) } },
    false,
    'the log',
  ],
])('a gateway tells whether it can open sessions: %s', async (_, over, isReady, text) => {
  const readiness = new GatewayReadiness({ admission, following, conversations, history, clock, ...over });
  expect(await readiness.look()).toEqual({ isReady, text: expect.stringContaining(text) });
});

test('whoever asks while a look takes long is told what was known, and all of them cost one look', async () => {
  const looks: PromiseWithResolvers<void>[] = [];
  const slow = {
    allCaughtUp() {
      looks.push(Promise.withResolvers());
      return looks.at(-1)?.promise as Promise<void>;
    },
  };
  const readiness = new GatewayReadiness({ admission, following, conversations: slow, history, clock });
  const asked = [readiness.look(), readiness.look()];
  clock.advance(1_000);
  expect(await Promise.all(asked)).toMatchObject([{ isReady: true }, { isReady: true }]);
  expect(looks).toHaveLength(1);
  looks[0]?.reject(new LogUnavailable('away', 'not-written'));
  await new Promise((resolve) => setImmediate(resolve));
  const next = readiness.look();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1_000);
  expect(await next).toMatchObject({ isReady: false });
});

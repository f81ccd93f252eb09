import { expect, test } from '@jest/globals';
import { StandingClock } from '../../testing/standing-clock.ts';
import { anybody } from '../caller.ts';
import { Gateway, type GatewayDeps } from './gateway.ts';

const hello = {
  clientId: 'ann',
  timeZone: 'UTC',
  conversationId: '',
  resumeToken: '',
  afterSequence: 0,
  waitMs: 0,
  inlineMedia: false,
  takeOver: false,
};
const output = { emit() {}, writable: async () => {}, end() {} };

test('a gateway that listens, and may not take sessions yet, says so', () => {
  const gateway = new Gateway({
    admission: { isStarted: false },
    clock: new StandingClock(),
  } as unknown as GatewayDeps);
  expect(() => gateway.open(hello, anybody, output)).toThrow(expect.objectContaining({ reason: 'STARTING' }));
});

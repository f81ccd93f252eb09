import { beforeEach, expect, test } from '@jest/globals';
import { SessionsByAddress } from './sessions-by-address.ts';

const tooMany = expect.objectContaining({ reason: 'TOO_MANY_SESSIONS' });

let sessions: SessionsByAddress;
beforeEach(() => {
  sessions = new SessionsByAddress(2);
});

const sessionOf = (clientId: string, clientAddress: string | undefined = '192.0.2.1') => ({ clientId, clientAddress });
const open = (clientId: string, clientAddress?: string) => {
  sessions.check(sessionOf(clientId, clientAddress));
  sessions.add(sessionOf(clientId, clientAddress));
};

test('an address has as many clients as it may, and another address as many', () => {
  open('ann');
  open('bob');
  expect(() => open('carl')).toThrow(tooMany);
  open('carl', '192.0.2.2');
  open('dora', '192.0.2.2');
  expect(() => open('emil', '192.0.2.2')).toThrow(tooMany);
});

test('who leaves makes room for one', () => {
  open('ann');
  open('bob');
  sessions.remove(sessionOf('ann'));
  open('carl');
  expect(() => open('ann')).toThrow(tooMany);
});

test('a client that takes its own session over is counted once, until the last of its sessions has ended', () => {
  open('ann');
  open('bob');
  open('ann');
  sessions.remove(sessionOf('ann'));
  expect(() => open('carl')).toThrow(tooMany);
  sessions.remove(sessionOf('ann'));
  open('carl');
});

test('sessions whose address tells nobody apart are not counted', () => {
  for (let index = 0; index < 10; index += 1) {
    const session = { clientId: `client ${index}`, clientAddress: undefined };
    sessions.check(session);
    sessions.add(session);
    if (index % 2 === 0) sessions.remove(session);
  }
  open('ann');
  open('bob');
});

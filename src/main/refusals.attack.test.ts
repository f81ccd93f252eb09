import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accountPenaltyMs, maxAccountRefusedCalls } from '../domain/connection-limits.ts';
import { metricOf, startTarget, type Target } from '../testing/attacks/target.ts';
import { refusalIn } from '../testing/attacks/writes.ts';
import { dial, withToken } from '../testing/black-box-client.ts';
import { call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';

const password = 'correct horse';
/** Calls of the attacker at once. */
const callsAtOnce = 20;
const isOut = { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_ATTEMPTS' };

let target: Target;
let accounts: DynamicClient;
/** One connection for all, as a proxy has it. */
let history: DynamicClient;
beforeAll(async () => {
  target = await startTarget({ PARLEY_AUTH: 'accounts' });
  accounts = clientOf('chat.v1.AccountService', target.server.address);
  history = clientOf('chat.v1.HistoryService', target.server.address);
});
afterAll(async () => {
  for (const client of [accounts, history]) if (client) hangUp(client);
  await target?.[Symbol.asyncDispose]();
});

async function tokenBy(method: 'SignUp' | 'SignIn', userName: string): Promise<string> {
  const { tokens } = await call(accounts, method, { userName, password });
  return tokens.accessToken;
}

const deletesNothing = (accessToken: string) =>
  refusalIn(call(history, 'DeleteConversation', { conversationId: 'none' }, undefined, withToken(accessToken)));

/*
 * Cause: what an account had refused was counted nowhere. In tight loops it had each refusal made by a handler, and a client beside it waited four times as long.
 */
test('an account whose calls are refused again and again reaches no handler for a while; others, and what it has open, go on', async () => {
  const [attacker, other] = [await tokenBy('SignUp', 'attacker'), await tokenBy('SignUp', 'other')];
  const session = dial({ address: target.server.address, shape: 'bidi', accessToken: attacker }, { clientId: '' });
  await session.welcome();
  const refused = async (times: number, accessToken: string) =>
    Promise.all(Array.from({ length: times }, () => deletesNothing(accessToken)));
  const reasons: (string | undefined)[] = [];
  while (reasons.length < 10 * maxAccountRefusedCalls && !reasons.includes(isOut.reason))
    reasons.push(...(await refused(callsAtOnce, attacker)).map((refusal) => refusal?.reason));
  expect(reasons.slice(0, maxAccountRefusedCalls)).toEqual(Array(maxAccountRefusedCalls).fill('NOT_FOUND'));
  expect(reasons).toContain(isOut.reason);

  const before = await metricOf(target, 'refused');
  const further = await refused(callsAtOnce, attacker);
  expect(await metricOf(target, 'refused')).toBe(before + callsAtOnce);
  for (const refusal of further) {
    expect(refusal).toMatchObject(isOut);
    expect(refusal?.retryDelayMs).toBeGreaterThan(0);
    expect(refusal?.retryDelayMs).toBeLessThanOrEqual(accountPenaltyMs);
  }
  // Another token helps for no call, and is known after one.
  const newToken = await tokenBy('SignIn', 'attacker');
  expect(await deletesNothing(newToken)).toMatchObject(isOut);
  expect(await deletesNothing(newToken)).toMatchObject(isOut);
  expect(await metricOf(target, 'refused')).toBe(before + callsAtOnce + 1);

  expect(await deletesNothing(other)).toMatchObject({ reason: 'NOT_FOUND' });
  await session.ask('Does my stream go on?');
  session.drop();
  await target.honestClientIsServed();
});

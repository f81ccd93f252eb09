import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { CheckingClient } from '../testing/checking-client.ts';
import { conversationEntries, processingOf } from '../testing/log-oracle.ts';
import { historyHolds, wholeConversation } from '../testing/oracle.ts';
import { seededRandom } from '../testing/random.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

const repeats = 5;
const clients = 20;
const messagesEach = 20;
const longestCalmMs = 30;

let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0-100',
      PARLEY_SIMULATED_PIECES: '8',
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '10',
    },
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

test.each(shapes)(
  `a message sent ${repeats} times, each on another connection, is said once and answered once (%s)`,
  async (shape) => {
    await using testSessions = new TestSessions(server, shape);
    const hello = { clientId: `repeater-${shape}` };
    let conversationId = '';
    let resumeToken = '';
    const answers = [];
    for (let attempt = 0; attempt < repeats; attempt += 1) {
      const { session, welcome } = await testSessions.connect({ ...hello, conversationId, resumeToken });
      ({ conversationId, resumeToken } = welcome);
      answers.push(await session.text('Once is enough', 'the-one-id'));
      if (attempt < repeats - 1) session.drop();
      else await session.reply(answers[0].messageId);
    }
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([false, true, true, true, true]);
    expect(new Set(answers.map(({ messageId, sequence }) => `${messageId} ${sequence}`)).size).toBe(1);
    // History follows the log; the reply may be told before it is there.
    const told = await eventually(
      () => wholeConversation(server.address, conversationId),
      (messages) => messages.length >= 2,
    );
    const roles = told.map(({ role }) => role);
    expect(roles).toEqual(['ROLE_USER', 'ROLE_ASSISTANT']);
  },
);

test(`${clients} clients that send everything ${repeats} times at once while connections break: said once, answered once`, async () => {
  const random = seededRandom();
  const checkingClients = Array.from({ length: clients }, (_, index) => {
    return new CheckingClient({ address: server.address, shape: shapes[index % shapes.length] ?? 'bidi' }, repeats);
  });
  let talking = true;
  const breaking = (async () => {
    while (talking) {
      checkingClients[Math.floor(random() * clients)]?.drop();
      await sleep(random() * longestCalmMs);
    }
  })();
  const talk = async (checkingClient: CheckingClient) => {
    for (let index = 0; index < messagesEach; index += 1) await checkingClient.sayOne(`Number ${index}`);
  };
  await Promise.all(checkingClients.map(talk));
  talking = false;
  await breaking;
  await historyHolds(server.address, checkingClients);
  for (const checkingClient of checkingClients) checkingClient.drop();
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  const processing = processingOf(await conversationEntries(server.dataDir));
  const said = clients * messagesEach + shapes.length;
  expect(processing).toMatchObject({ breaches: [], messages: said, attempts: said });
  expect(checkingClients.reduce((sum, checkingClient) => sum + checkingClient.welcomes, 0)).toBeGreaterThan(clients);
});

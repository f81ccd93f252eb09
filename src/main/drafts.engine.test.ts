import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { textOf } from '../testing/black-box-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { HeldDrafts } from '../testing/held-drafts.ts';
import { runParley } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_PIECES: '500',
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20',
    },
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Longer than a draft waits for the log, so that some of it is there. */
const shownForMs = 2_500;

test('the worker is killed in the midst of a reply: another goes on byte for byte, on the same stream', async () => {
  const [gateway] = cluster.of('gateway');
  if (gateway === undefined) throw new Error('gateways were started');
  await using testSessions = new TestSessions(gateway.server, 'bidi');
  const { session, welcome } = await testSessions.connect();
  const drafts = new HeldDrafts();
  drafts.follow(session);
  const accepted = await session.text('Tell me a long story of a lighthouse.');
  await session.find('replyDelta');
  await sleep(shownForMs);
  const { workerId } = await workerOf(welcome.conversationId);
  const worker = cluster.of('worker').find(({ name }) => workerId.startsWith(name));
  if (worker === undefined) throw new Error(`no worker is ${workerId}`);
  await cluster.restart(worker);
  const reply = await session.reply(accepted.messageId, 60_000);
  expect(drafts.takenBack).toEqual([]);
  expect(drafts.texts.get(reply.messageId)).toBe(textOf(reply));
  // A partition may have gone to another worker before, while the workers came together.
  expect(session.all('replyStarted').at(-1).continuedBytes).toBeGreaterThan(0);
  expect(await runParley(['audit', '--json'], cluster.env)).toMatchObject({ code: 0 });
});

/** Under whose claim the conversation's message was begun. */
async function workerOf(conversationId: string): Promise<{ readonly workerId: string }> {
  for (const entries of await cluster.entries()) {
    const started = entries.find(
      ({ event }) => event.type === 'ReplyStarted' && event.conversationId === conversationId,
    );
    const claim = entries.findLast(({ event }) => event.type === 'WorkerClaimed');
    if (started !== undefined && claim?.event.type === 'WorkerClaimed') return claim.event;
  }
  throw new Error('no attempt was begun');
}

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import type { Session } from '../testing/black-box-client.ts';
import { Cluster, type Member } from '../testing/cluster.ts';
import { call, clientOf, type Dynamic, hangUp, timestampMs } from '../testing/contract.ts';
import { runParley } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

/** What a poison record or message may cost those beside it. */
const maxDelayMs = 5_000;
/** A dead worker is noticed within 10 s; the rest is for a busy machine. */
const takenUpMs = 60_000;
const topic = 'parley.conversations';
const slow = { PARLEY_SIMULATED_TEXT_DELAY_MS: '60000' };
const atOnce = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };

let cluster: Cluster;
let kafka: Kafka;
beforeAll(async () => {
  // Everybody is everybody's neighbour.
  cluster = await Cluster.start({ gateways: 1, workers: 1, env: { PARLEY_PARTITIONS: '1', ...atOnce } });
  kafka = new Kafka({ brokers: cluster.engines.kafka.brokers.split(','), logLevel: logLevel.NOTHING });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const gateway = () => cluster.member('gateway-0').server;

async function ask(service: string, method: string, request: object): Promise<Dynamic> {
  const client = clientOf(`chat.v1.${service}`, gateway().address);
  try {
    return await call(client, method, request);
  } finally {
    hangUp(client);
  }
}

const steps = async (messageId: string): Promise<Dynamic[]> =>
  (await ask('OperationsService', 'ExplainMessage', { messageId })).steps;
const parked = async (): Promise<Dynamic[]> => (await ask('OperationsService', 'ListParked', {})).parked;

/** How long a message took from its record to its reply's, and then until history showed that. */
async function tookMs(session: Session, text: string): Promise<{ readonly answer: number; readonly shown: number }> {
  const { accepted, reply } = await session.ask(text);
  const before = performance.now();
  const { conversationId, sequence: atLeastSequence } = reply;
  await ask('HistoryService', 'ListMessages', { conversationId, atLeastSequence });
  const shown = performance.now() - before;
  return { answer: timestampMs(reply.createTime) - timestampMs(accepted.createTime), shown };
}

async function restart(member: Member, env: Readonly<Record<string, string>>): Promise<void> {
  member.server = await member.server.restart(env);
}

test('records that nobody can decode are parked, and their neighbours hardly notice', async () => {
  await using testSessions = new TestSessions(gateway(), 'bidi');
  const { session } = await testSessions.connect();
  await session.ask('Are you awake?');
  const producer = kafka.producer();
  await producer.connect();
  const headers = { ce_type: 'chat_events.v1.MessageReceived' };
  const took: { readonly answer: number; readonly shown: number }[] = [];
  for (let round = 0; round < 5; round += 1) {
    // Beside it, before it and behind it.
    const asking = [tookMs(session, `Before ${round}?`)];
    await producer.send({ topic, messages: [{ key: 'c', partition: 0, headers, value: Buffer.from([0xff, round]) }] });
    asking.push(tookMs(session, `Behind ${round}?`));
    took.push(...(await Promise.all(asking)));
  }
  await producer.disconnect();
  const longest = Math.max(...took.flatMap(({ answer, shown }) => [answer, shown]));
  console.info(`beside 5 poison records the slowest of 10 messages took ${Math.round(longest)} ms`);
  expect(longest).toBeLessThanOrEqual(maxDelayMs);
  const items = await parked();
  expect(items.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'PARKED_KIND_UNDECODABLE'));
  const refused = ask('OperationsService', 'ReplayParked', { place: items[0].place });
  await expect(refused).rejects.toMatchObject({ reason: 'STILL_UNDECODABLE' });
});

test('a message that costs three workers is parked, its neighbours go on, and it is answered when it is replayed', async () => {
  const worker = cluster.member('worker-0');
  await restart(worker, slow);
  await using testSessions = new TestSessions(gateway(), 'bidi');
  const { session } = await testSessions.connect();
  const { messageId } = await session.text('xylophone', 'seven');
  for (const lost of [1, 2, 3]) {
    await eventually(
      () => steps(messageId),
      (told) => told.filter(({ event }) => event === 'ReplyStarted').length === lost,
      takenUpMs,
    );
    await restart(worker, lost < 3 ? {} : atOnce);
  }
  const given = await session.find('rejected', (body) => body.messageId === messageId, takenUpMs);
  expect(given).toMatchObject({ reason: 'POISON' });
  const neighbour = (await testSessions.connect()).session;
  expect((await tookMs(neighbour, 'And I?')).answer).toBeLessThanOrEqual(maxDelayMs);
  const [item] = await parked();
  expect(item).toMatchObject({ kind: 'PARKED_KIND_POISON', messageId, replayMessageId: '' });
  const replayed = await ask('OperationsService', 'ReplayParked', { messageId });
  expect(await session.reply(replayed.messageId)).toMatchObject({ status: 'MESSAGE_STATUS_COMPLETED' });
  // The list is history's, which follows the log; the reply came by the bus.
  await eventually(parked, ([first]) => first?.replayMessageId === replayed.messageId);
  const audit = await runParley(['audit', '--json'], cluster.env);
  expect(JSON.parse(audit.stdout)).toMatchObject({ breaches: [], messages: { failed: { POISON: 1 }, pending: 0 } });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { textOf } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp, timestampMs } from '../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

/** What a poison record or message may cost those beside it. */
const maxDelayMs = 5_000;
const topic = 'parley.conversations';
/** Everybody is everybody's neighbour. */
const onePartition = { PARLEY_PARTITIONS: '1' };
const atOnce = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-parked-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function ask(server: ParleyServer, method: string, request: object): Promise<Dynamic> {
  const operations = clientOf('chat.v1.OperationsService', server.address);
  try {
    return await call(operations, method, request);
  } finally {
    hangUp(operations);
  }
}

async function steps(server: ParleyServer, messageId: string): Promise<Dynamic[]> {
  return (await ask(server, 'ExplainMessage', { messageId })).steps;
}

/** How long a message waited for its worker, by the log's clock. */
async function waitedMs(server: ParleyServer, messageId: string): Promise<number> {
  const of = (await steps(server, messageId)).filter(({ event }) => /^(MessageReceived|ReplyStarted)$/.test(event));
  const [received, started] = of.map(({ time }) => timestampMs(time));
  return started! - received!;
}

const parked = async (server: ParleyServer): Promise<Dynamic[]> => (await ask(server, 'ListParked', {})).parked;
/** Its workers are given the time to say that they were not lost. */
const anyDeadLetter = (server: ParleyServer) =>
  eventually(
    () => parked(server),
    (items) => items.length > 0,
  );
const parley = (server: ParleyServer, ...args: string[]) =>
  runParley([...args, '--address', server.address, '--time-zone', 'UTC'], {});

test('a message that costs three workers is parked, its neighbours go on, and it is answered when it is replayed', async () => {
  await using resources = new AsyncDisposableStack();
  let server = await startServer({ dataDir, env: { ...onePartition, PARLEY_SIMULATED_TEXT_DELAY_MS: '60000' } });
  resources.defer(() => server[Symbol.asyncDispose]());
  const said = await (async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId, welcome } = await testSessions.connect();
    return { clientId, conversationId: welcome.conversationId, ...(await session.text('xylophone', 'seven')) };
  })();
  for (const lost of [1, 2, 3]) {
    await eventually(
      () => steps(server, said.messageId),
      (told) => told.filter(({ event }) => event === 'ReplyStarted').length === lost,
    );
    server = await server.restart(lost < 3 ? {} : atOnce);
  }
  await using testSessions = new TestSessions(server, 'bidi');
  const neighbour = (await testSessions.connect()).session;
  const { accepted } = await neighbour.ask('And I?');
  expect(await waitedMs(server, accepted.messageId)).toBeLessThanOrEqual(maxDelayMs);

  const [item, ...others] = await anyDeadLetter(server);
  expect(others).toEqual([]);
  expect(item).toMatchObject({
    kind: 'PARKED_KIND_POISON',
    messageId: said.messageId,
    conversationId: said.conversationId,
    reason: '3 workers were lost answering it.',
    replayTime: null,
  });
  const shown = await parley(server, 'parked');
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(said.messageId) });
  expect(JSON.stringify(item) + shown.stdout).not.toContain('xylophone');

  // Whoever is there hears the answer as it comes.
  const { clientId, conversationId } = said;
  const { session } = await testSessions.connect({ clientId, conversationId });
  const replayed = await parley(server, 'replay', said.messageId);
  expect(replayed).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/ is replayed as message \S+, at parley\./),
  });
  const [, replayId = ''] = / as message (\S+),/.exec(replayed.stdout) ?? [];
  const answer = await session.reply(replayId);
  expect([...session.pieces(answer.messageId).values()]).toEqual([textOf(answer)]);
  const again = await ask(server, 'ReplayParked', { messageId: said.messageId });
  expect(again).toMatchObject({ messageId: replayId, alreadyReplayed: true });
  expect(await parked(server)).toMatchObject([{ messageId: said.messageId, replayMessageId: replayId }]);

  const back = testSessions.dial({ clientId, conversationId, afterSequence: 0 });
  expect(await back.ended).toMatchObject({ reason: 'ALREADY_CONNECTED' });
  await session.goodbye();
  const { messages } = await (async () => {
    const history = clientOf('chat.v1.HistoryService', server.address);
    const { sequence: atLeastSequence } = answer;
    try {
      return await call(history, 'ListMessages', { conversationId, atLeastSequence });
    } finally {
      hangUp(history);
    }
  })();
  expect(messages.map(({ clientMessageId, status }: Dynamic) => [clientMessageId, status])).toEqual([
    ['seven', 'MESSAGE_STATUS_FAILED'],
    ['seven~replay-1', 'MESSAGE_STATUS_COMPLETED'],
    ['', 'MESSAGE_STATUS_COMPLETED'],
  ]);
  expect(await runParley(['audit'], { PARLEY_DATA_DIR: dataDir })).toMatchObject({ code: 0 });
});

describe('a record that nobody can decode', () => {
  /** Something that another program, or a defect, might write. */
  const garbage = {
    topic,
    partition: 0,
    key: 'c',
    headers: { ce_type: 'chat_events.v1.MessageReceived' },
    value: new Uint8Array([0xff, 0xff, 0xff]),
  };

  /** A message that waits behind it. */
  async function started(): Promise<{ readonly server: ParleyServer; readonly waiting: Dynamic }> {
    const slow = { ...onePartition, PARLEY_SIMULATED_TEXT_DELAY_MS: '60000' };
    const server = await startServer({ dataDir, env: slow });
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    const waiting = await session.text('I was here before');
    await server.stop('SIGKILL');
    {
      await using log = await openSqliteLog({
        mode: 'write',
        dataDir,
        topics: { [topic]: 1, 'parley.connections': 1 },
      });
      await log.append([garbage]);
    }
    return { server: await server.restart(atOnce), waiting };
  }

  test('is parked, its neighbours go on, and a replay is refused as long as nobody can', async () => {
    const { server, waiting } = await started();
    await using _server = server;
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    const { accepted } = await session.ask('I came behind it');
    expect(await waitedMs(server, accepted.messageId)).toBeLessThanOrEqual(maxDelayMs);
    await eventually(
      () => steps(server, waiting.messageId),
      (told) => told.at(-1).event === 'ReplyCompleted',
    );
    const [item, ...others] = await parked(server);
    expect(others).toEqual([]);
    expect(item).toMatchObject({ kind: 'PARKED_KIND_UNDECODABLE', place: { topic, partition: 0 }, messageId: '' });
    const place = `${topic}/0/${item.place.offset}`;
    const shown = await parley(server, 'parked', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ kind: 'undecodable', place: item.place, reason: item.reason });
    const refused = await parley(server, 'replay', place);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('STILL_UNDECODABLE') });
    expect(refused.stderr).toContain(item.reason);
    const metrics = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
    expect(metrics).toContain('parley_parked_records_total 1');
  });
});

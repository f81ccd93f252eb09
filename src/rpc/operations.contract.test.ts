import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { allHaveLeft } from '../testing/arrivals.ts';
import { shapes } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, type DynamicClient, hangUp, timestampMs } from '../testing/contract.ts';
import { picture } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';
import { upload } from '../testing/uploads.ts';

let server: ParleyServer;
const clients: DynamicClient[] = [];

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_MAX_CLIENTS: '3',
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_PIECES: '20',
      // Slow enough for a reply to be looked at while it is under way, on any machine.
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '200',
    },
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) hangUp(client);
  // Slots are few: the next test is not to find them taken by those of the one before.
  await allHaveLeft(server);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

function client(service: string): DynamicClient {
  const made = clientOf(service, server.address);
  clients.push(made);
  return made;
}

const usage = () => call(client('chat.v1.OperationsService'), 'GetUsage', {});

describe('OperationsService', () => {
  test('GetUsage counts clients, those in line, and messages in processing and queued', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    await testSessions.connect();
    await testSessions.connect();
    await testSessions.dial({ waitForSlotMs: 20_000 }).find('waiting');
    await session.text('a long answer, please');
    await session.text('and another after it');
    // Messages are counted by a read model, which follows the log.
    const used = await eventually(
      usage,
      ({ activeClients, waitingClients, processing, queued }) =>
        activeClients === 3 && waitingClients === 1 && processing === 1 && queued === 1,
    );
    expect(used).toMatchObject({ maxClients: 3, maxProcessing: 500 });
  });

  test('GetUsage has what this gateway has counted since its start', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const before = (await usage()).counts;
    const { session } = await testSessions.connect();
    await session.ask('Count me.');
    await expect(session.ask(' ')).rejects.toMatchObject({ reason: 'EMPTY_MESSAGE' });
    const { counts } = await usage();
    expect(counts.gatewayId).toBe(before.gatewayId);
    expect(timestampMs(counts.startTime)).toBe(timestampMs(before.startTime));
    expect(counts.acceptedMessages - before.acceptedMessages).toBe(1);
    expect(counts.endedMessages - before.endedMessages).toBe(1);
    const empty = ({ refusals }: Dynamic) => refusals.find(({ reason }: Dynamic) => reason === 'EMPTY_MESSAGE')?.count;
    expect(empty(counts) - (empty(before) ?? 0)).toBe(1);
  });

  test('GetUsage tells of one client what it keeps, and of none unless asked', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId } = await testSessions.connect();
    await upload({ address: server.address, clientId }, picture);
    const { accepted } = await session.ask('What do I keep?');
    expect(accepted.sequence).toBeGreaterThan(0);
    const of = () => call(client('chat.v1.OperationsService'), 'GetUsage', { clientId });
    const { client: kept } = await eventually(of, (answer) => answer.client.messages === 2);
    expect(kept).toMatchObject({
      conversations: 1,
      maxHistoryBytes: 0,
      mediaObjects: 1,
      mediaBytes: picture.bytes.length,
      maxMediaBytes: 1_073_741_824,
      messagesLeft: expect.any(Number),
    });
    expect(kept.historyBytes).toBeGreaterThan(2 * 256);
    expect(kept.writesLeft).toBeGreaterThan(0);
    expect(kept.writesLeft).toBeLessThanOrEqual(600);
    expect((await usage()).client).toBeNull();
  });

  test('GetUsage is back at zero when everybody has left', async () => {
    const empty = (answer: Dynamic) =>
      answer.activeClients === 0 && answer.waitingClients === 0 && answer.processing === 0 && answer.queued === 0;
    expect(await eventually(usage, empty)).toMatchObject({ oldestQueuedMs: 0 });
  });

  test('ListActiveConnections tells who is there, oldest first, by pages', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const first = await testSessions.connect({ timeZone: 'Asia/Tokyo' });
    const second = await testSessions.connect({ timeZone: 'America/Lima' });
    await second.session.text('I speak');
    const operations = client('chat.v1.OperationsService');
    const list = (request: object) => call(operations, 'ListActiveConnections', request);
    const spoke = (page: Dynamic) => page.connections.length === 2 && page.connections[1].hasSpoken;
    const { connections } = await eventually(() => list({}), spoke);
    expect(connections[0]).toMatchObject({
      sessionId: first.welcome.sessionId,
      clientId: first.clientId,
      conversationId: first.welcome.conversationId,
      timeZone: 'Asia/Tokyo',
      hasSpoken: false,
    });
    expect(connections[1]).toMatchObject({ clientId: second.clientId, timeZone: 'America/Lima' });
    expect(connections[0].gatewayId).not.toBe('');
    const page = await list({ pageSize: 1 });
    expect(page.connections).toHaveLength(1);
    const rest = await list({ pageSize: 1, pageToken: page.nextPageToken });
    expect(rest.connections[0].clientId).toBe(second.clientId);
    expect(rest.nextPageToken).toBe('');
  });

  test.each(shapes)('DisconnectClient ends the session with the reason told (%s)', async (shape) => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    await call(client('chat.v1.OperationsService'), 'DisconnectClient', { clientId, reason: 'maintenance at noon' });
    const refused = await refusalOf(session);
    expect(refused).toMatchObject({ code: 'ABORTED', reason: 'DISCONNECTED', domain: 'parley' });
    expect(refused.message).toContain('maintenance at noon');
    await testSessions.connect({ clientId });
  });

  test('ExplainMessage tells a message’s life in log order, of its reply the same, and none of its words', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId, welcome } = await testSessions.connect();
    const { accepted, reply } = await session.ask('a word that nobody else says: xylophone');
    const operations = client('chat.v1.OperationsService');
    const { steps } = await call(operations, 'ExplainMessage', { messageId: accepted.messageId });
    expect(steps.map((step: Dynamic) => step.event)).toEqual(['MessageReceived', 'ReplyStarted', 'ReplyCompleted']);
    expect(timestampMs(steps[0].time)).toBe(timestampMs(accepted.createTime));
    expect(timestampMs(steps[2].time)).toBe(timestampMs(reply.createTime));
    expect(steps[0].detail).toContain(`from client ${clientId} in conversation ${welcome.conversationId}`);
    expect(steps[1].detail).toMatch(/^attempt 1 by worker \S+; the message had waited/);
    expect(JSON.stringify(steps)).not.toContain('xylophone');
    expect(await call(operations, 'ExplainMessage', { messageId: reply.messageId })).toEqual({ steps });
  });

  test('ExplainMessage tells how a message stands that was just accepted', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    await session.text('a long answer, please');
    const { messageId } = await session.text('and another after it');
    const { steps } = await call(client('chat.v1.OperationsService'), 'ExplainMessage', { messageId });
    expect(steps.at(-1)).toMatchObject({
      event: 'Now',
      detail: expect.stringContaining('ahead of it 1 unanswered message of its conversation'),
    });
  });

  test.each(['', 'never-was', 'x'.repeat(10_000)])('ExplainMessage answers NOT_FOUND for %.9j', async (messageId) => {
    const refused = call(client('chat.v1.OperationsService'), 'ExplainMessage', { messageId });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND', domain: 'parley' });
  });

  test('ListParked tells that nothing is, and ReplayParked refuses what was not', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { messageId } = (await (await testSessions.connect()).session.ask('a short answer, please')).accepted;
    const operations = client('chat.v1.OperationsService');
    expect(await call(operations, 'ListParked', {})).toEqual({ parked: [], nextPageToken: '' });
    const place = { topic: 'parley.conversations', partition: 0, offset: 0 };
    const refusals: readonly (readonly [object, string, string])[] = [
      [{ messageId }, 'FAILED_PRECONDITION', 'NOT_REPLAYABLE'],
      [{ messageId: 'never-was' }, 'NOT_FOUND', 'NOT_FOUND'],
      [{ place }, 'NOT_FOUND', 'NOT_FOUND'],
      [{ place: { ...place, topic: 'x'.repeat(10_000) } }, 'NOT_FOUND', 'NOT_FOUND'],
      [{ place: { ...place, partition: -1, offset: -1 } }, 'NOT_FOUND', 'NOT_FOUND'],
      [{ place: { ...place, offset: '9223372036854775807' } }, 'INVALID_ARGUMENT', 'FRAME_INVALID'],
      [{}, 'INVALID_ARGUMENT', 'FRAME_INVALID'],
    ];
    for (const [request, code, reason] of refusals)
      await expect(call(operations, 'ReplayParked', request)).rejects.toMatchObject({ code, reason });
    await expect(call(operations, 'ListParked', { pageSize: -1 })).rejects.toMatchObject({
      reason: 'PAGE_TOKEN_INVALID',
    });
  });

  test('DisconnectClient answers NOT_FOUND for a client that is not connected', async () => {
    const refused = call(client('chat.v1.OperationsService'), 'DisconnectClient', {
      clientId: 'nobody',
      reason: 'none',
    });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND', domain: 'parley' });
  });
});

describe('SpendingService', () => {
  const spending = (method: string, request: object) => call(client('chat.v1.SpendingService'), method, request);
  const model = { provider: 'simulated', model: 'simulated', inputPerMillion: 1_000_000, outputPerMillion: 3_000_000 };

  test('a reply costs what was in force when it began, and reports say so', async () => {
    await expect(spending('GetPriceList', {})).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    const { priceList: list } = await spending('SetPriceList', { currency: 'EUR', prices: [model] });
    expect(list).toMatchObject({ version: 1, setBy: '', currency: 'EUR', prices: [model] });
    expect(list.prices[0]).toMatchObject({ cachedInputPerMillion: 1_000_000, pictureOut: 0 });
    expect(Date.now() - timestampMs(list.setTime)).toBeLessThan(60_000);
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId } = await testSessions.connect();
    await session.ask('What does it cost?');
    await spending('SetPriceList', { currency: 'EUR', prices: [] });
    await session.ask('And now?');
    const filter = `client = ${JSON.stringify(clientId)}`;
    const { total, currency } = await eventually(
      () => call(client('chat.v1.UsageService'), 'QueryUsage', { filter, groupBy: ['USAGE_GROUPING_DAY'] }),
      (report) => report.total.completed === 2,
    );
    expect({ currency, priced: total.priced }).toEqual({ currency: 'EUR', priced: 1 });
    expect(total.costMicros).toBeGreaterThan(3);
    expect(total.costMicros).toBeLessThan(total.inputTokens + 3 * total.outputTokens);
    expect(await spending('GetPriceList', { version: 1 })).toEqual({ priceList: list });
    expect(await spending('GetPriceList', {})).toMatchObject({ priceList: { version: 2, prices: [] } });
    await expect(spending('GetPriceList', { version: 3 })).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test.each([
    [{ currency: 'euro', prices: [] }, ['currency']],
    [
      {
        currency: 'EUR',
        prices: [
          { ...model, model: '' },
          { ...model, pictureIn: -1 },
        ],
      },
      ['prices[0].model', 'prices[1]'],
    ],
  ])('refuses %j', async (request, fields) => {
    const refusal = { code: 'INVALID_ARGUMENT', reason: 'FRAME_INVALID', fields };
    await expect(spending('SetPriceList', request)).rejects.toMatchObject(refusal);
  });
});

describe('UsageService', () => {
  const query = (question: object) => call(client('chat.v1.UsageService'), 'QueryUsage', question);

  test('sums up what replies used, by client, model and time', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId } = await testSessions.connect();
    await session.ask('What does it cost?');
    await session.ask('And that?');
    const filter = `client = ${JSON.stringify(clientId)}`;
    const groupBy = ['USAGE_GROUPING_MODEL', 'USAGE_GROUPING_HOUR'];
    const report = await eventually(
      () => query({ filter, groupBy }),
      ({ total }) => total.completed === 2,
    );
    const { rows, total, fromTime, toTime, nextPageToken } = report;
    expect({ fromTime, toTime, nextPageToken }).toEqual({ fromTime: null, toTime: null, nextPageToken: '' });
    // Between the two an hour may have begun.
    for (const row of rows) {
      expect(row).toMatchObject({ clientId, provider: 'simulated', model: 'simulated', failed: 0, estimated: 0 });
      expect(Date.now() - timestampMs(row.startTime)).toBeLessThan(2 * 3_600_000);
      expect(timestampMs(row.startTime) % 3_600_000).toBe(0);
    }
    const sum = (field: string) => rows.reduce((all: number, row: Dynamic) => all + row[field], 0);
    for (const field of ['completed', 'inputTokens', 'outputTokens']) expect(sum(field)).toBe(total[field]);
    expect(total.inputTokens).toBeGreaterThan(1);
    expect(total).toMatchObject({ clientId, model: '', startTime: null });
  });

  test('says at which full hours its sums begin and end', async () => {
    const fromTime = { seconds: 1_700_000_100, nanos: 5 };
    const report = await query({ fromTime, toTime: { seconds: 1_700_010_001, nanos: 0 } });
    expect(timestampMs(report.fromTime)).toBe(Date.parse('2023-11-14T22:00:00Z'));
    expect(timestampMs(report.toTime)).toBe(Date.parse('2023-11-15T02:00:00Z'));
    expect(report).toMatchObject({ rows: [], total: { completed: 0 } });
  });

  test.each([
    [{ groupBy: ['USAGE_GROUPING_UNSPECIFIED'] }, 'group_by'],
    [{ groupBy: [77] }, 'group_by'],
    [{ groupBy: ['USAGE_GROUPING_DAY', 'USAGE_GROUPING_HOUR'] }, 'group_by'],
    [{ filter: 'client > "x"' }, 'filter'],
    [{ fromTime: { seconds: 9 }, toTime: { seconds: 5 } }, 'to_time'],
  ])('refuses %j', async (question, field) => {
    const refusal = { code: 'INVALID_ARGUMENT', reason: 'FRAME_INVALID', fields: [field] };
    await expect(query(question)).rejects.toMatchObject(refusal);
  });
});

describe('health', () => {
  test.each(['', 'chat.v1.ChatService', 'chat.v1.HistoryService', 'chat.v1.UsageService', 'chat.v1.OperationsService'])(
    'Check says SERVING for "%s"',
    async (service) => {
      expect(await call(client('grpc.health.v1.Health'), 'Check', { service })).toEqual({ status: 'SERVING' });
    },
  );

  test('Check answers NOT_FOUND for a service that is none', async () => {
    await expect(call(client('grpc.health.v1.Health'), 'Check', { service: 'chat.v1.Nonsense' })).rejects.toMatchObject(
      { code: 'NOT_FOUND' },
    );
  });

  test('Watch begins with how it stands', async () => {
    const watch = client('grpc.health.v1.Health')['Watch']({ service: '' });
    const first = await new Promise((resolve, reject) => watch.once('data', resolve).on('error', reject));
    expect(first).toEqual({ status: 'SERVING' });
    watch.on('error', () => {});
    watch.cancel();
  });
});

describe('reflection', () => {
  async function ask(request: object): Promise<Dynamic> {
    const stream = client('grpc.reflection.v1.ServerReflection')['ServerReflectionInfo']();
    const answer = new Promise((resolve, reject) => stream.once('data', resolve).on('error', reject));
    stream.write(request);
    const first = await answer;
    stream.end();
    return first;
  }

  test('lists every service', async () => {
    const { listServicesResponse } = await ask({ listServices: '' });
    expect(listServicesResponse.service.map((service: Dynamic) => service.name)).toEqual(
      expect.arrayContaining([
        'chat.v1.ChatService',
        'chat.v1.HistoryService',
        'chat.v1.UsageService',
        'chat.v1.OperationsService',
        'chat.v1.MediaService',
        'chat.v1.AccountService',
        'grpc.health.v1.Health',
      ]),
    );
  });

  test.each(['chat.v1.ChatService', 'chat.v1.ServerEvent', 'google.protobuf.Timestamp', 'grpc.health.v1.Health'])(
    'knows the file of %s',
    async (symbol) => {
      const { fileDescriptorResponse } = await ask({ fileContainingSymbol: symbol });
      expect(fileDescriptorResponse.fileDescriptorProto.length).toBeGreaterThan(0);
    },
  );
});

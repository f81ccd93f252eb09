import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { ChatRequest } from '../gen/chat/v1/chat_service.ts';
import { type BidiSession, dial, type Session } from '../testing/black-box-client.ts';
import { clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

jest.setTimeout(600_000);

const mutatedFrames = rounds({ usual: 5_000, long: 20_000 });
const framesPerStream = 5;
const opensAndCloses = rounds({ usual: 4_000, long: 10_000 });
const streamsAtOnce = 50;
const tooLargeBytes = 5 * 2 ** 20;
const memoryBackWithinBytes = 50 * 2 ** 20;
/** Far beyond what any answer takes, on a machine that does other things as well. */
const hangsAfterMs = 60_000;
const warmUpOpens = 1_000;

let server: ParleyServer;
let witness: Session;
let client: DynamicClient;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_MAX_CLIENTS: '500',
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_PIECES: '4',
      PARLEY_STALE_AFTER_MS: '600000',
    },
  });
  witness = dial({ address: server.address, shape: 'bidi' });
  await witness.welcome();
  client = clientOf('chat.v1.ChatService', server.address);
  await atOnce(warmUpOpens, openAndClose);
});
beforeEach(async () => {
  expect((await witness.ask('All is well?')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
});
afterAll(async () => {
  expect((await witness.ask('And still?')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  witness.drop();
  hangUp(client);
  await server?.[Symbol.asyncDispose]();
});

async function residentBytes(): Promise<number> {
  const metrics = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
}

async function atOnce(count: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: streamsAtOnce }, lane));
}

/** A stream on which any bytes can be sent; resolves with the status that ends it, DEADLINE_EXCEEDED when the server lets it hang. */
function rawStream(frames: readonly Buffer[]): Promise<grpc.StatusObject> {
  return new Promise((resolve) => {
    const asTheyAre = (bytes: Buffer) => bytes;
    const stream = client.makeBidiStreamRequest('/chat.v1.ChatService/Chat', asTheyAre, asTheyAre, {
      deadline: Date.now() + hangsAfterMs,
    });
    stream.on('data', () => {});
    stream.on('error', () => {});
    stream.on('status', resolve);
    for (const frame of frames) stream.write(frame);
    stream.end();
  });
}

function frame(value: Parameters<typeof ChatRequest.fromPartial>[0]): Buffer {
  return Buffer.from(ChatRequest.encode(ChatRequest.fromPartial(value)).finish());
}

const hello = () => frame({ frame: { $case: 'hello', value: { clientId: randomUUID(), timeZone: 'Europe/Paris' } } });

function honestFrames(): Buffer[] {
  const message = {
    clientMessageId: randomUUID(),
    parts: [{ value: { $case: 'text' as const, value: 'Hello there' } }],
  };
  return [
    hello(),
    frame({ frame: { $case: 'message', value: message } }),
    frame({ frame: { $case: 'stopMessageId', value: randomUUID() } }),
    frame({ frame: { $case: 'ping', value: {} } }),
    frame({ frame: { $case: 'join', value: { conversationId: randomUUID(), afterSequence: '7' } } }),
  ];
}

/** Flips, drops, inserts and cuts bytes, one to four times. */
function mutated(bytes: Buffer, random: () => number): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + Math.floor(random() * 4); times > 0; times -= 1) {
    const at = Math.floor(random() * (result.length + 1));
    const junk = Buffer.from([Math.floor(random() * 256)]);
    const changes = [
      () => Buffer.concat([result.subarray(0, at), junk, result.subarray(at + 1)]),
      () => Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]),
      () => Buffer.concat([result.subarray(0, at), junk, result.subarray(at)]),
      () => result.subarray(0, at),
      () => Buffer.concat([result, result]),
    ];
    result = Buffer.from(changes[Math.floor(random() * changes.length)]?.() ?? result);
  }
  return result;
}

async function openAndClose(index: number): Promise<void> {
  // A connection each, as clients have: Node itself closes one on which streams are reset by the hundred.
  const session = dial({ address: server.address, shape: 'bidi' }, { clientId: randomUUID() });
  await session.welcome();
  if (index % 2 === 0) await session.goodbye();
  else session.drop();
  await session.ended;
}

test(`${mutatedFrames} mutated frames end their own stream and nothing else`, async () => {
  const random = seededRandom();
  const codes = new Map<string, number>();
  await atOnce(mutatedFrames / framesPerStream, async () => {
    const [first, ...rest] = honestFrames();
    // Half of the streams begin honestly, or nothing behind hello would ever be reached.
    const begin = random() < 0.5 && first !== undefined ? [first] : [];
    const frames = [...begin, ...[first ?? hello(), ...rest].map((bytes) => mutated(bytes, random))].slice(
      0,
      framesPerStream + begin.length,
    );
    const { code } = await rawStream(frames);
    const name = grpc.status[code] ?? String(code);
    codes.set(name, (codes.get(name) ?? 0) + 1);
  });
  console.info(`statuses of mutated streams: ${JSON.stringify(Object.fromEntries(codes))}`);
  expect(server.stderr()).not.toMatch(/unexpected error|fatal error/);
  expect(
    [...codes.keys()].filter((code) => ['UNAVAILABLE', 'UNKNOWN', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(code)),
  ).toEqual([]);
});

test('half-closes and frames in every wrong order end with a status', async () => {
  const frames = honestFrames();
  const orders = [
    [],
    [0],
    ...frames.map((_, index) => [index]),
    [0, 0],
    [1, 0],
    [0, 2, 1],
    [3, 0],
    [0, 4, 1],
    [4, 3, 2, 1, 0],
    [0, 1, 1, 1, 0],
  ];
  for (const order of orders) {
    const { code } = await rawStream(order.map((index) => (index === 0 ? hello() : (frames[index] ?? hello()))));
    expect([grpc.status.OK, grpc.status.INVALID_ARGUMENT, grpc.status.NOT_FOUND]).toContain(code);
  }
});

test('a frame of 5 MiB is refused and its session ends, others do not notice', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  (session as BidiSession).frame({
    message: { clientMessageId: 'large', parts: [{ text: 'x'.repeat(tooLargeBytes) }] },
  });
  expect(await refusalOf(session)).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test(`${opensAndCloses} opens and closes leave no memory behind`, async () => {
  // The first round grows the heap and compiles the code, as any use would: what the second adds would be a leak.
  await atOnce(opensAndCloses, openAndClose);
  const before = await residentBytes();
  await atOnce(opensAndCloses, openAndClose);
  const after = await eventually(residentBytes, (bytes) => bytes - before < memoryBackWithinBytes, 60_000);
  console.info(`resident: ${(before / 2 ** 20).toFixed(0)} MiB before, ${(after / 2 ** 20).toFixed(0)} MiB after`);
});

test('a reader that stops reading is cut with SLOW_CONSUMER and can resume', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, welcome, clientId } = await testSessions.connect();
  const said: string[] = [];
  for (let index = 0; index < 60; index += 1)
    said.push((await session.ask('slowly '.repeat(4_000))).accepted.messageId);
  session.drop();
  const { conversationId } = welcome;
  const slow = testSessions.dial({ clientId, conversationId, resumeToken: welcome.resumeToken });
  slow.pauseReading();
  // It does not read that it is cut, so the server is asked.
  await eventually(
    async () => (await (await fetch(`http://${server.httpAddress}/metrics`)).text()).split('\n'),
    (lines) => lines.includes('parley_sessions_ended_total{reason="SLOW_CONSUMER"} 1'),
    60_000,
  );
  slow.resumeReading();
  expect(await refusalOf(slow)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'SLOW_CONSUMER' });
  const { session: back } = await testSessions.connect({ clientId, conversationId });
  await back.find('message', (message) => message.replyToMessageId === said.at(-1));
  const told = back
    .all('message')
    .filter((message) => message.role === 'ROLE_USER')
    .map((message) => message.messageId);
  expect(told).toEqual(said);
});

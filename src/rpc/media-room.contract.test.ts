import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, hangUp } from '../testing/contract.ts';
import { inlinePart, padded, type Sample, voice } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';
import { putTo, reserve, upload } from '../testing/uploads.ts';

const sampleBytes = 20_000;
/** Two samples, and half of one. */
const maxBytesPerClient = 50_000;
const sample: Sample = { ...voice, bytes: padded(voice, sampleBytes) };
/** Replies have no media. */
const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_VOICE_DELAY_MS: '0', PARLEY_ERASURE_DELAY_MS: '0' };

async function refusal(answer: Promise<unknown>): Promise<CallRefused | MessageRefused> {
  const error = await answer.then(
    () => new Error('it was taken'),
    (why: unknown) => why,
  );
  if (error instanceof CallRefused || error instanceof MessageRefused) return error;
  throw error;
}

async function metric(server: ParleyServer, name: string): Promise<number> {
  const text = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  const [, value] = new RegExp(`^${name.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text) ?? [];
  return Number(value);
}

describe.each(shapes)('a client that keeps as much media as it may, by %s', (shape) => {
  let server: ParleyServer;
  beforeAll(async () => {
    server = await startServer({ env: { ...env, PARLEY_MAX_MEDIA_BYTES_PER_CLIENT: `${maxBytesPerClient}` } });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('stores no more, and goes on with words; another one stores; a deleted conversation gives it back', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId, welcome } = await testSessions.connect();
    const who = { address: server.address, clientId };
    // Used, and not used.
    await upload(who, sample);
    const mediaId = await upload(who, sample);
    await session.say([{ text: 'Listen' }, { media: { mediaId } }], randomUUID());
    expect(await refusal(reserve(who, sample))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'MEDIA_QUOTA_EXCEEDED',
      retryDelayMs: undefined,
    });
    const refused = await refusal(session.say([inlinePart(sample)], randomUUID()));
    expect(refused).toMatchObject({ reason: 'MEDIA_QUOTA_EXCEEDED', retryable: false });
    await session.text('Words go on');
    await upload({ ...who, clientId: `guest-${randomUUID()}` }, sample);
    const history = clientOf('chat.v1.HistoryService', server.address);
    await call(history, 'DeleteConversation', { conversationId: welcome.conversationId });
    hangUp(history);
    await eventually(
      () => reserve(who, sample).catch(() => undefined),
      (reserved) => reserved !== undefined,
    );
  });

  test('stores no more by URLs that it was given before', async () => {
    const who = { address: server.address, clientId: `guest-${randomUUID()}` };
    const reserved = await Promise.all([reserve(who, sample), reserve(who, sample), reserve(who, sample)]);
    const statuses = [];
    for (const one of reserved) statuses.push(await putTo(one, sample.bytes));
    expect(statuses).toEqual([201, 201, 413]);
  });
});

test('what a client keeps is counted after a restart, too', async () => {
  const before = await startServer({ env: { ...env, PARLEY_MAX_MEDIA_BYTES_PER_CLIENT: `${maxBytesPerClient}` } });
  await using _before = before;
  const clientId = `guest-${randomUUID()}`;
  await upload({ address: before.address, clientId }, sample);
  await upload({ address: before.address, clientId }, sample);
  const server = await before.restart();
  await using _server = server;
  const refused = await refusal(reserve({ address: server.address, clientId }, sample));
  expect(refused).toMatchObject({ reason: 'MEDIA_QUOTA_EXCEEDED' });
  expect(await metric(server, 'parley_refused_writes_total{kind="media"}')).toBe(1);
});

test('a disk without room for media takes messages, and says what it has', async () => {
  await using server = await startServer({ env: { ...env, PARLEY_MIN_FREE_DISK_BYTES: `${2 ** 46}` } });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, clientId } = await testSessions.connect();
  const refused = await refusal(reserve({ address: server.address, clientId }, sample));
  expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'MEDIA_STORE_FULL', retryDelayMs: 60_000 });
  const inline = await refusal(session.say([inlinePart(sample)], randomUUID()));
  expect(inline).toMatchObject({ reason: 'MEDIA_STORE_FULL', retryable: true, retryDelayMs: 60_000 });
  await session.ask('Are words taken?');
  expect(await metric(server, 'parley_refused_writes_total{kind="media"}')).toBe(2);
  expect(await metric(server, 'parley_data_folder_min_free_bytes')).toBe(2 ** 46);
  expect(await metric(server, 'parley_data_folder_free_bytes')).toBeGreaterThan(0);
});

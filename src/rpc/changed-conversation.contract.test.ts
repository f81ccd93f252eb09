import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Session, shapes } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, type DynamicClient, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let server: ParleyServer;
let history: DynamicClient;

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '0' } });
  history = clientOf('chat.v1.HistoryService', server.address);
});
afterAll(async () => {
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

const rename = (conversationId: string, title: string) =>
  call(history, 'RenameConversation', { conversationId, title });
const titled = (title: string) => (body: Dynamic) => body.title === title;

/** What has a place in the log, in the order in which it came. */
function told({ events }: Session): readonly string[] {
  return events.flatMap((event) => {
    if (event.event === 'renamed') return [`renamed ${event.renamed.title}`];
    return ['accepted', 'message', 'deleted'].includes(event.event) ? [event.event] : [];
  });
}

function sequences({ events }: Session): readonly number[] {
  return events.flatMap((event) => event[event.event].sequence ?? []);
}

describe.each(shapes)('a session (%s)', (shape) => {
  test('is sent each new title of its conversation and its deletion, in the order of the log', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const { conversationId } = welcome;
    await session.ask('one');
    await rename(conversationId, 'First');
    await session.find('renamed', titled('First'));
    await session.ask('two');
    await rename(conversationId, 'Second');
    // The same title again is another record.
    await rename(conversationId, 'Second');
    await call(history, 'DeleteConversation', { conversationId });
    expect(await session.find('deleted')).toEqual({ conversationId, sequence: expect.any(Number) });
    expect(session.all('renamed')[0]).toEqual({ conversationId, title: 'First', sequence: expect.any(Number) });
    const said = ['accepted', 'message'];
    const changes = ['renamed Second', 'renamed Second', 'deleted'];
    expect(told(session)).toEqual([...said, 'renamed First', ...said, ...changes]);
    expect(sequences(session)).toEqual([...sequences(session)].sort((left, right) => left - right));
  });

  test('is sent the title that it missed in its place when it resumes, and not again after that', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const { conversationId } = welcome;
    const { reply } = await session.ask('one');
    session.drop();
    await rename(conversationId, 'Renamed meanwhile');
    const { resumeToken } = welcome;
    const { session: back } = await testSessions.connect({
      clientId,
      conversationId,
      resumeToken,
      afterSequence: reply.sequence,
    });
    const { sequence } = await back.find('renamed');
    await back.ask('two');
    expect(told(back)).toEqual(['renamed Renamed meanwhile', 'accepted', 'message']);
    await back.goodbye();
    const { session: again } = await testSessions.connect({ clientId, conversationId, afterSequence: sequence });
    await again.ask('three');
    expect(again.all('renamed')).toEqual([]);
  });

  test('is sent nothing of a conversation that it has left, and that one’s title when it comes back', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const { reply } = await session.ask('one');
    await session.join('');
    await rename(welcome.conversationId, 'Renamed elsewhere');
    await session.ask('here');
    expect(session.all('renamed')).toEqual([]);
    await session.join(welcome.conversationId, reply.sequence);
    expect(await session.find('renamed')).toMatchObject({ title: 'Renamed elsewhere' });
  });

  test('of another client is sent nothing', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const { session: other } = await testSessions.connect();
    await rename(welcome.conversationId, 'Not yours');
    await session.find('renamed');
    await other.ask('anything');
    expect(other.all('renamed')).toEqual([]);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { openSqliteLog } from '../../adapters/sqlite/event-log/sqlite-log.ts';
import { Journal, partitionsOf } from '../../app/journal.ts';
import { call, clientOf, type Dynamic, hangUp } from '../../testing/contract.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { runParley, startServer } from '../../testing/server.ts';
import { eventually, TestSessions } from '../../testing/test-sessions.ts';

/** What a client of the embedded server knows when that was killed. */
export interface TestSession {
  readonly clientId: string;
  readonly conversationId: string;
  /** The last message that it has seen. */
  readonly afterSequence: number;
  /** What came after that, which it has not seen, by message id. */
  readonly missed: readonly string[];
  /** Said and not answered when the server was killed. */
  readonly pendingMessageId: string;
}

/** A data folder in which much has happened. */
export interface LivedInFolder extends AsyncDisposable {
  readonly dataDir: string;
  readonly guest: TestSession;
  /** Its words were taken out of the log. */
  readonly erasedConversationId: string;
  /** It was deleted, and its words are still in the log. */
  readonly deletedConversationId: string;
  /** Of everything in that conversation. */
  readonly deletedWords: string;
}

const partitions = 10;
const never = '3600000';

/**
 * Seeded users with media; a guest with messages that it has seen, has missed, and waits to be answered; deleted conversations; then the server is
 * killed. And `titles` more records with words.
 */
export async function livedInFolder(titles: number): Promise<LivedInFolder> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-lived-in-'));
  const env = { PARLEY_DATA_DIR: dataDir };
  const seeded = await runParley(['seed', '--yes'], env);
  if (seeded.code !== 0) throw new Error(seeded.stderr);
  await writeFile(join(dataDir, 'password'), 'correct horse\n');
  await runParley(['user', 'add', 'dora', '--operator', '--password-file', join(dataDir, 'password')], env);
  await rm(join(dataDir, 'password'));
  const seen = await talk(dataDir);
  const left = await leaveUnfinished(dataDir, seen);
  await addTitles(dataDir, titles);
  return { dataDir, ...left, [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true, force: true }) };
}

interface Seen {
  readonly clientId: string;
  readonly conversationId: string;
  readonly afterSequence: number;
  readonly missed: readonly string[];
  readonly erasedConversationId: string;
}

/** A conversation that goes on after the client has gone, and one that is deleted and erased. */
async function talk(dataDir: string): Promise<Seen> {
  const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_ERASURE_DELAY_MS: '0' };
  await using server = await startServer({ dataDir, env });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, welcome, clientId } = await testSessions.connect();
  const { reply } = await session.ask('What do I see of this?');
  const missed: string[] = [];
  for (const text of ['And of this?', 'And of that?']) {
    const { accepted, reply: unseen } = await session.ask(text);
    missed.push(accepted.messageId, unseen.messageId);
  }
  const erased = await session.join('');
  await session.ask('Forget this at once');
  await remove(server.address, erased.conversationId);
  const log = () => runParley(['tail', '--no-follow', '--lines', '1000'], { PARLEY_DATA_DIR: dataDir });
  await eventually(log, ({ stdout }) => stdout.includes(`ConversationErased conversationId=${erased.conversationId}`));
  await server.stop('SIGTERM');
  const { conversationId } = welcome;
  return {
    clientId,
    conversationId,
    afterSequence: Number(reply.sequence),
    missed,
    erasedConversationId: erased.conversationId,
  };
}

/** One more message that is not answered, a deletion that is not followed by its erasure; then kill -9. */
async function leaveUnfinished(dataDir: string, { missed, erasedConversationId, ...seen }: Seen) {
  const deletedWords = 'never to be read again';
  {
    const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_ERASURE_DELAY_MS: '60000' };
    await using server = await startServer({ dataDir, env });
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome } = await testSessions.connect();
    await session.ask(deletedWords);
    await remove(server.address, welcome.conversationId);
    await server.stop('SIGKILL');
    await using slow = await startServer({ dataDir, env: { ...env, PARLEY_SIMULATED_TEXT_DELAY_MS: never } });
    await using others = new TestSessions(slow, 'bidi');
    const { session: again } = await others.connect(seen);
    const pending = await again.text('Who will answer this?');
    await slow.stop('SIGKILL');
    const guest: TestSession = { ...seen, missed: [...missed, pending.messageId], pendingMessageId: pending.messageId };
    return { guest, erasedConversationId, deletedConversationId: String(welcome.conversationId), deletedWords };
  }
}

async function remove(address: string, conversationId: string): Promise<Dynamic> {
  const history = clientOf('chat.v1.HistoryService', address);
  try {
    return await call(history, 'DeleteConversation', { conversationId });
  } finally {
    hangUp(history);
  }
}

async function addTitles(dataDir: string, titles: number): Promise<void> {
  const counts = partitionsOf('parley', partitions);
  await using log = await openSqliteLog({ mode: 'write', dataDir, topics: counts });
  const journal = new Journal(log, eventCodec, 'parley');
  const appends = Array.from({ length: titles }, (_, index) => {
    const conversationId = `titled-${index % 500}`;
    const event = { type: 'ConversationRenamed', conversationId, title: `Title ${index} `.repeat(10) } as const;
    return journal.appendConversation(nodeCryptoIds.partition(conversationId, partitions), conversationId, [event]);
  });
  await Promise.all(appends);
}

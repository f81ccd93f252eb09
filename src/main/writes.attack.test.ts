import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { maxRecordsPerWrite } from '../app/rate-limits/client-writes.ts';
import { startTarget, type Target } from '../testing/attacks/target.ts';
import { type Attempts, inTightLoop, recordsWrittenBy, refusalIn } from '../testing/attacks/writes.ts';
import { dial, type Session } from '../testing/black-box-client.ts';
import { type CallRefused, call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { picture, sha256 } from '../testing/media-samples.ts';

/** Few, so that an attack of seconds shows whether the bound holds. */
const perMinute = 60;
const attackMs = 4_000;

let target: Target;
const clients = new Map<string, DynamicClient>();

beforeAll(async () => {
  target = await startTarget({ PARLEY_WRITES_PER_CLIENT_PER_MINUTE: String(perMinute) });
  for (const service of ['ChatService', 'HistoryService', 'MediaService'])
    clients.set(service, clientOf(`chat.v1.${service}`, target.server.address));
});
afterAll(async () => {
  for (const client of clients.values()) hangUp(client);
  await target?.[Symbol.asyncDispose]();
});

function client(service: string): DynamicClient {
  const found = clients.get(service);
  if (found === undefined) throw new Error(`no client of ${service}`);
  return found;
}

const chat = (method: string, request: object) => refusalIn(call(client('ChatService'), method, request));
const history = (method: string, request: object) => refusalIn(call(client('HistoryService'), method, request));

/** A client with a session, and what it does in a loop. */
type Attack = (
  clientId: string,
) => Promise<{ readonly session?: Session; readonly act: () => Promise<CallRefused | null> }>;

async function sessionOf(clientId: string) {
  const session = dial({ address: target.server.address, shape: 'split', client: client('ChatService') }, { clientId });
  const { sessionId, conversationId } = await session.welcome();
  return { session, sessionId, conversationId };
}

/** Opens a session, a new conversation with it, and leaves as soon as it is let in. */
const opens: Attack = async (clientId) => ({
  async act() {
    const session = dial(
      { address: target.server.address, shape: 'bidi', client: client('ChatService') },
      { clientId },
    );
    await session.welcome().catch(() => undefined);
    session.drop();
    return session.ended;
  },
});

const renames: Attack = async (clientId) => {
  const { session, conversationId } = await sessionOf(clientId);
  await session.ask('What shall it be called?');
  return { session, act: () => history('RenameConversation', { conversationId, title: randomUUID() }) };
};

const deletions: Attack = async (clientId) => {
  const { session } = await sessionOf(clientId);
  return {
    session,
    act: async () =>
      refusalIn(
        session.join('').then(async ({ conversationId }) => {
          const refused = await history('DeleteConversation', { conversationId });
          if (refused !== null) throw refused;
        }),
      ),
  };
};

/** Each stops the reply to a message of its own, several times before there is an end. */
const stops: Attack = async (clientId) => {
  const { session, sessionId } = await sessionOf(clientId);
  return {
    session,
    async act() {
      const said = { clientMessageId: randomUUID(), parts: [{ text: 'What time is it?' }] };
      const sent = await call(client('ChatService'), 'Send', { sessionId, message: said }).catch(() => undefined);
      if (sent === undefined) return null;
      const { messageId } = sent.accepted;
      const answers = Array.from({ length: 10 }, () => chat('StopReply', { sessionId, messageId }));
      return (await Promise.all(answers)).find((refused) => refused !== null) ?? null;
    },
  };
};

const uploads: Attack = async (clientId) => {
  const { kind, contentType, bytes } = picture;
  const request = { clientId, kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes) };
  return { act: () => refusalIn(call(client('MediaService'), 'CreateUpload', request)) };
};

/** What the setting allows within this time, and one for the moment at which a token comes. */
function maxWrites({ elapsedMs }: Attempts): number {
  return perMinute + Math.floor((perMinute * elapsedMs) / 60_000) + 1;
}

test.each([
  ['opens and closes sessions', opens, { recordsPerWrite: maxRecordsPerWrite, answersMore: false }],
  ['renames', renames, { recordsPerWrite: 1, answersMore: false }],
  // The erasure of one that was deleted is in the log as well.
  ['begins and deletes conversations', deletions, { recordsPerWrite: 2, answersMore: false }],
  ['creates uploads', uploads, { recordsPerWrite: 0, answersMore: false }],
  // Stops that come when a reply has ended write nothing, and are answered.
  ['stops replies', stops, { recordsPerWrite: 1, answersMore: true }],
])('a client that %s in a loop writes no more than it may', async (_, attack, { recordsPerWrite, answersMore }) => {
  const clientId = `attacker-${randomUUID()}`;
  const startMs = performance.now();
  const { session, act } = await attack(clientId);
  const attacking = inTightLoop(attackMs, act);
  await target.honestClientIsServed();
  const attempts = await attacking;
  const records = await recordsWrittenBy(clientId, target.server.dataDir);
  session?.drop();
  const allowed = maxWrites({ ...attempts, elapsedMs: performance.now() - startMs });
  const { done, refused } = attempts;
  console.info(`${done} calls were answered, ${refused.length} refused; ${records} records were written`);
  // Its own session is one of them.
  expect(records).toBeLessThanOrEqual(recordsPerWrite * allowed + maxRecordsPerWrite);
  expect(answersMore ? 0 : done).toBeLessThanOrEqual(allowed);
  expect(refused.length).toBeGreaterThan(0);
  for (const { code, retryDelayMs } of refused) {
    expect(code).toBe('RESOURCE_EXHAUSTED');
    expect(retryDelayMs).toBeGreaterThan(0);
    expect(retryDelayMs).toBeLessThanOrEqual(60_000 / perMinute);
  }
  await target.honestClientIsServed();
});

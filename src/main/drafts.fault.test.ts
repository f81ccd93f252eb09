import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { ReplyProgress } from '../domain/conversation/events.ts';
import { type Shape, shapes, textOf } from '../testing/black-box-client.ts';
import { HeldDrafts } from '../testing/held-drafts.ts';
import { conversationEntries } from '../testing/log-oracle.ts';
import { type ChatScript, startOpenAiTestServer } from '../testing/openai-test-server.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

/** Longer than a draft waits for the log, so that some of it is there. */
const shownForMs = 2_500;

interface Interrupted {
  readonly drafts: HeldDrafts;
  readonly replyMessageId: string;
  readonly reply: string;
  /** The last start of an attempt that the client was told of. */
  readonly started: { readonly attempt: number; readonly continuedBytes: number };
  /** What the log has of drafts. */
  readonly written: readonly ReplyProgress[];
}

/** Asks, kills the server in the midst of the reply, starts it again, comes back for the rest, and looks at the log. */
async function interrupted(server: ParleyServer, shape: Shape): Promise<Interrupted> {
  const drafts = new HeldDrafts();
  await using before = new TestSessions(server, shape);
  const { session, welcome, clientId } = await before.connect();
  drafts.follow(session);
  const accepted = await session.text('Tell me a long story of a lighthouse.', 'one');
  await session.find('replyDelta');
  await sleep(shownForMs);
  await using again = await server.restart();
  await using after = new TestSessions(again, shape);
  const { conversationId, resumeToken } = welcome;
  const resumed = after.dial({ clientId, conversationId, resumeToken, afterSequence: Number(accepted.sequence) });
  drafts.follow(resumed);
  await resumed.welcome();
  const reply = await resumed.reply(accepted.messageId);
  const started = resumed.all('replyStarted').at(-1);
  await again.stop('SIGTERM');
  const events = (await conversationEntries(again.dataDir)).flat().map(({ event }) => event);
  expect(await runParley(['audit', '--json'], { PARLEY_DATA_DIR: again.dataDir })).toMatchObject({ code: 0 });
  const written = events.filter((event) => event.type === 'ReplyProgress');
  return { drafts, replyMessageId: reply.messageId, reply: textOf(reply), started, written };
}

test.each(shapes)(
  'the server is killed in the midst of a reply: its text goes on byte for byte from what the client saw (%s)',
  async (shape) => {
    const pieces = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '300' };
    await using server = await startServer({ env: { ...pieces, PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20' } });
    const { drafts, reply, started, replyMessageId, written } = await interrupted(server, shape);
    expect(drafts.takenBack).toEqual([]);
    expect(drafts.texts.get(replyMessageId)).toBe(reply);
    // The second attempt said nothing of what the log had of the first.
    const first = written.findLast(({ attempt }) => attempt === 1);
    const writtenBytes = (first?.offsetBytes ?? 0) + Buffer.byteLength(first?.text ?? '');
    expect(writtenBytes).toBeGreaterThan(0);
    expect(started).toMatchObject({ attempt: 2, continuedBytes: writtenBytes });
    expect(written.find(({ attempt }) => attempt === 2)).toMatchObject({ offsetBytes: writtenBytes });
  },
);

/** A model that goes on with the last message if that is its own, with other words at each call. */
const goesOn: ChatScript = ({ body }, index) => {
  const own = body.messages.at(-1)?.role === 'assistant';
  const pieces = Array.from({ length: 200 }, (_, piece) => `${own ? 'on' : 'from the start'} ${index}/${piece} `);
  return { kind: 'reply', pieces, intervalMs: 20 };
};

test('a model server that goes on from a given beginning is given what the log has', async () => {
  await using model = await startOpenAiTestServer({ script: goesOn });
  const env = { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: model.baseUrl, PARLEY_OPENAI_MODEL: 'any' };
  await using server = await startServer({ env: { ...env, PARLEY_OPENAI_CONTINUES: 'true' } });
  const { drafts, reply, started, replyMessageId } = await interrupted(server, 'bidi');
  const [asked, askedAgain] = model.requests;
  expect(asked?.body.messages.at(-1)).toMatchObject({ role: 'user' });
  const { content } = askedAgain?.body.messages.at(-1) ?? {};
  if (typeof content !== 'string') throw new Error('the beginning is text');
  expect(askedAgain?.body.messages.at(-1)).toMatchObject({ role: 'assistant' });
  expect(reply).toBe(`${content}${Array.from({ length: 200 }, (_, piece) => `on 1/${piece} `).join('')}`);
  expect(started).toMatchObject({ attempt: 2, continuedBytes: Buffer.byteLength(content) });
  expect(drafts.texts.get(replyMessageId)).toBe(reply);
});

test('a model server that does not go on is asked for another reply, and the client is told so', async () => {
  await using model = await startOpenAiTestServer({ script: goesOn });
  const env = { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: model.baseUrl, PARLEY_OPENAI_MODEL: 'any' };
  await using server = await startServer({ env });
  const { drafts, reply, started, replyMessageId } = await interrupted(server, 'bidi');
  expect(started).toMatchObject({ attempt: 2, continuedBytes: 0 });
  expect(reply.startsWith('from the start 1/0 ')).toBe(true);
  expect(drafts.texts.get(replyMessageId)).toBe(reply);
});

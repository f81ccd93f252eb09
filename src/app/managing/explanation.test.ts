import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { ConversationEvent, MessageReceived, ReplyCompleted } from '../../domain/conversation/events.ts';
import type { History, HistoryMessage, HistoryProgress } from '../../ports/history.ts';
import {
  messageReceived,
  replyCompleted,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { ScriptedProvider } from '../../testing/scripted-provider.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { WorkerWorld } from '../../testing/worker-world.ts';
import { anybody, type Caller } from '../caller.ts';
import { Conversations } from '../gateway/conversations.ts';
import { Explanation } from './explanation.ts';

let world: WorkerWorld;
/** What history does not show yet, by message id. */
let hidden: Set<string>;
let deleted: Set<string>;
/** The store that was waited for is not there any more. */
let isReplaced: boolean;

beforeEach(async () => {
  world = await WorkerWorld.open();
  hidden = new Set();
  deleted = new Set();
  isReplaced = false;
});
afterEach(() => world[Symbol.asyncDispose]());

/** As much of history as is asked, read from the log itself. */
const history: Pick<History, 'getConversation' | 'conversationStatus' | 'getMessage'> = {
  getConversation: async (conversationId) =>
    deleted.has(conversationId) ? null : ({ conversationId, clientId: 'client' } as never),
  conversationStatus: async (conversationId) => (deleted.has(conversationId) ? 'deleted' : 'present'),
  getMessage: async (messageId) => {
    if (hidden.has(messageId)) return null;
    for (const { offset, decoded } of await world.entries()) {
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      if (event.type === 'MessageReceived' && event.messageId === messageId) return said(event, offset);
      if (event.type === 'ReplyCompleted' && event.replyMessageId === messageId) return replied(event, offset);
    }
    return null;
  },
};

const said = (event: MessageReceived, sequence: number) =>
  ({ ...event, sequence, role: 'user', replyToMessageId: '' }) as unknown as HistoryMessage;
const replied = (event: ReplyCompleted, sequence: number) =>
  ({ ...event, sequence, role: 'assistant', replyToMessageId: event.messageId }) as unknown as HistoryMessage;

function explanation(): Explanation {
  const { journal } = world;
  const progress: HistoryProgress = {
    checkpoint: () => Number.MAX_SAFE_INTEGER,
    reached: async () => true,
    whole: async (_upTo, _timeoutMs, ask) => {
      if (isReplaced) return null;
      hidden.clear();
      return { answer: await ask() };
    },
  };
  const conversations = new Conversations({ journal, history, progress, ids: nodeCryptoIds });
  return new Explanation({ journal, history, conversations, clock: systemClock, maxProcessingPerConversation: 1 });
}

const explain = (messageId: string, caller: Caller = anybody) => explanation().explain(caller, messageId);
const names = async (messageId: string) => (await explain(messageId)).map(({ event }) => event);

/** Appends all in one batch, where one after another would take long. */
const appendAll = (events: readonly ConversationEvent[]) => world.journal.appendConversation(0, 'c', events);
const others = (count: number) => Array.from({ length: count }, (_, index) => stopRequested(`x/${index}`));

describe('ExplainMessage', () => {
  test('tells what real workers did: one that stalled, one that took over, and the late reply that did not count', async () => {
    const stalled = world.worker();
    await world.say('c/1', 'ada');
    await eventually(
      async () => stalled.provider.asked,
      (asked) => asked.length === 1,
    );
    const awake = Promise.withResolvers<void>();
    stalled.log.stalled = awake.promise;
    const provider = new ScriptedProvider();
    provider.answer = (call) => call.say('In time.').end();
    world.worker({ provider });
    await world.logged('completed c/1 #2');
    stalled.provider.callFor('c/1').say('Too late.').end();
    awake.resolve();
    await world.logged('completed c/1 #1');
    const steps = await explain('c/1');
    expect(steps.map(({ event }) => event)).toEqual([
      'MessageReceived',
      'ReplyStarted',
      'WorkerClaimed',
      'ReplyStarted',
      'ReplyCompleted',
      'ReplyCompleted',
    ]);
    expect(steps[0]?.detail).toMatch(/^text of 15 characters from client ada in conversation c, at offset \d+ of test/);
    expect(steps[2]?.detail).toMatch(/attempt 1, begun .+ before, is void/);
    expect(steps[4]?.detail).toMatch(/^text of 8 characters by model scripted at worker worker; attempt 2 took/);
    expect(steps[5]?.detail).toMatch(/^did not count: worker worker said it when/);
    expect(steps.every(({ timeMs }, index) => timeMs >= (steps[index - 1]?.timeMs ?? 0))).toBe(true);
  });

  test('tells how a message stands that has no end yet', async () => {
    await world.append(workerClaimed('A'), messageReceived('c/1'));
    const [, now] = await explain('c/1');
    expect(now).toMatchObject({ event: 'Now', detail: expect.stringContaining('waiting; until now') });
    await world.append(replyStarted('c/1', 'A'));
    expect((await explain('c/1')).at(-1)?.detail).toMatch(/^attempt 1 by worker worker of A has been under way/);
  });

  test('of a reply tells what happened to the message that it answers', async () => {
    await world.append(
      workerClaimed('A'),
      messageReceived('c/1'),
      replyStarted('c/1', 'A'),
      replyCompleted('c/1', 'A'),
    );
    expect(await explain('reply to c/1')).toEqual(await explain('c/1'));
  });

  test('finds a message that history does not show yet', async () => {
    await world.append(messageReceived('c/1'));
    hidden.add('c/1');
    expect(await names('c/1')).toEqual(['MessageReceived', 'Now']);
  });

  // Cause: the wait for history ended with what was known of a store that had been replaced since.
  test('does not say that a message never was while a replaced store is folded again', async () => {
    await world.append(messageReceived('c/1'));
    hidden.add('c/1');
    isReplaced = true;
    await expect(explain('c/1')).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
  });

  test('answers NOT_FOUND for what never was and for what was deleted, in history or only in the log', async () => {
    await world.append(messageReceived('c/1'), messageReceived('d/1'));
    await world.append({ type: 'ConversationDeleted', conversationId: 'd' });
    deleted.add('c');
    for (const messageId of ['', 'e/1', 'x'.repeat(1_000), 'c/1', 'd/1'])
      await expect(explain(messageId)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('is for operators', async () => {
    await world.append(messageReceived('c/1'));
    const client = { kind: 'client', clientId: 'client', expireTimeMs: Number.MAX_SAFE_INTEGER } as const;
    await expect(explain('c/1', { ...client, isOperator: false })).rejects.toMatchObject({
      reason: 'OPERATOR_REQUIRED',
    });
    expect(await explain('c/1', { ...client, isOperator: true })).toHaveLength(2);
  });

  test('knows the worker of a claim that is far back, and what lies far ahead of the end', async () => {
    await world.append(workerClaimed('A'));
    await appendAll(others(25_000));
    await world.append(messageReceived('c/0'), messageReceived('c/1'), replyStarted('c/0', 'A'));
    await appendAll([
      ...others(3_000),
      replyCompleted('c/0', 'A'),
      replyStarted('c/1', 'A'),
      replyCompleted('c/1', 'A'),
    ]);
    await appendAll([...others(8_000), replyCompleted('c/1', 'A')]);
    await appendAll([...others(10_000), replyCompleted('c/1', 'A')]);
    const steps = await explain('c/1');
    expect(steps[0]?.detail).toMatch(/ahead of it 1 unanswered message of its conversation; 0 of 50 places/);
    expect(steps.map(({ event }) => event)).toEqual([
      'MessageReceived',
      'ReplyStarted',
      'ReplyCompleted',
      'ReplyCompleted',
    ]);
    expect(steps[2]?.detail).toContain('at worker worker of A');
    expect(steps[3]?.detail).toContain('did not count: the message had ended at offset');
  });

  test('leaves steps out in the middle when there are too many, and says how many', async () => {
    await world.append(workerClaimed('A'), messageReceived('c/1'), replyStarted('c/1', 'A'));
    await appendAll(Array.from({ length: 998 }, () => stopRequested('c/1')));
    await world.append(replyCompleted('c/1', 'A', { outcome: 'stopped' }));
    const steps = await explain('c/1');
    expect(steps).toHaveLength(200);
    expect(steps[100]).toMatchObject({ event: 'More', detail: 'and 802 more steps left out here' });
    expect(steps[0]?.event).toBe('MessageReceived');
    expect(steps.at(-1)?.event).toBe('ReplyCompleted');
  });

  test('lets others have their turn while it reads a long log', async () => {
    await world.append(messageReceived('c/1'));
    await appendAll(others(20_000));
    let turns = 0;
    const count = () => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    await explain('c/1');
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(20);
  });
});

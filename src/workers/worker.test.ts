import { describe, expect, test } from '@jest/globals';
import { checkPartition } from '../domain/conversation/invariants.ts';
import { evolve, initialPartition, pendingMessage } from '../domain/conversation/partition-state.ts';
import { ProviderError } from '../ports/provider.ts';
import {
  messageReceived,
  replyCompleted,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { counted, type WorkerUnderTest, WorkerWorld } from '../testing/worker-world.ts';
import type { Lookups } from './deps.ts';

function answering(answer: (call: ScriptedCall) => void): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = answer;
  return provider;
}

const echo = () => answering((call) => call.say('You said: ', call.request.text).end());

/** Waits until the provider was asked so often in all. */
async function asked(provider: ScriptedProvider, times: number): Promise<void> {
  await eventually(
    async () => provider.asked,
    (ids) => ids.length >= times,
  );
}

/** Waits until another's claim has ended its work; then its group tells it so. */
async function isLost(worker: WorkerUnderTest): Promise<void> {
  await eventually(
    async () => worker.warnings,
    (warnings) => warnings.includes('another worker has claimed the partition'),
  );
  worker.assign([]);
}

async function idle(world: WorkerWorld, messages: number): Promise<void> {
  await eventually(
    () => world.ends(),
    (ends) => ends.length >= messages,
  );
}

describe('a message', () => {
  test('is answered, and its watchers are sent its text, as one piece where the reply is faster than the log', async () => {
    await using world = await WorkerWorld.open();
    const { provider, metrics } = world.worker({ provider: echo() });
    await world.say('c/1');
    const end = await world.ended('completed', 'c/1');
    expect(await world.story()).toEqual(['received c/1', 'started c/1 #1', 'completed c/1 #1']);
    expect(world.live.map(({ offsetBytes, text }) => [offsetBytes, text])).toEqual([[0, 'You said: What about c/1?']]);
    const entries = await world.entries();
    expect(end).toMatchObject({
      attempt: 1,
      sequence: entries.length - 1,
      timeMs: entries.at(-1)?.timeMs,
      parts: [{ kind: 'text', text: 'You said: What about c/1?' }],
      model: 'scripted',
      outcome: 'completed',
    });
    expect(provider.calls[0]?.request).toMatchObject({
      conversationId: 'c',
      timeZone: 'Europe/Paris',
      attempt: 1,
      history: [],
    });
    await counted(metrics, { completed: 1 });
  });

  test('that was received twice is answered once', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker({ provider: echo() });
    await world.say('c/1');
    await world.say('c/1');
    await idle(world, 1);
    await world.say('c/1');
    await world.say('c/2');
    await idle(world, 2);
    expect(provider.asked).toEqual(['c/1', 'c/2']);
  });

  test('waits for the messages before it in its conversation, and for no others', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker();
    for (const id of ['c/1', 'c/2', 'd/1']) await world.say(id);
    await asked(provider, 2);
    expect(provider.asked).toEqual(['c/1', 'd/1']);
    provider.callFor('c/1').say('One.').end();
    await asked(provider, 3);
    expect(provider.asked).toEqual(['c/1', 'd/1', 'c/2']);
    // A call does not wait for the record of its start.
    const story = await world.logged('started c/2 #1');
    expect(story.indexOf('completed c/1 #1')).toBeLessThan(story.indexOf('started c/2 #1'));
  });

  test('of a record that cannot be read, or that a later release wrote, holds up nothing', async () => {
    await using world = await WorkerWorld.open();
    const { metrics } = world.worker({ provider: echo() });
    const record = { topic: 'test.conversations', partition: 0, key: '' };
    const headers = { ce_type: 'chat_events.v1.MessageReceived' };
    await world.journal.log.append([
      { ...record, headers, value: Uint8Array.of(255, 255) },
      { ...record, headers: { ce_type: 'chat_events.v1.AddedLater' }, value: Uint8Array.of() },
    ]);
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    await counted(metrics, { undecodable: 1, unknown: 1, completed: 1 });
  });
});

describe('the limit', () => {
  test('holds in every prefix of the log, and every message is answered', async () => {
    await using world = await WorkerWorld.open();
    for (let n = 0; n < 60; n += 1) await world.say(`c${n}/1`, `client-${n % 7}`);
    const { provider } = world.worker({ settings: { maxProcessingPerPartition: 4 } });
    for (let finished = 0; finished < 60; finished += 1) {
      await asked(provider, finished + 1);
      expect(provider.calls.length - finished).toBeLessThanOrEqual(4);
      provider.calls[finished]?.say('Yes.').end();
    }
    await idle(world, 60);
    let state = initialPartition;
    let most = 0;
    for (const { decoded, offset, timeMs } of await world.entries()) {
      if (decoded.kind === 'event') state = evolve(state, decoded.event, { offset, timeMs });
      expect(checkPartition(state)).toBeNull();
      most = Math.max(most, state.processing);
    }
    expect([most, state.pending.size]).toEqual([4, 0]);
  });

  test('is shared turn by turn: one message of a client waits for one of another, not for a hundred', async () => {
    await using world = await WorkerWorld.open();
    for (let n = 0; n < 20; n += 1) await world.say(`busy${n}/1`, 'busy');
    await world.say('late/1', 'late');
    const { provider } = world.worker({ provider: echo(), settings: { maxProcessingPerPartition: 1 } });
    await idle(world, 21);
    expect(provider.asked.slice(0, 3)).toEqual(['busy0/1', 'late/1', 'busy1/1']);
  });
});

describe('a worker that comes after another', () => {
  test('answers what has no reply, and only that', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker();
    await world.say('d/1');
    await world.say('c/1');
    await asked(first.provider, 2);
    first.provider.callFor('c/1').say('One.').end();
    await world.ended('completed', 'c/1');
    first.provider.callFor('d/1').say('Half of an ans');
    await first.drain(0);
    expect(await world.journal.log.committed('test.workers', 'test.conversations', 0)).toBeGreaterThan(0);
    const second = world.worker({ provider: echo() });
    await world.ended('completed', 'd/1');
    expect(second.provider.asked).toEqual(['d/1']);
    expect((await world.story()).slice(-2)).toEqual(['started d/1 #2', 'completed d/1 #2']);
    expect((await world.ends()).map(({ messageId }) => messageId)).toEqual(['c/1', 'd/1']);
  });

  test('does not answer repeats of messages from before its fold, and asks only about conversations from before', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker({ provider: echo() });
    await world.say('c/1');
    await idle(world, 1);
    await first.drain(1_000);
    const looked: string[] = [];
    const second = world.worker({
      provider: echo(),
      lookups: {
        past: async (_partition, { messageId }) => {
          looked.push(messageId);
          if (looked.length === 1) throw new Error('history is away');
          return messageId === 'c/1' ? 'repeat' : 'none';
        },
      },
    });
    for (const id of ['c/1', 'c/2', 'new/1']) await world.say(id);
    await idle(world, 3);
    expect([...second.provider.asked].sort()).toEqual(['c/2', 'new/1']);
    expect(looked).toEqual(['c/1', 'c/1', 'c/2']);
    expect(second.warnings).toContain('history cannot say whether a message is a repeat');
  });

  test('does not answer what was said in a conversation that was deleted before its fold', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker({ provider: echo() });
    await world.say('c/1');
    await idle(world, 1);
    await first.drain(1_000);
    const { provider } = world.worker({ provider: echo(), lookups: { past: async () => 'deleted' } });
    await world.say('c/2');
    await world.logged('STOPPED c/2 #0');
    expect(provider.asked).toEqual([]);
  });

  // Whoever took a partition could answer nobody in a conversation from before, as long as the read models were away.
  test('knows what was said and deleted lately without asking history', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker({ provider: echo() });
    for (const id of ['old/1', 'c/1', 'd/1']) await world.say(id);
    await idle(world, 3);
    await world.append({ type: 'ConversationDeleted', conversationId: 'd' });
    // Once this is answered the deletion was read.
    await world.say('e/1');
    await idle(world, 4);
    await first.drain(1_000);
    const committed = await world.journal.log.committed('test.workers', 'test.conversations', 0);
    const began = (await world.events()).findIndex(
      (event) => event.type === 'ConversationStarted' && event.conversationId === 'c',
    );
    const looked: string[] = [];
    const past: Lookups['past'] = async (_partition, { messageId }) => {
      looked.push(messageId);
      return 'none';
    };
    const second = world.worker({ provider: echo(), lookups: { past }, lookBackRecords: committed - began });
    for (const id of ['c/1', 'c/2', 'd/2', 'old/2']) await world.say(id);
    await world.logged('completed c/2 #1', 'completed old/2 #1', 'STOPPED d/2 #0');
    expect([...second.provider.asked].sort()).toEqual(['c/2', 'old/2']);
    expect(looked).toEqual(['old/2']);
  });

  // All ids of the log would be in memory at once, where the log is long and the position was lost.
  test('reads a log from its beginning without remembering all of it', async () => {
    await using world = await WorkerWorld.open();
    await world.append({ type: 'ConversationStarted', conversationId: 'old', clientId: 'client' }, workerClaimed('a'));
    // More than is read at once.
    const ids = Array.from({ length: 2_000 }, (_, index) => `c/${index}`);
    const said = ids.flatMap((id) => [messageReceived(id), replyCompleted(id, 'a')]);
    await world.journal.appendConversation(0, 'c', said);
    await world.append(messageReceived('old/1'));
    const looked: string[] = [];
    const past: Lookups['past'] = async (_partition, { messageId }) => {
      looked.push(messageId);
      return 'none';
    };
    const { provider } = world.worker({ provider: echo(), lookups: { past }, windowIds: 10 });
    await asked(provider, 1);
    expect(provider.asked).toEqual(['old/1']);
    expect(looked).toEqual(['old/1']);
  });

  test('gives up a message that lost three workers', async () => {
    await using world = await WorkerWorld.open();
    await world.append(workerClaimed('a'), messageReceived('c/1'));
    for (const [claim, next] of [
      ['a', 'b'],
      ['b', 'd'],
      ['d', 'e'],
    ] as const) {
      await world.append(replyStarted('c/1', claim), workerClaimed(next));
    }
    // The fold knows the whole log, so nobody is asked for what it says.
    const past = () => Promise.reject(new Error('nobody should ask'));
    const { provider, metrics } = world.worker({ lookups: { past }, releasesDueMs: 50 });
    await world.logged('POISON c/1 #1');
    await eventually(
      async () => metrics.counts,
      (counts) => counts['POISON'] === 1,
    );
    expect(provider.calls).toEqual([]);
  });

  test('answers one whose workers say late that they were not lost', async () => {
    await using world = await WorkerWorld.open();
    await world.append(workerClaimed('a'), messageReceived('c/1'));
    for (const [claim, next] of [
      ['a', 'b'],
      ['b', 'd'],
      ['d', 'e'],
    ] as const) {
      await world.append(replyStarted('c/1', claim), workerClaimed(next));
    }
    const { provider, clock } = world.worker({ provider: echo(), releasesDueMs: 60_000_000 });
    await eventually(
      async () => clock.slept,
      (slept) => slept.includes(60_000_000),
    );
    expect(provider.asked).toEqual([]);
    await world.append({ type: 'WorkerReleased', partition: 0, workerId: 'w', claimId: 'b' });
    await world.logged('completed c/1 #2');
  });

  test('takes the partition from one that has stalled, which then writes nothing that counts', async () => {
    await using world = await WorkerWorld.open();
    const stalled = world.worker();
    await world.say('c/1');
    await asked(stalled.provider, 1);
    const awake = Promise.withResolvers<void>();
    stalled.log.stalled = awake.promise;
    const second = world.worker({ provider: echo() });
    await world.ended('completed', 'c/1');
    stalled.provider.callFor('c/1').say('Too late.').end();
    const story = await world.logged('completed c/1 #1', 'completed c/1 #2');
    expect(story.slice(-2)).toEqual(['completed c/1 #2', 'completed c/1 #1']);
    awake.resolve();
    await isLost(stalled);
    expect((await world.ends()).map(({ attempt }) => attempt)).toEqual([2]);
    await world.say('c/2');
    await world.ended('completed', 'c/2');
    expect([stalled.provider.asked, second.provider.asked]).toEqual([['c/1'], ['c/1', 'c/2']]);
  });

  test('is not misled by what a stalled one writes about a message that it is answering itself', async () => {
    await using world = await WorkerWorld.open();
    const stalled = world.worker();
    await world.say('c/1');
    await asked(stalled.provider, 1);
    const awake = Promise.withResolvers<void>();
    stalled.log.stalled = awake.promise;
    const second = world.worker();
    await asked(second.provider, 1);
    stalled.provider.callFor('c/1').say('Too late.').end();
    await world.logged('completed c/1 #1');
    // Read in order, so what the stalled one wrote has been read when this is answered.
    await world.say('d/1');
    await asked(second.provider, 2);
    second.provider.callFor('c/1').say('In time.').end();
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: [{ kind: 'text', text: 'In time.' }] });
    awake.resolve();
  });

  test('makes the one before abort its calls', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker();
    await world.say('c/1');
    await asked(first.provider, 1);
    world.worker();
    await isLost(first);
    expect(first.provider.callFor('c/1').signal.aborted).toBe(true);
  });

  test('takes it again from a former owner whose claim came late, as long as it is its own', async () => {
    await using world = await WorkerWorld.open();
    const { provider, metrics } = world.worker({ provider: echo() });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    await world.append(workerClaimed('late'));
    await world.say('c/2');
    await world.ended('completed', 'c/2');
    expect(provider.asked).toEqual(['c/1', 'c/2']);
    await counted(metrics, { completed: 2 });
  });

  test('leaves a partition that is its own no more without a word, and takes it again when it is', async () => {
    await using world = await WorkerWorld.open();
    const worker = world.worker();
    await world.say('c/1');
    await asked(worker.provider, 1);
    worker.assign([]);
    await eventually(
      async () => worker.provider.callFor('c/1').signal.aborted,
      (aborted) => aborted,
    );
    expect(worker.usage()).toEqual([]);
    expect(await world.story()).toEqual(['received c/1', 'started c/1 #1']);
    worker.provider.answer = (call) => call.say('Now.').end();
    worker.assign([0]);
    await world.ended('completed', 'c/1');
    expect(await world.story()).toEqual(['received c/1', 'started c/1 #1', 'started c/1 #2', 'completed c/1 #2']);
  });
});

describe('stopping', () => {
  async function stop(world: WorkerWorld, messageId: string): Promise<void> {
    await world.append(stopRequested(messageId));
  }

  test('keeps what was said until then', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker();
    await world.say('c/1');
    await asked(provider, 1);
    provider.callFor('c/1').say('Once upon ');
    await world.heard('c/1');
    await stop(world, 'c/1');
    const end = await world.ended('completed', 'c/1');
    expect(end).toMatchObject({ outcome: 'stopped', parts: [{ kind: 'text', text: 'Once upon ' }] });
    expect(provider.callFor('c/1').signal.aborted).toBe(true);
  });

  test('does not wait for a provider that ignores its signal, and tells nothing that it says later', async () => {
    await using world = await WorkerWorld.open();
    const goesOn = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const provider = new ScriptedProvider();
    provider.reply = async function* deaf() {
      try {
        yield 'I will go on ';
        await goesOn.promise;
        yield 'and on.';
      } finally {
        ended.resolve();
      }
    };
    world.worker({ provider });
    await world.say('c/1');
    await world.heard('c/1');
    await stop(world, 'c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'stopped' });
    goesOn.resolve();
    await ended.promise;
    expect(world.live.map(({ text }) => text)).toEqual(['I will go on ']);
    expect((await world.story()).at(-1)).toBe('stopped c/1 #1');
  });

  test('before a word was said is a failure', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker();
    await world.say('c/1');
    await asked(provider, 1);
    await stop(world, 'c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED', clientMessageId: 'chosen c/1' });
  });

  test('of a message that waits makes no call', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker();
    await world.say('c/1');
    await world.say('c/2');
    await asked(provider, 1);
    await stop(world, 'c/2');
    await world.ended('failed', 'c/2');
    provider.callFor('c/1').say('One.').end();
    await world.ended('completed', 'c/1');
    expect(provider.asked).toEqual(['c/1']);
    const answered = (await world.story()).filter((line) => !line.startsWith('received'));
    expect(answered).toEqual(['started c/1 #1', 'STOPPED c/2 #0', 'completed c/1 #1']);
  });

  test('between two attempts keeps what the first had said', async () => {
    await using world = await WorkerWorld.open();
    // The second attempt is a minute away.
    const { provider, metrics } = world.worker({ haste: 1 / 6 });
    await world.say('c/1');
    await asked(provider, 1);
    provider
      .callFor('c/1')
      .say('Half')
      .fail(new ProviderError('busy', true, 10_000));
    await eventually(
      async () => metrics.counts,
      (counts) => counts['error'] === 1,
    );
    await stop(world, 'c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'stopped', attempt: 1 });
    expect(provider.calls).toHaveLength(1);
  });

  test('after the end changes nothing', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: echo() });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    await stop(world, 'c/1');
    await world.say('c/2');
    await world.ended('completed', 'c/2');
    expect((await world.ends()).map(({ messageId }) => messageId)).toEqual(['c/1', 'c/2']);
  });

  test('is what deleting a conversation does to all of its messages', async () => {
    await using world = await WorkerWorld.open();
    const { provider } = world.worker();
    for (const id of ['c/1', 'c/2', 'd/1']) await world.say(id);
    await asked(provider, 2);
    await world.append({ type: 'ConversationDeleted', conversationId: 'c' });
    await world.logged('STOPPED c/1 #1', 'STOPPED c/2 #0');
    expect(provider.callFor('d/1').signal.aborted).toBe(false);
  });
});

describe('draining', () => {
  test('lets what is under way end, and begins nothing more', async () => {
    await using world = await WorkerWorld.open();
    const worker = world.worker();
    await world.say('c/1');
    await asked(worker.provider, 1);
    const drained = worker.drain(600_000);
    await world.say('d/1');
    worker.provider.callFor('c/1').say('Bye.').end();
    await drained;
    await worker.ended;
    expect(worker.provider.asked).toEqual(['c/1']);
    expect((await world.story()).at(-1)).toBe('completed c/1 #1');
    const state = (await world.events()).reduce(
      (folded, event, offset) => evolve(folded, event, { offset, timeMs: 0 }),
      initialPartition,
    );
    const position = await world.journal.log.committed('test.workers', 'test.conversations', 0);
    expect(position).toBeLessThanOrEqual(pendingMessage(state, 'd/1')?.sequence ?? -1);
  });

  // Cause: an answer between two attempts held up the shutdown for all of its time, with nothing under way.
  test.each(['before it', 'during it'])('leaves at once what comes to a wait for its next attempt %s', async (when) => {
    await using world = await WorkerWorld.open();
    const worker = world.worker({ haste: 1 });
    await world.say('c/1');
    await asked(worker.provider, 1);
    await world.logged('started c/1 #1');
    const fail = () => worker.provider.callFor('c/1').fail(new ProviderError('away', true, 9_000));
    if (when === 'before it') {
      fail();
      await eventually(
        async () => world.delays,
        (delays) => delays.length > 0,
      );
    }
    // A day: it must not be the time limit that ends it.
    const drained = worker.drain(86_400_000);
    if (when === 'during it') fail();
    await drained;
    expect((await world.events()).at(-1)).toMatchObject({ type: 'WorkerReleased' });
    world.worker({ provider: echo() });
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2 });
  });

  test('leaves the rest, without a word in the log, to the next start', async () => {
    await using world = await WorkerWorld.open();
    const worker = world.worker();
    await world.say('c/1');
    await asked(worker.provider, 1);
    worker.provider.callFor('c/1').say('Not all of ');
    await world.heard('c/1');
    await worker.drain(100);
    expect(worker.provider.callFor('c/1').signal.aborted).toBe(true);
    expect((await world.story()).at(-1)).toBe('started c/1 #1');
    world.worker({ provider: echo() });
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2 });
  });
});

test('a watcher who comes late gets the draft from its beginning', async () => {
  await using world = await WorkerWorld.open();
  const { provider } = world.worker();
  await world.say('c/1');
  await asked(provider, 1);
  provider.callFor('c/1').say('Grüße ', 'aus ');
  await eventually(
    async () => world.live.map(({ text }) => text).join(''),
    (text) => text === 'Grüße aus ',
  );
  const draft: unknown[] = [];
  world.bus.requestDrafts('c', (event) => draft.push(event));
  world.bus.requestDrafts('d', (event) => draft.push(event));
  expect(draft).toEqual([
    expect.objectContaining({ type: 'piece', messageId: 'c/1', attempt: 1, offsetBytes: 0, text: 'Grüße aus ' }),
  ]);
});

test('usage says what is in processing and what waits', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ settings: { maxProcessingPerPartition: 1 } });
  await world.say('c/1');
  await world.say('d/1');
  const [usage] = await eventually(
    async () => worker.usage(),
    ([partition]) => partition?.processing === 1 && partition.queued === 1,
  );
  expect(usage).toEqual({ partition: 0, processing: 1, queued: 1, oldestReceivedAtMs: expect.any(Number) });
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nameOfPlace } from '../../src/app/journal.ts';
import { eventCodec } from '../../src/testing/event-codec.ts';
import { historyProjection } from '../history/project.ts';
import { operationsViews } from '../operations-views.ts';
import { conversationDeleted, messageReceived, replyCompleted, replyFailed } from '../testing/conversation-events.ts';
import { type Harness, openHarness, projectAll } from '../testing/harness.ts';
import type { Projection } from './projection.ts';
import { rebuildModel } from './rebuild.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

const topic = 'test.conversations';
const garbage = () => harness.appendBytes(0, 'chat_events.v1.MessageReceived', new Uint8Array([0xff, 0xff, 0xff]));
const listed = async () => (await operationsViews(harness.store).listParked([topic], { limit: 10 })).items;
const deadLetterAt = (offset: number) =>
  operationsViews(harness.store).deadLetterRecord({ topic, partition: 0, offset });

/** A record that says that it stands for the one at this offset of partition 0. */
async function replayOf(offset: number, partition = 0): Promise<void> {
  const { headers, value } = eventCodec.encode(messageReceived(`replay of ${offset}`));
  const named = { ...headers, parley_replay_of: nameOfPlace({ topic, partition: 0, offset }) };
  await harness.journal.log.append([{ topic, partition, key: '', headers: named, value }]);
}

/** A model that makes nothing of its records. */
const emptyModelOf = (topicName: Projection['topic'], model: string): Projection => ({
  model,
  topic: topicName,
  collections: [],
  touches: () => [],
  fold: (state) => state,
});

describe('a record that could not be decoded', () => {
  test('is reported once, however many models are made of its topic', async () => {
    await garbage();
    const models = ['first', 'second'].map((model) => emptyModelOf('conversations', model));
    const reported = await projectAll(harness.journal, harness.store, [
      emptyModelOf('connections', 'other'),
      ...models,
    ]);
    expect(reported).toMatchObject([{ topic, partition: 0, offset: 0 }]);
    expect(await deadLetterAt(0)).toMatchObject(reported[0] ?? {});
  });

  test.each([true, false])(
    'is known as replayed by what was appended in its stead (in one batch: %s)',
    async (isOne) => {
      await garbage();
      if (!isOne) await harness.project();
      await replayOf(0);
      await harness.project();
      const [record] = await harness.journal.log.read(topic, 0, 1, 1);
      expect(await deadLetterAt(0)).toMatchObject({ offset: 0, replay: { offset: 1, timeMs: record?.timeMs } });
    },
  );

  test('is known so when history is made again, and in a store that begins again', async () => {
    await garbage();
    await replayOf(0);
    await harness.project();
    const before = await deadLetterAt(0);
    const projection = historyProjection as Projection;
    await rebuildModel({ journal: harness.journal, store: harness.store, projection });
    expect(await deadLetterAt(0)).toEqual(before);
    await using another = await openHarness();
    await another.journal.log.append(
      (await harness.journal.log.read(topic, 0, 0, 10)).map((record) => ({ ...record, topic })),
    );
    await another.project();
    expect(await operationsViews(another.store).deadLetterRecord({ topic, partition: 0, offset: 0 })).toMatchObject({
      replay: { offset: 1 },
    });
  });

  test('is not what a record of another partition, or of none that is parked, stands for', async () => {
    await garbage();
    await harness.append(0, messageReceived('a'));
    await harness.append(1, messageReceived('b', { conversationId: 'elsewhere' }));
    await harness.project();
    await replayOf(0, 1);
    await replayOf(1);
    await harness.project();
    expect((await deadLetterAt(0))?.replay).toBeUndefined();
    expect(await listed()).toHaveLength(1);
  });
});

describe('messages that were given up as poison', () => {
  test('are listed, and no others', async () => {
    await harness.append(0, messageReceived('a'), messageReceived('b'), messageReceived('c'), messageReceived('d'));
    await harness.append(0, replyFailed('a'), replyFailed('b', { reason: 'PROVIDER_FAILED' }), replyCompleted('c'));
    await harness.append(0, replyFailed('a', { reason: 'PROVIDER_FAILED' }));
    await harness.project();
    expect(await listed()).toMatchObject([{ kind: 'poison', message: { messageId: 'a', failureReason: 'POISON' } }]);
  });

  test('are listed no more when their conversation is deleted', async () => {
    await harness.append(0, messageReceived('a'), replyFailed('a'));
    await harness.project();
    expect(await listed()).toHaveLength(1);
    await harness.append(0, conversationDeleted());
    await harness.project();
    expect(await listed()).toEqual([]);
  });
});

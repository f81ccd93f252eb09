import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import type { ConversationEvent, MessageReceived } from '../../domain/conversation/events.ts';
import type { RecordPlace } from '../../ports/operations-views.ts';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  stopRequested,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { anybody, type Caller } from '../caller.ts';
import { HistoryWorld } from './testing/history-world.ts';

let world: HistoryWorld;
beforeEach(async () => {
  world = await HistoryWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const refused = (reason: string, message = '') =>
  expect.objectContaining({ reason, message: expect.stringContaining(message) });
const everything = { pageSize: 0, pageToken: '' };
const replayMessage = (messageId: string) => world.parked.replay(anybody, { kind: 'message', messageId });
const replayRecord = (place: RecordPlace) => world.parked.replay(anybody, { kind: 'record', place });

async function parked() {
  await world.shown();
  return (await world.parked.list(anybody, everything)).items;
}

async function received(conversationId = 'c'): Promise<readonly MessageReceived[]> {
  const events = await world.events(conversationId);
  return events.filter((event): event is MessageReceived => event.type === 'MessageReceived');
}

/** A message that ended so. */
async function givenUp(messageId: string, reason: string): Promise<void> {
  await world.append(messageReceived(messageId, { clientMessageId: 'seven', timeZone: 'Asia/Tokyo' }));
  await world.append(replyFailed(messageId, '', reason));
}

/** A whole record of an event, that the release that runs cannot read. */
async function unread(event: ConversationEvent, key = 'c'): Promise<RecordPlace> {
  const { headers, value } = eventCodec.encode(event);
  const before = world.unreadable;
  world.unreadable = (record) => before(record) || Buffer.compare(record.value, value) === 0;
  return world.appendRecord({ key, headers, value });
}

async function upgrade(): Promise<void> {
  await world.shown();
  world.unreadable = () => false;
}

describe('a message that was given up as poison', () => {
  test('is shown with its place and reason, and none of its words', async () => {
    await givenUp('c/1', 'POISON');
    const [item, ...others] = await parked();
    expect(others).toEqual([]);
    expect(item).toEqual({
      kind: 'poison',
      place: { topic: 'test.conversations', partition: nodeCryptoIds.partition('c', 2), offset: 0 },
      timeMs: expect.any(Number),
      reason: 'POISON',
      messageId: 'c/1',
      conversationId: 'c',
      replay: undefined,
    });
  });

  test.each(['POISON', 'PROVIDER_FAILED', 'PROVIDER_TIMEOUT'])(
    'or as %s is said again by the same client, under an id of its own',
    async (reason) => {
      await givenUp('c/1', reason);
      const { place, messageId, alreadyReplayed } = await replayMessage('c/1');
      const [first, replay, ...others] = await received();
      expect(others).toEqual([]);
      expect(replay).toEqual({ ...first, messageId, clientMessageId: 'seven~replay-1' });
      expect(messageId).toBe(nodeCryptoIds.messageId('c', 'seven~replay-1'));
      expect(alreadyReplayed).toBe(false);
      await world.shown();
      expect(await world.history.getMessage(messageId)).toMatchObject({ status: 'queued', sequence: place.offset });
    },
  );

  test('is said again once, however often and by however many that is asked for at once', async () => {
    await givenUp('c/1', 'POISON');
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => replayMessage('c/1')));
    expect(others).toEqual([1, 2].map(() => ({ ...first, alreadyReplayed: true })));
    await world.append(replyCompleted(first!.messageId, '', { conversationId: 'c' }));
    expect(await replayMessage('c/1')).toEqual({ ...first, alreadyReplayed: true });
    expect(await received()).toHaveLength(2);
    const [item] = await parked();
    expect(item?.replay).toEqual({ messageId: first?.messageId, timeMs: expect.any(Number) });
  });

  test('is said again when its replay was given up too, asked for by the name of either', async () => {
    await givenUp('c/1', 'POISON');
    for (const again of ['c/1', 'newest', 'c/1']) {
      const newest = (await received()).at(-1)!.messageId;
      const { messageId } = await replayMessage(again === 'newest' ? newest : again);
      expect(messageId).not.toBe(newest);
      await world.append({ ...replyFailed(messageId, '', 'POISON'), conversationId: 'c' });
    }
    expect((await received()).map(({ clientMessageId }) => clientMessageId)).toEqual([
      'seven',
      'seven~replay-1',
      'seven~replay-2',
      'seven~replay-3',
    ]);
    expect((await parked()).map(({ replay }) => replay !== undefined)).toEqual([false, true, true, true]);
  });

  // Cause: the wait for history ended with what was known of a store that had been replaced since.
  test('is not said to be nowhere while a replaced store is folded again', async () => {
    await givenUp('c/1', 'POISON');
    await world.shown();
    await world.loseHistory();
    await expect(replayMessage('c/1')).rejects.toEqual(refused('HISTORY_BEHIND'));
    world.project();
    expect(await replayMessage('c/1')).toMatchObject({ alreadyReplayed: false });
  });

  test('is not shown and not said again once its conversation is deleted', async () => {
    await givenUp('c/1', 'POISON');
    await world.append({ type: 'ConversationDeleted', conversationId: 'c' });
    await expect(replayMessage('c/1')).rejects.toEqual(refused('NOT_FOUND'));
    expect(await parked()).toEqual([]);
    expect(await received()).toHaveLength(1);
  });
});

describe('what was not given up is not said again', () => {
  test('but refused with how it stands', async () => {
    await world.append(messageReceived('c/1'), messageReceived('c/2'), messageReceived('c/3'));
    await world.append(replyCompleted('c/1', ''), stopRequested('c/2'), replyFailed('c/2', '', 'STOPPED'));
    await expect(replayMessage('c/1')).rejects.toEqual(refused('NOT_REPLAYABLE', 'it is completed'));
    await expect(replayMessage('c/2')).rejects.toEqual(refused('NOT_REPLAYABLE', 'it ended with STOPPED'));
    await expect(replayMessage('c/3')).rejects.toEqual(refused('NOT_REPLAYABLE', 'it is queued'));
    await expect(replayMessage('reply to c/1')).rejects.toEqual(refused('NOT_REPLAYABLE', 'it is a reply'));
    for (const never of ['', 'never', 'x'.repeat(1_000)])
      await expect(replayMessage(never)).rejects.toEqual(refused('NOT_FOUND'));
    expect(await received()).toHaveLength(3);
    expect(await parked()).toEqual([]);
  });

  test('nor is one whose words were erased', async () => {
    await givenUp('c/1', 'POISON');
    const partition = nodeCryptoIds.partition('c', 2);
    const [record] = await world.journal.log.read('test.conversations', partition, 0, 1);
    const value = eventCodec.redact(record!)!;
    await world.shown();
    await world.journal.log.erase('test.conversations', partition, [{ offset: 0, value: value.slice() }]);
    await expect(replayMessage('c/1')).rejects.toEqual(refused('NOT_REPLAYABLE', 'erased'));
  });
});

describe('a record that could not be decoded', () => {
  test('is shown, and refused with the reason as long as it cannot be', async () => {
    const place = await world.appendRecord({
      key: 'c',
      headers: { ce_type: 'chat_events.v1.MessageReceived' },
      value: new Uint8Array([0xff, 0xff, 0xff]),
    });
    const [item] = await parked();
    expect(item).toMatchObject({ kind: 'undecodable', place, messageId: '', conversationId: '', replay: undefined });
    await expect(replayRecord(place)).rejects.toEqual(refused('STILL_UNDECODABLE', item?.reason));
    expect(await world.journal.log.endOffset(place.topic, place.partition)).toBe(1);
  });

  test('is appended again as it is when a later release can, once, and is a message like any other', async () => {
    const place = await unread(messageReceived('c/1'));
    await upgrade();
    const [first, second] = await Promise.all([replayRecord(place), replayRecord(place)]);
    expect(first).toMatchObject({ messageId: 'c/1', alreadyReplayed: false, place: { ...place, offset: 1 } });
    expect(second).toMatchObject({ messageId: 'c/1', alreadyReplayed: true, place: { ...place, offset: 1 } });
    const [old, again, ...others] = await world.journal.log.read(place.topic, place.partition, 0, 10);
    expect(others).toEqual([]);
    expect({ ...again, headers: {} }).toEqual({ ...old, headers: {}, offset: 1, timeMs: expect.any(Number) });
    expect(again?.headers).toEqual({
      ...old?.headers,
      ce_id: expect.not.stringContaining(old!.headers['ce_id']!),
      parley_replay_of: `test.conversations/${place.partition}/0`,
    });
    await world.shown();
    expect(await world.history.getMessage('c/1')).toMatchObject({ status: 'queued', sequence: 1 });
    expect((await parked()).map(({ replay }) => replay)).toEqual([{ timeMs: again?.timeMs, messageId: '' }]);
  });

  test.each(['as it is', 'as a new message'])(
    'or was given up tells the log where its words begin, %s',
    async (how) => {
      const append = jest.spyOn(world.journal.log, 'append');
      const place = await unread(messageReceived('c/1'));
      await upgrade();
      if (how === 'as a new message') await world.rebuild();
      await world.shown();
      await replayRecord(place);
      const [record] = append.mock.lastCall![0];
      expect(record?.contentOffset).toBe(eventCodec.redact(record!)?.length);
      expect(record?.contentOffset).toBeLessThan(record!.value.length);
    },
  );

  test('is said as a new message where history was made again since: there it would be a repeat', async () => {
    const place = await unread(messageReceived('c/1', { clientMessageId: 'seven' }));
    await upgrade();
    await world.rebuild();
    await world.shown();
    expect(await world.history.getMessage('c/1')).toMatchObject({ sequence: 0, status: 'queued' });
    const replayed = await replayRecord(place);
    expect(replayed).toMatchObject({ alreadyReplayed: false, place: { offset: 1 } });
    expect((await received()).map(({ clientMessageId }) => clientMessageId)).toEqual(['seven', 'seven~replay-1']);
    expect(await replayRecord(place)).toEqual({ ...replayed, alreadyReplayed: true });
  });

  // Cause: as of a message: it was appended as it is, and is a repeat of what history has at its old place.
  test('is not appended as a repeat while a replaced store is folded again', async () => {
    const place = await unread(messageReceived('c/1', { clientMessageId: 'seven' }));
    await upgrade();
    await world.rebuild();
    await world.shown();
    await world.loseHistory();
    await expect(replayRecord(place)).rejects.toEqual(refused('HISTORY_BEHIND'));
    world.project();
    await replayRecord(place);
    expect((await received()).map(({ clientMessageId }) => clientMessageId)).toEqual(['seven', 'seven~replay-1']);
  });

  test('that the client has sent once more meanwhile is there already', async () => {
    const place = await unread(messageReceived('c/1'));
    await world.append(messageReceived('c/1', { timeZone: 'Asia/Tokyo' }));
    await upgrade();
    expect(await replayRecord(place)).toEqual({
      place: { ...place, offset: 1 },
      messageId: 'c/1',
      alreadyReplayed: true,
    });
  });

  test('stays shown as replayed when history is made again', async () => {
    const place = await unread(messageReceived('c/1'));
    await upgrade();
    await replayRecord(place);
    const before = await parked();
    await world.rebuild();
    expect(await parked()).toEqual(before);
    expect(before).toHaveLength(1);
  });

  test.each([
    ['what a worker said', workerClaimed('A'), ''],
    ['the end of a reply', replyCompleted('c/1', 'A'), 'c'],
    ['a record under a key that is not its own', messageReceived('c/1'), 'd'],
  ])('is refused when nothing good would come of it: %s', async (_what, event, key) => {
    const place = await unread(event, key);
    await upgrade();
    await expect(replayRecord(place)).rejects.toEqual(refused('NOT_REPLAYABLE'));
    expect(await world.journal.log.endOffset(place.topic, place.partition)).toBe(1);
  });

  test('in the other topic is shown, and not appended again: who was connected then is not now', async () => {
    const { headers, value } = eventCodec.encode({ type: 'ConnectionSpoke', sessionId: 's' });
    const topic = 'test.connections';
    world.unreadable = (record) => Buffer.compare(record.value, value) === 0;
    await world.journal.log.append([{ topic, partition: 0, key: '', headers, value }]);
    const items = await eventually(parked, ({ length }) => length > 0);
    expect(items).toMatchObject([{ kind: 'undecodable', place: { topic, partition: 0, offset: 0 } }]);
    world.unreadable = () => false;
    await expect(replayRecord({ topic, partition: 0, offset: 0 })).rejects.toEqual(refused('NOT_REPLAYABLE'));
  });

  test('is NOT_FOUND where none is parked', async () => {
    await world.append(messageReceived('c/1'));
    const topic = 'test.conversations';
    const partition = nodeCryptoIds.partition('c', 2);
    const places = [
      { topic, partition, offset: 0 },
      { topic, partition: 99, offset: 0 },
      { topic, partition: -1, offset: -1 },
      { topic: 'other', partition, offset: 0 },
    ];
    for (const place of places) await expect(replayRecord(place)).rejects.toEqual(refused('NOT_FOUND'));
  });
});

test('all of it comes newest first, by pages', async () => {
  for (const name of ['1', '2', '3', '4', '5']) {
    if (name === '3' || name === '5') await givenUp(`c/${name}`, 'POISON');
    else
      await world.appendRecord({
        key: name,
        headers: { ce_type: 'chat_events.v1.MessageReceived' },
        value: new Uint8Array([0xff]),
      });
    await world.shown();
  }
  const all = await parked();
  expect(all).toHaveLength(5);
  expect(all.map(({ timeMs }) => timeMs)).toEqual(
    all.map(({ timeMs }) => timeMs).toSorted((one, other) => other - one),
  );
  for (const pageSize of [1, 2, 5]) {
    const pages: unknown[] = [];
    let pageToken = '';
    do {
      const page = await world.parked.list(anybody, { pageSize, pageToken });
      expect(page.items.length).toBeLessThanOrEqual(pageSize);
      pages.push(...page.items);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages).toEqual(all);
  }
  await expect(world.parked.list(anybody, { pageSize: 1, pageToken: 'none' })).rejects.toEqual(
    refused('PAGE_TOKEN_INVALID'),
  );
});

test('is for operators', async () => {
  await givenUp('c/1', 'POISON');
  const client: Caller = {
    kind: 'client',
    clientId: 'client',
    isOperator: false,
    expireTimeMs: Number.MAX_SAFE_INTEGER,
  };
  const wish = { kind: 'message', messageId: 'c/1' } as const;
  await expect(world.parked.list(client, everything)).rejects.toEqual(refused('OPERATOR_REQUIRED'));
  await expect(world.parked.replay(client, wish)).rejects.toEqual(refused('OPERATOR_REQUIRED'));
  await world.parked.replay({ ...client, isOperator: true }, wish);
});

import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import {
  messageReceived,
  replyCompleted,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { HastyClock } from '../../testing/worker-world.ts';
import { auditLog } from '../audit/audit.ts';
import { EraserWorld, picture, said } from './testing/eraser-world.ts';

const deleted: ConversationEvent = { type: 'ConversationDeleted', conversationId: 'c' };

/** Conversation c: a message and its repeat, a reply, a rename, a second message that nobody answers, and its end. */
async function tellOfC(world: EraserWorld): Promise<readonly ConversationEvent[]> {
  const first = messageReceived('c/1', { parts: [said('my secret one'), picture('p1'), picture('p2')] });
  const claim = workerClaimed('claim');
  const reply = replyCompleted('c/1', 'claim', { parts: [said('your secret two'), picture('r1')] });
  const events: readonly ConversationEvent[] = [
    { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' },
    first,
    replyStarted('c/1', 'claim'),
    replyProgress('c/1', 'claim', { offsetBytes: 0, text: 'your secret' }),
    replyProgress('c/1', 'claim', { offsetBytes: 11, text: ' two' }),
    first,
    { type: 'ConversationRenamed', conversationId: 'c', title: 'a secret title' },
    reply,
    messageReceived('c/2', { parts: [said('my secret three')] }),
    { type: 'StopRequested', conversationId: 'c', messageId: 'c/2' },
    deleted,
  ];
  await world.journal.appendConversation(world.partitionOf('c'), '', [claim]);
  await world.tell('c', ...events);
  for (const mediaId of ['p1', 'p2', 'r1']) world.media.add(mediaId);
  return events;
}

function redact(event: ConversationEvent): ConversationEvent {
  if ('parts' in event) return { ...event, parts: [] };
  if (event.type === 'ReplyProgress') return { ...event, text: '' };
  return event.type === 'ConversationRenamed' ? { ...event, title: '' } : event;
}

/** What must be left of conversation c. */
function leftOf(events: readonly ConversationEvent[], media: number): readonly ConversationEvent[] {
  const throughSequence: unknown = expect.any(Number);
  const erased = { type: 'ConversationErased', conversationId: 'c', records: 7, media, throughSequence };
  return [...events.map(redact), erased as ConversationEvent];
}

describe('the eraser', () => {
  test('leaves the facts of a deleted conversation, without words and media, and everything of the others', async () => {
    await using world = await EraserWorld.open();
    const events = await tellOfC(world);
    await world.say('d/1', said('a word that stays'), picture('of d'));
    expect(await world.eraser().round()).toEqual({ erased: 1, failed: 0 });
    expect(await world.events('c')).toEqual(leftOf(events, 3));
    expect(await world.events('d')).toMatchObject([{ parts: [said('a word that stays'), picture('of d')] }]);
    expect([...world.media]).toEqual(['of d']);
    expect(await world.isInFiles('secret')).toBe(false);
    expect(await world.isInFiles('a word that stays')).toBe(true);
    expect(world.logged).toEqual([
      { level: 'info', message: expect.any(String), fields: { conversationId: 'c', records: 7, media: 3 } },
    ]);
  });

  test('has nothing to do once the log says that it was done', async () => {
    await using world = await EraserWorld.open();
    await tellOfC(world);
    const eraser = world.eraser();
    await eraser.round();
    const end = (await world.events('c')).length;
    expect(await eraser.round()).toEqual({ erased: 0, failed: 0 });
    expect(await world.eraser().round()).toEqual({ erased: 0, failed: 0 });
    expect(await world.events('c')).toHaveLength(end);
  });

  test('lets a conversation be until its deletion is as long ago as it must be', async () => {
    await using world = await EraserWorld.open();
    let nowMs = systemClock.nowMs() - 5_000;
    const eraser = world.eraser({ clock: { ...systemClock, nowMs: () => nowMs }, delayMs: 10_000 });
    const events = await tellOfC(world);
    expect(await eraser.round()).toEqual({ erased: 0, failed: 0 });
    expect(await world.events('c')).toEqual(events);
    nowMs = systemClock.nowMs() + 10_000;
    expect(await eraser.round()).toEqual({ erased: 1, failed: 0 });
  });

  test('does nothing while history is behind the log', async () => {
    await using world = await EraserWorld.open();
    const events = await tellOfC(world);
    world.history.isBehind = true;
    await expect(world.eraser().round()).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    expect(await world.events('c')).toEqual(events);
    expect(world.media.size).toBe(3);
  });

  test('looks for all conversations of a partition at once, from where the oldest of them begins', async () => {
    await using world = await EraserWorld.open();
    for (let index = 0; index < 40; index += 1) await world.say(`c/${index}`, said('stays'));
    const then = systemClock.nowMs();
    await eventually(
      async () => systemClock.nowMs(),
      (nowMs) => nowMs > then + 1,
    );
    const names = Array.from({ length: 30 }, (_, index) => `deleted ${index}`);
    const concerned = names.filter((name) => world.partitionOf(name) === world.partitionOf('c'));
    for (const name of concerned) await world.say(`${name}/1`, said('goes'));
    await world.delete(...concerned);
    expect(await world.eraser().round()).toEqual({ erased: concerned.length, failed: 0 });
    expect(world.log.tailedFrom).toEqual([40]);
    expect(await world.isInFiles('goes')).toBe(false);
  });

  test('finds the words of conversations among thousands of other records, large ones too', async () => {
    await using world = await EraserWorld.open();
    const chat = Array.from({ length: 1_500 }, (_, index) =>
      messageReceived(`c/${index}`, { parts: [said('secret')] }),
    );
    const others = Array.from({ length: 3_000 }, (_, index) => messageReceived(`d/${index}`));
    await world.tell('c', ...chat);
    await world.tell('d', ...others);
    await world.say('c/large', said('secret '.repeat(40_000)));
    await world.delete('c');
    await world.eraser().round();
    expect((await world.events('c')).at(-1)).toMatchObject({ type: 'ConversationErased', records: 1_501 });
    expect(await world.isInFiles('secret')).toBe(false);
    expect(await world.events('d')).toEqual(others);
  });

  // Cause: the scan began where a bisection by record time found the conversation's beginning, and Kafka's record times step back when
  // the leader changes. It began behind the conversation, which was reported erased with no record, and never looked at again.
  test('finds a conversation that began while the log’s clock was ahead', async () => {
    await using world = await EraserWorld.open();
    const other = ['d', 'e', 'f', 'g', 'h', 'i'].find((name) => world.partitionOf(name) === world.partitionOf('c'));
    await world.say('c/1', said('my secret'));
    for (let index = 0; index < 20; index += 1) await world.say(`${other}/${index}`, said('stays'));
    await world.delete('c');
    // The conversation begins later than everything behind it.
    world.log.timeOf = ({ offset, timeMs }) => (offset === 0 ? timeMs + 60_000 : timeMs);
    expect(await world.eraser().round()).toEqual({ erased: 1, failed: 0 });
    expect((await world.events('c')).at(-1)).toMatchObject({ type: 'ConversationErased', records: 1 });
    expect(await world.isInFiles('secret')).toBe(false);
  });

  test('does not report a conversation as erased of which it finds less than history knows', async () => {
    await using world = await EraserWorld.open();
    await world.say('c/1', said('my secret'));
    await world.delete('c');
    const [due] = await world.history.awaitingErasure(1);
    for (const wrong of [
      { ...due!, firstSequence: 1 },
      { ...due!, sentMessages: 2 },
    ]) {
      const history = { awaitingErasure: async () => [wrong] };
      expect(await world.eraser({ history }).round()).toEqual({ erased: 0, failed: 1 });
    }
    expect((await world.events('c')).map(({ type }) => type)).toEqual(['MessageReceived', 'ConversationDeleted']);
    expect(world.logged.map(({ level }) => level)).toEqual(['error', 'error']);
  });

  // Cause: due was what the log's time said, compared with the process's clock: recorded while a clock was days ahead, a deletion was
  // due days later.
  test('erases what was deleted while the log’s clock was ahead as soon as it has waited the delay itself', async () => {
    await using world = await EraserWorld.open();
    await tellOfC(world);
    world.log.timeOf = ({ timeMs }) => timeMs + 86_400_000;
    let monotonicMs = 1_000;
    const eraser = world.eraser({ clock: { ...systemClock, monotonicMs: () => monotonicMs }, delayMs: 10_000 });
    expect(await eraser.round()).toEqual({ erased: 0, failed: 0 });
    monotonicMs += 9_999;
    expect(await eraser.round()).toEqual({ erased: 0, failed: 0 });
    monotonicMs += 1;
    expect(await eraser.round()).toEqual({ erased: 1, failed: 0 });
  });

  test('leaves what audit says of the log as it was', async () => {
    await using world = await EraserWorld.open();
    await tellOfC(world);
    const before = await auditLog({ journal: world.journal });
    await world.eraser().round();
    const after = await auditLog({ journal: world.journal });
    expect(after).toEqual({ ...before, records: before.records + 1 });
    expect(after).toMatchObject({ breaches: [], undecodable: [], unknown: 0 });
    expect(after.messages).toMatchObject({ accepted: 2, repeats: 1, completed: 1, pending: 1 });
  });
});

describe('media', () => {
  test('stay when a living conversation names them, and go when only deleted ones do', async () => {
    await using world = await EraserWorld.open();
    await world.say('c/1', said('x'), picture('of both deleted'), picture('shared with the living'));
    await world.say('d/1', picture('of both deleted'));
    await world.say('e/1', picture('shared with the living'));
    await world.delete('c', 'd');
    await world.eraser().round();
    expect([...world.media]).toEqual(['shared with the living']);
    await world.delete('e');
    await world.eraser().round();
    expect([...world.media]).toEqual([]);
  });

  test('stay when a message that names them comes into the log between two looks', async () => {
    await using world = await EraserWorld.open();
    await world.say('c/1', picture('named again'), picture('gone'));
    await world.delete('c');
    let looks = 0;
    world.history.beforeReferences = async () => {
      looks += 1;
      if (looks === 2) await world.say('e/1', picture('named again'));
    };
    expect(await world.eraser().round()).toEqual({ erased: 1, failed: 0 });
    expect([...world.media]).toEqual(['named again']);
    expect((await world.events('c')).at(-1)).toMatchObject({ media: 1 });
  });

  test('are looked for again after the longest that a message can be on its way, in all partitions at once', async () => {
    await using world = await EraserWorld.open();
    const clock = new HastyClock(1_000);
    const names = ['one', 'two', 'three', 'four', 'five', 'six'];
    for (const name of names) await world.say(`${name}/1`, picture(name));
    await world.delete(...names);
    let waiting = 0;
    let most = 0;
    const sleep = async (ms: number, signal?: AbortSignal) => {
      waiting += 1;
      most = Math.max(most, waiting);
      await clock.sleep(ms, signal);
      waiting -= 1;
    };
    const counting = { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), sleep };
    expect(await world.eraser({ clock: counting, namedWithinMs: 15_000 }).round()).toEqual({ erased: 6, failed: 0 });
    const inUse = new Set(names.map((name) => world.partitionOf(name))).size;
    expect(inUse).toBeGreaterThan(1);
    expect(clock.slept).toEqual(Array.from({ length: inUse }, () => 15_000));
    expect(most).toBe(inUse);
    expect([...world.media]).toEqual([]);
  });
});

/** Where an erasure is interrupted, once: and what must have been done by then. */
const interruptions: readonly (readonly [string, (world: EraserWorld, fail: () => boolean) => void])[] = [
  [
    'before a medium is removed',
    (world, fail) => {
      world.beforeDelete = () => {
        if (fail()) throw new Error('the store is away');
      };
    },
  ],
  [
    'between two media',
    (world, fail) => {
      world.beforeDelete = (mediaId) => {
        if (mediaId === 'p2' && fail()) throw new Error('the store is away');
      };
    },
  ],
  [
    'before the words are erased',
    (world, fail) => {
      world.log.eraseFault = () => (fail() ? 'refused' : 'none');
    },
  ],
  [
    'when the words are erased, but not the last answer given',
    (world, fail) => {
      world.log.eraseFault = () => (fail() ? 'lost-answer' : 'none');
    },
  ],
  [
    'before the log is told',
    (world, fail) => {
      world.log.appendFault = () => (fail() ? 'refused' : 'none');
    },
  ],
];

describe('an interrupted erasure', () => {
  test.each(interruptions)('%s, is done again by the next process, and ends the same', async (_where, interrupt) => {
    await using world = await EraserWorld.open();
    const events = await tellOfC(world);
    await world.say('d/1', said('stays'));
    let failures = 0;
    interrupt(world, () => {
      failures += 1;
      return failures === 1;
    });
    expect(await world.eraser().round()).toEqual({ erased: 0, failed: 1 });
    expect(world.logged.map(({ level }) => level)).toEqual(['error']);
    expect((await world.events('c')).map(({ type }) => type)).toEqual(events.map(({ type }) => type));
    expect(await world.eraser().round()).toEqual({ erased: 1, failed: 0 });
    const after = await world.events('c');
    expect(after.slice(0, -1)).toEqual(events.map(redact));
    expect(after.at(-1)).toMatchObject({ type: 'ConversationErased', records: 7 });
    expect(world.media.size).toBe(0);
    expect(await world.isInFiles('secret')).toBe(false);
  });

  test('whose last answer was lost is not told twice', async () => {
    await using world = await EraserWorld.open();
    const events = await tellOfC(world);
    let appends = 0;
    world.log.appendFault = () => {
      appends += 1;
      return appends === 1 ? 'lost-answer' : 'none';
    };
    expect(await world.eraser().round()).toEqual({ erased: 0, failed: 1 });
    expect(await world.eraser().round()).toEqual({ erased: 0, failed: 0 });
    expect(await world.events('c')).toEqual(leftOf(events, 3));
  });

  test('does not hold up the others', async () => {
    await using world = await EraserWorld.open();
    const names = ['one', 'two', 'three', 'four', 'five', 'six'];
    for (const name of names) await world.say(`${name}/1`, said(`secret ${name}`), picture(name));
    await world.delete(...names);
    world.beforeDelete = (mediaId) => {
      if (mediaId === 'three') throw new Error('the store is away');
    };
    expect(await world.eraser().round()).toEqual({ erased: 5, failed: 1 });
    expect(await world.isInFiles('secret three')).toBe(true);
    expect(await world.isInFiles('secret two')).toBe(false);
    expect([...world.media]).toEqual(['three']);
  });
});

describe('started', () => {
  test('it looks at every interval, waits longer after each failure, and as before after a success', async () => {
    await using world = await EraserWorld.open();
    const clock = new HastyClock(1_000);
    const eraser = world.eraser({ clock, intervalMs: 1_000 });
    world.log.eraseFault = () => 'refused';
    await world.say('c/1', said('secret'));
    await world.delete('c');
    eraser.start();
    await eventually(
      async () => clock.slept,
      (slept) => slept.includes(60_000),
    );
    expect(clock.slept.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    world.log.eraseFault = () => 'none';
    await eventually(
      () => world.isInFiles('secret'),
      (isThere) => !isThere,
    );
    await eventually(
      async () => clock.slept,
      (slept) => slept.slice(-2).every((ms) => ms === 1_000),
    );
    await eraser.stop();
    const rounds = clock.slept.length;
    await world.say('c/2', said('late'));
    expect(clock.slept).toHaveLength(rounds);
  });

  test('it goes on when history cannot be read, and ends when it is stopped', async () => {
    await using world = await EraserWorld.open();
    let isAway = true;
    const history = {
      awaitingErasure: async (limit: number) => {
        if (isAway) throw new Error('the read model is away');
        return world.history.awaitingErasure(limit);
      },
    };
    const eraser = world.eraser({ history });
    await tellOfC(world);
    eraser.start();
    await eventually(
      async () => world.logged,
      (logged) => logged.length > 1,
    );
    isAway = false;
    await eventually(
      () => world.isInFiles('secret'),
      (isThere) => !isThere,
    );
    await eraser.stop();
  });

  test('it stops in the midst of a scan, and erases nothing after that', async () => {
    await using world = await EraserWorld.open();
    const events = await tellOfC(world);
    const eraser = world.eraser();
    const held = Promise.withResolvers<void>();
    world.log.stalled = held.promise;
    eraser.start();
    await eventually(
      async () => world.log.tailedFrom,
      (tails) => tails.length > 0,
    );
    const stopped = eraser.stop();
    held.resolve();
    await stopped;
    expect(await world.events('c')).toEqual(events);
    expect(world.media.size).toBe(3);
  });

  test('it stops between two conversations, and the next process erases the rest', async () => {
    await using world = await EraserWorld.open();
    const names = Array.from({ length: 8 }, (_, index) => `c${index}`);
    expect(new Set(names.map((name) => world.partitionOf(name))).size).toBe(2);
    for (const name of names) await world.say(`${name}/1`, said(`secret ${name}`), picture(name));
    await world.delete(...names);
    const eraser = world.eraser();
    const stops: Promise<void>[] = [];
    world.beforeDelete = () => void stops.push(eraser.stop());
    eraser.start();
    await eventually(
      async () => stops.length,
      (count) => count > 0,
    );
    await Promise.all(stops);
    expect(world.logged.map(({ level }) => level)).toEqual(['info']);
    expect(world.media.size).toBe(names.length - 1);
    expect(await world.eraser().round()).toEqual({ erased: names.length - 1, failed: 0 });
    expect(await world.isInFiles('secret')).toBe(false);
  });
});

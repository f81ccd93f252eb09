import { describe, expect, test } from '@jest/globals';
import {
  messageReceived,
  replyCompleted,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import type { ConversationEvent } from './events.ts';
import { evolve, initialPartition, type PartitionState } from './partition-state.ts';
import { type InFlight, plan } from './plan.ts';

const settings = { maxPerConversation: 1, maxLostWorkers: 3 };
const none: InFlight = new Set<string>();

function fold(events: readonly ConversationEvent[], from: PartitionState = initialPartition, firstOffset = 0) {
  return events.reduce((state, event, index) => evolve(state, event, { offset: firstOffset + index, timeMs: 0 }), from);
}

function decided(state: PartitionState, inFlight: InFlight = none, over: Partial<typeof settings> = {}) {
  return plan(state, { ...settings, ...over }, inFlight).map((decision) =>
    decision.type === 'start'
      ? `start ${decision.message.messageId} #${decision.attempt}`
      : `${decision.reason} ${decision.message.messageId}`,
  );
}

function from(clientId: string, ...messageIds: string[]): ConversationEvent[] {
  return messageIds.map((messageId) => messageReceived(messageId, { clientId }));
}

describe('one conversation', () => {
  const three = [workerClaimed('a'), ...from('client', 'c/1', 'c/2', 'c/3')];

  test('is answered message by message', () => {
    expect(decided(fold(three))).toEqual(['start c/1 #1']);
    expect(decided(fold(three), new Set(['c/1']))).toEqual([]);
    expect(decided(fold([...three, replyStarted('c/1', 'a')]), new Set(['c/1']))).toEqual([]);
    expect(decided(fold([...three, replyStarted('c/1', 'a'), replyCompleted('c/1', 'a')]))).toEqual(['start c/2 #1']);
  });

  test('has as many at once as the setting allows, the oldest first', () => {
    expect(decided(fold(three), none, { maxPerConversation: 2 })).toEqual(['start c/1 #1', 'start c/2 #1']);
    expect(decided(fold(three), none, { maxPerConversation: 0 })).toHaveLength(3);
  });

  test('waits for a message that is being given up as for any other', () => {
    expect(decided(fold([...three, stopRequested('c/1')]))).toEqual(['STOPPED c/1']);
    expect(decided(fold([...three, stopRequested('c/1')]), new Set(['c/1']))).toEqual([]);
  });
});

describe('the places of a partition', () => {
  const waiting = Array.from({ length: 9 }, (_, n) => messageReceived(`c${n}/1`, { clientId: `client-${n}` }));

  test('are never more than the claim says', () => {
    expect(decided(fold([workerClaimed('a', 4), ...waiting]))).toHaveLength(4);
    expect(decided(fold([workerClaimed('a', 0), ...waiting]))).toEqual([]);
  });

  test('are taken by what is in processing and by what is not read back yet, each once', () => {
    const state = fold([workerClaimed('a', 4), ...waiting, replyStarted('c0/1', 'a')]);
    expect(decided(state, new Set(['c0/1', 'c1/1']))).toEqual(['start c2/1 #1', 'start c3/1 #1']);
  });

  test('are free again once a claim has taken them from the worker before', () => {
    const lost = waiting.slice(0, 4).map((message) => replyStarted(message.messageId, 'a'));
    const state = fold([workerClaimed('a', 4), ...waiting, ...lost, workerClaimed('b', 4)]);
    // Those whose turn was lost with the worker come after those who had none.
    expect(decided(state)).toEqual(['start c4/1 #1', 'start c5/1 #1', 'start c6/1 #1', 'start c7/1 #1']);
    expect(decided(fold([workerClaimed('c', 9)], state, 20)).slice(-4)).toEqual([
      'start c0/1 #2',
      'start c1/1 #2',
      'start c2/1 #2',
      'start c3/1 #2',
    ]);
  });
});

describe('clients', () => {
  const busy = Array.from({ length: 100 }, (_, n) => messageReceived(`c${n}/1`, { clientId: 'busy' }));

  test('take turns: one with a hundred waiting messages does not hold up one with a single one', () => {
    const state = fold([workerClaimed('a', 3), ...busy, ...from('late', 'd/1'), ...from('later', 'e/1')]);
    expect(decided(state)).toEqual(['start c0/1 #1', 'start d/1 #1', 'start e/1 #1']);
  });

  test('who had their turn go behind those who had not', () => {
    const events = [
      workerClaimed('a', 1),
      ...busy,
      ...from('late', 'd/1'),
      replyStarted('c0/1', 'a'),
      replyCompleted('c0/1', 'a'),
    ];
    expect(decided(fold(events))).toEqual(['start d/1 #1']);
  });

  test('who just had their turn go last, though it is not read back yet', () => {
    const state = fold([workerClaimed('a', 2), ...busy, ...from('late', 'd/1')]);
    expect(decided(state, new Set(['c0/1']))).toEqual(['start d/1 #1']);
  });

  test('who come again and again do not overtake one who has been waiting', () => {
    const answered = (id: string): ConversationEvent[] => [replyStarted(id, 'a'), replyCompleted(id, 'a')];
    const events = [
      workerClaimed('a', 1),
      ...from('quick', 'q/1'),
      ...from('patient', 'p/1'),
      ...answered('q/1'),
      ...from('quick', 'q/2'),
    ];
    expect(decided(fold(events))).toEqual(['start p/1 #1']);
  });
});

describe('giving up', () => {
  function lostTimes(times: number): ConversationEvent[] {
    return Array.from({ length: times }, (_, n) => [
      replyStarted('c/1', `claim-${n}`, n + 1),
      workerClaimed(`claim-${n + 1}`),
    ]).flat();
  }

  test('a message that lost two workers has another attempt, one that lost three is poison', () => {
    const begin = [workerClaimed('claim-0'), messageReceived('c/1')];
    expect(decided(fold([...begin, ...lostTimes(2)]))).toEqual(['start c/1 #3']);
    expect(decided(fold([...begin, ...lostTimes(3)]))).toEqual(['POISON c/1']);
  });

  test('a stop before any start, or after the worker was lost, is a failure', () => {
    const begin = [workerClaimed('claim-0'), messageReceived('c/1'), stopRequested('c/1')];
    expect(decided(fold(begin))).toEqual(['STOPPED c/1']);
    expect(decided(fold([...begin, ...lostTimes(1)]))).toEqual(['STOPPED c/1']);
  });

  test('is not held up by the limit', () => {
    expect(decided(fold([workerClaimed('a', 0), messageReceived('c/1'), stopRequested('c/1')]))).toEqual([
      'STOPPED c/1',
    ]);
  });
});

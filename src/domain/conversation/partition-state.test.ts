import { describe, expect, test } from '@jest/globals';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  stopRequested,
  workerClaimed,
  workerReleased,
} from '../../testing/conversation-events.ts';
import type { ConversationEvent } from './events.ts';
import {
  evolve,
  forgetRepeat,
  initialPartition,
  oldestPendingOffset,
  type PartitionState,
  pendingMessage,
  trimKnown,
} from './partition-state.ts';

function fold(events: readonly ConversationEvent[], from: PartitionState = initialPartition, firstOffset = 0) {
  return events.reduce(
    (state, event, index) => evolve(state, event, { offset: firstOffset + index, timeMs: 1_000 + index }),
    from,
  );
}

describe('a message', () => {
  test('is pending from the moment it is received', () => {
    const state = fold([workerClaimed('a'), messageReceived('c/1')]);
    expect(pendingMessage(state, 'c/1')).toMatchObject({
      sequence: 1,
      receivedAtMs: 1_001,
      attempt: 0,
      lostClaims: [],
    });
    expect(oldestPendingOffset(state)).toBe(1);
  });

  test('is the same message when it is received again, also after its reply', () => {
    const state = fold([workerClaimed('a'), messageReceived('c/1'), replyCompleted('c/1', 'a')]);
    expect(evolve(state, messageReceived('c/1'), { offset: 3, timeMs: 0 })).toBe(state);
  });

  test('is in processing from its first attempt to its final event', () => {
    const attempts = [
      workerClaimed('a'),
      messageReceived('c/1'),
      replyStarted('c/1', 'a'),
      replyStarted('c/1', 'a', 2),
    ];
    const state = fold(attempts);
    expect(pendingMessage(state, 'c/1')).toMatchObject({ processing: true, attempt: 2 });
    expect(state.processing).toBe(1);
    for (const final of [replyCompleted('c/1', 'a'), replyFailed('c/1', 'a')]) {
      const done = evolve(state, final, { offset: 4, timeMs: 0 });
      expect(done).toMatchObject({ processing: 0, pending: { size: 0 }, turns: { size: 0 } });
    }
  });

  test('that is pending when its conversation is deleted is to be stopped, and so is one that comes after', () => {
    const deletion = { type: 'ConversationDeleted', conversationId: 'c' } as const;
    const state = fold([messageReceived('c/1'), messageReceived('d/1'), deletion, messageReceived('c/2')]);
    expect([...state.pending].map((message) => [message.messageId, message.stopRequested])).toEqual([
      ['c/1', true],
      ['d/1', false],
      ['c/2', true],
    ]);
    expect(evolve(state, deletion, { offset: 4, timeMs: 0 })).toBe(state);
  });

  test('cannot be stopped from another conversation', () => {
    const state = fold([messageReceived('c/1')]);
    expect(evolve(state, { ...stopRequested('c/1'), conversationId: 'd' }, { offset: 1, timeMs: 0 })).toBe(state);
  });
});

describe('a claim', () => {
  const processing = [workerClaimed('a'), messageReceived('c/1'), messageReceived('d/1'), replyStarted('c/1', 'a')];

  test('takes what was in processing from the worker before', () => {
    const state = fold([...processing, workerClaimed('b', 7)]);
    expect(state).toMatchObject({ claimId: 'b', maxProcessing: 7, processing: 0 });
    expect(pendingMessage(state, 'c/1')).toMatchObject({ processing: false, lostClaims: ['a'], attempt: 1 });
    expect(pendingMessage(state, 'd/1')).toMatchObject({ processing: false, lostClaims: [] });
  });

  test('makes the late events of the worker before count for nothing', () => {
    const state = fold([...processing, workerClaimed('b')]);
    const late = [replyStarted('d/1', 'a'), replyCompleted('c/1', 'a'), replyFailed('c/1', 'a'), workerClaimed('a')];
    for (const event of late) expect(evolve(state, event, { offset: 5, timeMs: 0 })).toBe(state);
  });

  test('that is repeated loses no worker', () => {
    const state = fold(processing);
    expect(evolve(state, workerClaimed('a'), { offset: 4, timeMs: 0 })).toBe(state);
  });

  test('from before the fold began is taken to be in force', () => {
    const state = fold([
      messageReceived('c/1'),
      messageReceived('d/1'),
      replyStarted('c/1', 'z'),
      replyCompleted('d/1', 'z'),
    ]);
    expect([...state.pending].map((message) => message.messageId)).toEqual(['c/1']);
    expect(state.processing).toBe(1);
    expect(pendingMessage(fold([workerClaimed('a')], state, 4), 'c/1')).toMatchObject({ lostClaims: ['z'] });
  });
});

// Every hand-over counted as a lost worker, so that three of them, of which a rolling restart may make many, made a long reply POISON.
describe('a release', () => {
  const processing = [workerClaimed('a'), messageReceived('c/1'), replyStarted('c/1', 'a')];

  test('lets the next claim take what was in processing from a worker that is not lost', () => {
    const state = fold([...processing, workerReleased('a'), replyStarted('c/1', 'a'), workerClaimed('b')]);
    expect(state.processing).toBe(0);
    expect(pendingMessage(state, 'c/1')).toMatchObject({ processing: false, attempt: 1, lostClaims: [] });
  });

  test('that comes after the next claim takes back the loss, and nothing else', () => {
    const taken = [...processing, workerClaimed('b'), replyStarted('c/1', 'b', 2)];
    const state = fold([...taken, workerReleased('a')]);
    expect(pendingMessage(state, 'c/1')).toMatchObject({ processing: true, attempt: 2, lostClaims: [] });
    expect(state).toMatchObject({ claimId: 'b', processing: 1 });
    expect(pendingMessage(fold([workerClaimed('d')], state, 6), 'c/1')).toMatchObject({ lostClaims: ['b'] });
  });

  test('does not excuse the workers that were lost', () => {
    const lost = [...processing, workerClaimed('b'), replyStarted('c/1', 'b', 2), workerClaimed('d')];
    const again = [
      ...processing,
      workerReleased('a'),
      workerClaimed('b'),
      replyStarted('c/1', 'b', 2),
      workerClaimed('d'),
    ];
    expect(pendingMessage(fold(again), 'c/1')).toMatchObject({ lostClaims: ['b'] });
    expect(pendingMessage(fold([...lost, workerReleased('b')]), 'c/1')).toMatchObject({ lostClaims: ['a'] });
  });

  test('of a claim from before the fold began is known by what was begun under it', () => {
    const state = fold([messageReceived('c/1'), replyStarted('c/1', 'z'), workerReleased('y')]);
    const next = [workerClaimed('a')];
    expect(pendingMessage(fold(next, state, 3), 'c/1')).toMatchObject({ lostClaims: ['z'] });
    const inOrder = fold([workerReleased('z'), ...next], state, 3);
    expect(pendingMessage(inOrder, 'c/1')).toMatchObject({ lostClaims: [] });
  });

  test('leaves the claim in force: what its worker had written before, and comes late, counts', () => {
    const state = fold([...processing, workerReleased('a'), replyCompleted('c/1', 'a')]);
    expect(state.pending.size).toBe(0);
  });

  test('that is repeated, or of which nothing is pending, changes nothing', () => {
    const state = fold([...processing, workerReleased('a')]);
    for (const event of [workerReleased('a'), workerReleased('x')])
      expect(evolve(state, event, { offset: 4, timeMs: 0 })).toBe(state);
  });
});

describe('the draft of a message', () => {
  const begun = [workerClaimed('a'), messageReceived('c/1'), replyStarted('c/1', 'a')];
  const progress = (offsetBytes: number, text: string, attempt = 1, claimId = 'a') =>
    replyProgress('c/1', claimId, { offsetBytes, text, attempt });
  const draftOf = (state: PartitionState) => pendingMessage(state, 'c/1')?.draft;
  const spoken = fold([...begun, progress(0, 'Grü'), progress(4, 'ße')]);

  test('is what its attempt has written, in bytes of UTF-8', () => {
    expect(draftOf(fold(begun))).toEqual({ text: '', bytes: 0 });
    expect(draftOf(spoken)).toEqual({ text: 'Grüße', bytes: 7 });
    expect(draftOf(fold([progress(7, ' 🙂'), progress(12, '!')], spoken, 5))).toEqual({ text: 'Grüße 🙂!', bytes: 13 });
  });

  test.each([
    ['the same stretch', progress(4, 'ße')],
    ['an earlier one', progress(0, 'Grü')],
    ['one within it', progress(1, 'rüß')],
    ['one without text, as erased', progress(7, '')],
    ['one behind a hole', progress(8, 'x')],
    ['one of the attempt before', progress(7, 'x', 0)],
    ['one of an attempt that has not begun', progress(7, 'x', 2)],
    ['one under another claim', progress(7, 'x', 1, 'b')],
    ['one of another message', replyProgress('c/2', 'a', { offsetBytes: 7, text: 'x' })],
  ])('is left by %s: the very same state', (_, event) => {
    expect(evolve(spoken, event, { offset: 5, timeMs: 0 })).toBe(spoken);
  });

  test('takes of a stretch that overlaps it what is new, also where that begins with a character of several bytes', () => {
    const overlapping = [progress(2, 'üße, 🙂🙃'), progress(9, '🙂🙃?')];
    expect(draftOf(fold(overlapping, spoken, 5))).toEqual({ text: 'Grüße, 🙂🙃?', bytes: 18 });
  });

  test('grows neither before the start of its attempt, nor after the claim is taken, nor after its end', () => {
    for (const events of [begun.slice(0, 2), [...begun, workerClaimed('b')], [...begun, replyCompleted('c/1', 'a')]]) {
      const state = fold(events);
      for (const claimId of ['a', 'b'])
        expect(evolve(state, progress(0, 'x', 1, claimId), { offset: 9, timeMs: 0 })).toBe(state);
    }
  });

  test.each<[string, number, { text: string; bytes: number }]>([
    ['nothing', 0, { text: '', bytes: 0 }],
    ['all', 7, { text: 'Grüße', bytes: 7 }],
    ['a part', 4, { text: 'Grü', bytes: 4 }],
    ['no more than there is', 1_000, { text: 'Grüße', bytes: 7 }],
    // Nobody writes such a start: bytes and text must agree all the same.
    ['whole characters', 3, { text: 'Grü', bytes: 4 }],
  ])('keeps for the next attempt %s, as its start says', (_, continuedBytes, kept) => {
    for (const claimId of ['a', 'b']) {
      const claim = claimId === 'a' ? [] : [workerClaimed(claimId)];
      const state = fold([...claim, replyStarted('c/1', claimId, 2, continuedBytes)], spoken, 5);
      expect(pendingMessage(state, 'c/1')).toMatchObject({ attempt: 2, draft: kept, continuedBytes: kept.bytes });
      const on = fold([progress(kept.bytes, '…', 2, claimId)], state, 7);
      expect(pendingMessage(on, 'c/1')).toMatchObject({
        draft: { text: `${kept.text}…`, bytes: kept.bytes + 3 },
        continuedBytes: kept.bytes,
      });
    }
  });

  test('is not cut by a start that is repeated, nor by one of an attempt before', () => {
    const second = fold([replyStarted('c/1', 'a', 2, 7), progress(7, '!', 2)], spoken, 5);
    for (const attempt of [1, 2])
      expect(evolve(second, replyStarted('c/1', 'a', attempt), { offset: 7, timeMs: 0 })).toBe(second);
  });

  test('outlives the loss and the release of its worker, and the deletion and stop that are asked for', () => {
    const events: ConversationEvent[] = [
      workerClaimed('b'),
      workerReleased('a'),
      stopRequested('c/1'),
      { type: 'ConversationDeleted', conversationId: 'c' },
    ];
    for (const event of events) expect(draftOf(fold([event], spoken, 5))).toEqual({ text: 'Grüße', bytes: 7 });
  });

  test('is as long as what is left of it where its stretches were erased', () => {
    const state = fold([...begun, progress(0, ''), progress(4, ''), progress(7, ' late')]);
    expect(draftOf(state)).toEqual({ text: '', bytes: 0 });
    const next = fold([workerClaimed('b'), replyStarted('c/1', 'b', 2, 7)], state, 6);
    expect(pendingMessage(next, 'c/1')).toMatchObject({ draft: { bytes: 0 }, continuedBytes: 0 });
  });

  test('is known to a fold that begins behind the claim', () => {
    const state = fold(
      [messageReceived('c/1'), replyStarted('c/1', 'z'), progress(0, 'Hi', 1, 'z'), workerClaimed('b')],
      initialPartition,
      40,
    );
    expect(pendingMessage(state, 'c/1')).toMatchObject({ processing: false, draft: { text: 'Hi', bytes: 2 } });
  });
});

test('events of no concern leave the very same state', () => {
  const state = fold([messageReceived('c/1')]);
  const others: ConversationEvent[] = [
    { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' },
    { type: 'ConversationRenamed', conversationId: 'c', title: 'Trains' },
    replyStarted('c/9', ''),
    stopRequested('c/9'),
    { type: 'AddedLater' } as unknown as ConversationEvent,
  ];
  for (const event of others) expect(evolve(state, event, { offset: 1, timeMs: 0 })).toBe(state);
});

test('a repeat that only its whole log knows can be forgotten, and stays known', () => {
  const state = forgetRepeat(fold([messageReceived('c/1'), messageReceived('c/2')]), 'c/1');
  expect([...state.pending].map((message) => message.messageId)).toEqual(['c/2']);
  expect(evolve(state, messageReceived('c/1'), { offset: 2, timeMs: 0 })).toBe(state);
  expect(forgetRepeat(state, 'c/1')).toBe(state);
});

test('trimming keeps every pending message, however old', () => {
  let state = fold([workerClaimed('a'), messageReceived('c/old')]);
  for (let offset = 2; offset < 500; offset += 2) {
    const id = `d/${offset}`;
    state = trimKnown(fold([messageReceived(id), replyCompleted(id, 'a')], state, offset), 10);
  }
  expect(pendingMessage(state, 'c/old')).toBeDefined();
  expect(state.known.completeFrom).toBe(0);
  state = trimKnown(fold([replyCompleted('c/old', 'a')], state, 500), 10);
  expect(state.known.completeFrom).toBeGreaterThan(1);
  expect(pendingMessage(state, 'c/old')).toBeUndefined();
});

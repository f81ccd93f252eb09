import { describe, expect, test } from '@jest/globals';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { initialPartition } from '../../domain/conversation/partition-state.ts';
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
import { MessageStory, type StoryMessage } from './message-story.ts';

type Timed = readonly [timeMs: number, event: ConversationEvent];

/** The story of `c/1` in a partition that holds just these records. */
function storyOf(records: readonly Timed[], maxPerConversation = 1): MessageStory {
  const isFirst = ({ 1: event }: Timed) => event.type === 'MessageReceived' && event.messageId === 'c/1';
  const sequence = records.findIndex(isFirst);
  const message: StoryMessage = { messageId: 'c/1', conversationId: 'c', clientId: 'client', sequence };
  const story = new MessageStory(message, initialPartition, { place: 'parley.conversations/0', maxPerConversation });
  records.forEach(([timeMs, event], offset) => {
    story.take({ offset, timeMs, decoded: { kind: 'event', event } });
  });
  return story;
}

const told = (story: MessageStory) => story.steps.map(({ timeMs, event, detail }) => `${timeMs} ${event}: ${detail}`);

/** The details of the steps from the message itself on, without what is said of the message. */
const followed = (records: readonly Timed[], maxPerConversation?: number) =>
  told(storyOf(records, maxPerConversation)).slice(1);

const claimA = workerClaimed('A', 2);
const claimB = workerClaimed('B', 2);

describe('the story of a message', () => {
  test('tells what it consists of, where it stands, who answered and how long that took, and not a word of it', () => {
    const parts = [
      { kind: 'text', text: 'A secret, Zoë 🙂' },
      { kind: 'voice', mediaId: 'm', contentType: 'audio/ogg', sizeBytes: 62_318, sha256: '00' },
    ] as const;
    const story = storyOf([
      [100, claimA],
      [1_000, messageReceived('c/1', { parts, clientId: 'ada' })],
      [1_230, replyStarted('c/1', 'A')],
      [4_400, replyCompleted('c/1', 'A', { model: 'simulated-1' })],
    ]);
    expect(told(story)).toEqual([
      '1000 MessageReceived: text of 15 characters and voice (audio/ogg, 62,318 bytes) from client ada in conversation c, at offset 1 of parley.conversations/0; ahead of it nothing; 0 of 2 places of the partition taken',
      '1230 ReplyStarted: attempt 1 by worker worker of A; the message had waited 230 ms for a worker to take it up',
      '4400 ReplyCompleted: text of 12 characters by model simulated-1 at worker worker of A; attempt 1 took 3.1 s, 3.4 s after it was received',
    ]);
    expect(story.endOffset).toBe(3);
  });

  test('tells what was ahead of it, and how long it waited behind each', () => {
    const [received, started] = told(
      storyOf([
        [0, claimA],
        [10, messageReceived('c/0')],
        [10, messageReceived('d/0')],
        [10, messageReceived('e/0', { clientId: 'another' })],
        [20, replyStarted('c/0', 'A')],
        [20, replyStarted('d/0', 'A')],
        [1_000, messageReceived('c/1')],
        [3_000, replyCompleted('c/0', 'A')],
        [3_000, replyStarted('e/0', 'A')],
        [4_500, replyCompleted('d/0', 'A')],
        [4_600, replyStarted('c/1', 'A')],
      ]),
    );
    expect(received).toMatch(
      /ahead of it 1 unanswered message of its conversation and 1 unanswered message of its client in other conversations; 2 of 2 places of the partition taken$/,
    );
    expect(started).toBe(
      '4600 ReplyStarted: attempt 1 by worker worker of A; the message had waited 3.6 s: 2 s behind earlier messages of its conversation, 1.5 s for a free place in its partition and 100 ms for a worker to take it up',
    );
  });

  test('does not blame the conversation where its messages need not wait for each other', () => {
    const records: readonly Timed[] = [
      [0, claimA],
      [10, messageReceived('c/0')],
      [20, messageReceived('c/1')],
      [50, replyStarted('c/1', 'A')],
    ];
    expect(followed(records, 0)).toEqual([
      '50 ReplyStarted: attempt 1 by worker worker of A; the message had waited 30 ms for a worker to take it up',
    ]);
    expect(followed(records, 1)[0]).toContain('30 ms behind earlier messages of its conversation');
  });

  test('tells that a worker was lost, and that its late reply did not count', () => {
    expect(
      followed([
        [0, claimA],
        [100, messageReceived('c/1')],
        [200, replyStarted('c/1', 'A')],
        [20_200, claimB],
        [20_300, replyStarted('c/1', 'B', 2)],
        [20_400, replyCompleted('c/1', 'A')],
        [20_500, replyCompleted('c/1', 'B', { attempt: 2 })],
        [20_600, replyFailed('c/1', 'A')],
        [20_700, replyFailed('c/1', 'B')],
      ]),
    ).toEqual([
      '200 ReplyStarted: attempt 1 by worker worker of A; the message had waited 100 ms for a worker to take it up',
      '20200 WorkerClaimed: worker worker of B took the partition over: worker worker of A was lost, and attempt 1, begun 20 s before, is void; it is given up after 3 lost workers, this was number 1',
      '20300 ReplyStarted: attempt 2 by worker worker of B; the message had waited 100 ms for a worker to take it up',
      '20400 ReplyCompleted: did not count: worker worker of A said it when worker worker of B had taken the partition over',
      '20500 ReplyCompleted: text of 12 characters by model model at worker worker of B; attempt 2 took 200 ms, 20.4 s after it was received',
      '20600 ReplyFailed: did not count: worker worker of A said it when worker worker of B had taken the partition over',
      '20700 ReplyFailed: did not count: the message had ended at offset 6',
    ]);
  });

  test('tells that a worker gave the partition up, in time or late, which is no loss', () => {
    const steps = followed([
      [0, claimA],
      [100, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
      [1_200, workerReleased('A')],
      [2_200, claimB],
      [2_300, replyStarted('c/1', 'B', 2)],
      [3_300, workerClaimed('C', 2)],
      [3_400, workerReleased('B')],
      [3_500, workerReleased('A')],
    ]).filter((step) => step.includes(' Worker'));
    expect(steps).toEqual([
      '1200 WorkerReleased: worker worker of A gave the partition up: attempt 1, begun 1 s before, is void; this does not count as a lost worker',
      '2200 WorkerClaimed: worker worker of B took the partition over, which the one before had given up',
      '3300 WorkerClaimed: worker worker of C took the partition over: worker worker of B was lost, and attempt 2, begun 1 s before, is void; it is given up after 3 lost workers, this was number 1',
      '3400 WorkerReleased: worker worker of B had given the partition up: it was not lost, and does not count as such',
    ]);
  });

  test('tells of a message that lost three workers and was given up', () => {
    const steps = followed([
      [0, claimA],
      [0, messageReceived('c/1')],
      ...['B', 'C', 'D'].flatMap((claim, index): readonly Timed[] => [
        [1_000 * index + 500, replyStarted('c/1', index === 0 ? 'A' : ['B', 'C'][index - 1]!, index + 1)],
        [1_000 * index + 900, workerClaimed(claim, 2)],
      ]),
      [3_000, { ...replyFailed('c/1', 'D', 'POISON'), attempt: 3, detail: '3 workers were lost answering it.' }],
    ]);
    expect(steps.filter((step) => step.includes('WorkerClaimed')).map((step) => step.at(-1))).toEqual(['1', '2', '3']);
    expect(steps.at(-1)).toBe(
      '3000 ReplyFailed: given up: POISON (3 workers were lost answering it.); after 3 attempts, 3 s after it was received',
    );
  });

  test('tells a further attempt of the same worker from that of another', () => {
    expect(
      followed([
        [0, claimA],
        [100, messageReceived('c/1')],
        [200, replyStarted('c/1', 'A')],
        [1_200, replyStarted('c/1', 'A', 2)],
        [1_200, replyStarted('c/1', 'A', 2)],
      ]).slice(1),
    ).toEqual([
      '1200 ReplyStarted: attempt 2 by worker worker of A; attempt 1 had ended without a reply; 1 s after it began',
      '1200 ReplyStarted: did not count: a repeat of attempt 2',
    ]);
  });

  test('tells once what attempts used that have ended', () => {
    const usage = {
      ...{ provider: 'openai', model: 'm', inputTokens: 12, cachedInputTokens: 0, outputTokens: 3, reasoningTokens: 0 },
      ...{ soundInMs: 0, soundOutMs: 0, picturesIn: 0, picturesOut: 0, durationMs: 10, estimated: false },
    };
    const failed = { ...usage, attempt: 1, end: 'failed' } as const;
    const completed = { ...usage, attempt: 2, end: 'completed' } as const;
    const steps = followed([
      [0, claimA],
      [100, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
      [1_200, { ...replyStarted('c/1', 'A', 2), ended: [failed] }],
      [1_300, replyCompleted('c/1', 'A', { attempt: 2, ended: [failed, completed] })],
    ]);
    expect(steps.slice(1).map((step) => step.split('; ').slice(2))).toEqual([
      ['1 s after it began', 'attempt 1 failed and used 12 tokens in, 3 tokens out'],
      ['attempt 2 completed and used 12 tokens in, 3 tokens out'],
    ]);
  });

  test('tells of a stop, before and after there was something to keep', () => {
    expect(
      followed([
        [0, claimA],
        [100, messageReceived('c/1')],
        [200, replyStarted('c/1', 'A')],
        [300, stopRequested('c/1')],
        [310, stopRequested('c/1')],
        [400, replyCompleted('c/1', 'A', { outcome: 'stopped' })],
        [500, stopRequested('c/1')],
      ]).slice(1),
    ).toEqual([
      '300 StopRequested: the client wants no answer, or no more of it',
      '310 StopRequested: did not count: a repeat',
      '400 ReplyCompleted: stopped; what was said until then is kept: text of 12 characters by model model at worker worker of A; attempt 1 took 200 ms, 300 ms after it was received',
      '500 StopRequested: did not count: the message had ended at offset 5',
    ]);
    expect(
      followed([
        [0, claimA],
        [100, messageReceived('c/1')],
        [300, stopRequested('c/1')],
        [400, { ...replyFailed('c/1', 'A', 'STOPPED'), attempt: 0 }],
      ]).at(-1),
    ).toBe('400 ReplyFailed: stopped before there was an answer; no attempt was begun, 300 ms after it was received');
  });

  test('tells from where an attempt went on, and nothing of how the draft grew, nor a word of it', () => {
    const records: readonly Timed[] = [
      [0, claimA],
      [100, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
      [1_200, replyProgress('c/1', 'A', { offsetBytes: 0, text: 'secret' })],
      [2_000, claimB],
      [2_050, replyProgress('c/1', 'A', { offsetBytes: 6, text: ' too late' })],
      [2_100, replyStarted('c/1', 'B', 2, 6)],
      [2_200, replyCompleted('c/1', 'B', { attempt: 2 })],
    ];
    const steps = followed(records);
    expect(steps.map((step) => step.split(' ', 2).join(' '))).toEqual([
      '200 ReplyStarted:',
      '2000 WorkerClaimed:',
      '2100 ReplyStarted:',
      '2200 ReplyCompleted:',
    ]);
    expect(steps[0]).not.toContain('going on');
    expect(steps[2]).toMatch(
      /attempt 2 by worker worker of B, going on from the 6 bytes that the log had of its draft; /,
    );
    expect(steps.join('')).not.toContain('secret');
    expect(storyOf(records.slice(0, 4)).standing(3_200)?.detail).toBe(
      'attempt 1 by worker worker of A has been under way for 3 s; the log has 6 bytes of its draft',
    );
  });

  // Cause: the end has a number of its own, which was taken for an attempt that had begun when the one before did.
  test('tells of no attempt where a stop after the loss of a worker keeps what the log has', () => {
    const steps = followed([
      [0, claimA],
      [100, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
      [1_200, replyProgress('c/1', 'A', { offsetBytes: 0, text: 'so far' })],
      [2_000, claimB],
      [2_050, stopRequested('c/1')],
      [2_100, replyCompleted('c/1', 'B', { attempt: 2, outcome: 'stopped' })],
    ]);
    expect(steps.at(-1)).toBe(
      '2100 ReplyCompleted: stopped; what was said until then is kept: text of 12 characters by model model at worker worker of B; no attempt was begun since, 2 s after it was received',
    );
  });

  test('tells of a message that came again', () => {
    const steps = followed([
      [0, claimA],
      [100, messageReceived('c/1')],
      [150, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
    ]);
    expect(steps[0]).toBe('150 MessageReceived: did not count: a repeat of what stands at offset 1');
    expect(steps[1]).toContain('waited 100 ms');
  });

  test('tells that no worker was there, and when one came', () => {
    const steps = told(
      storyOf([
        [100, messageReceived('c/1')],
        [5_100, claimA],
        [5_200, replyStarted('c/1', 'A')],
      ]),
    );
    expect(steps[0]).toMatch(/which worker had the partition, if any did, is not known$/);
    expect(steps.slice(1)).toEqual([
      '5100 WorkerClaimed: worker worker of A took the partition over; the message was still waiting',
      '5200 ReplyStarted: attempt 1 by worker worker of A; the message had waited 5.1 s for a worker to take it up',
    ]);
  });

  test('tells that a worker claimed its own partition anew', () => {
    const [, claimed] = followed([
      [0, claimA],
      [100, messageReceived('c/1')],
      [200, replyStarted('c/1', 'A')],
      [300, { ...claimB, workerId: claimA.workerId }],
    ]);
    expect(claimed).toMatch(/worker of A claimed the partition anew: what it had under way is lost, and attempt 1/);
  });

  test('says nothing of other messages, nor of what happened before it', () => {
    expect(
      told(
        storyOf([
          [0, claimA],
          [0, claimB],
          [10, messageReceived('c/0')],
          [20, replyStarted('c/0', 'B')],
          [30, messageReceived('c/1')],
          [40, messageReceived('d/9')],
          [50, stopRequested('c/0')],
          [60, replyCompleted('c/0', 'B')],
        ]),
      ),
    ).toHaveLength(1);
  });

  test('knows that the conversation was deleted', () => {
    const records: readonly Timed[] = [
      [0, messageReceived('c/1')],
      [1, { type: 'ConversationDeleted', conversationId: 'd' }],
    ];
    expect(storyOf(records).deleted).toBe(false);
    expect(storyOf([...records, [2, { type: 'ConversationDeleted', conversationId: 'c' }]]).deleted).toBe(true);
  });
});

describe('how a message stands now', () => {
  test('waiting: for how long, and behind what', () => {
    const story = storyOf([
      [0, claimA],
      [0, messageReceived('c/0')],
      [0, replyStarted('c/0', 'A')],
      [1_000, messageReceived('c/1')],
      [1_500, stopRequested('c/1')],
    ]);
    expect(story.standing(61_000)).toEqual({
      timeMs: 61_000,
      event: 'Now',
      detail:
        'waiting; until now 1 min 0 s behind earlier messages of its conversation; ahead of it 1 unanswered message of its conversation; 1 of 2 places of the partition taken; a stop was asked for',
    });
  });

  test('in processing: by whom, since when', () => {
    const story = storyOf([
      [0, claimA],
      [0, messageReceived('c/1')],
      [500, replyStarted('c/1', 'A')],
    ]);
    expect(story.standing(3_000)?.detail).toBe('attempt 1 by worker worker of A has been under way for 2.5 s');
  });

  test('not at all, once it has ended', () => {
    const story = storyOf([
      [0, claimA],
      [0, messageReceived('c/1')],
      [0, replyStarted('c/1', 'A')],
      [0, replyCompleted('c/1', 'A')],
    ]);
    expect(story.standing(3_000)).toBeUndefined();
  });
});

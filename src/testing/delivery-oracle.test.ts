import { expect, test } from '@jest/globals';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import { messageReceived, replyCompleted, replyFailed, replyStarted, workerClaimed } from './conversation-events.ts';
import { type Answer, deliveryBreaches } from './delivery-oracle.ts';
import { type Entry, factsIn } from './log-oracle.ts';
import { type Sent, type Transcript, Transcripts } from './transcript.ts';

const log: readonly ConversationEvent[] = [
  workerClaimed('claim'),
  messageReceived('c/1'),
  messageReceived('c/2'),
  replyStarted('c/1', 'claim'),
  replyCompleted('c/1', 'claim'),
  messageReceived('c/1'),
  replyCompleted('c/2', 'of another worker'),
  replyCompleted('c/2', 'claim'),
  messageReceived('c/3'),
  replyFailed('c/3', 'claim'),
];
const conversationId = 'd';
const changedLog: readonly ConversationEvent[] = [
  workerClaimed('claim'),
  messageReceived('d/1'),
  { type: 'ConversationRenamed', conversationId, title: 'First' },
  replyCompleted('d/1', 'claim'),
  { type: 'ConversationRenamed', conversationId, title: 'Second' },
  messageReceived('d/2'),
  { type: 'ConversationDeleted', conversationId },
  { type: 'ConversationRenamed', conversationId, title: 'Third' },
  { type: 'ConversationDeleted', conversationId },
  replyFailed('d/2', 'claim'),
];
const factsOf = (events: readonly ConversationEvent[]) =>
  factsIn([events.map((event, offset): Entry => ({ partition: 0, offset, timeMs: offset, event }))]);
const facts = factsOf(log);

const accepted = (name: string, sequence: number, isDuplicate = false): Sent => {
  return { kind: 'accepted', messageId: `c/${name}`, sequence, isDuplicate, text: undefined };
};
const message = (name: string, sequence: number): Sent => {
  return { kind: 'message', messageId: `c/${name}`, sequence, isDuplicate: false, text: `What about c/${name}?` };
};
const reply = (name: string, sequence: number, text = `Here is c/${name}.`): Sent => {
  return { kind: 'reply', messageId: `c/${name}`, sequence, isDuplicate: false, text };
};
const failure: Sent = {
  kind: 'failure',
  messageId: 'c/3',
  sequence: undefined,
  isDuplicate: false,
  text: undefined,
};
const stream = (afterSequence: number, ...sent: Sent[]): Transcript => ({ conversationId: 'c', afterSequence, sent });

const [one, two, firstReply, secondReply, three] = [
  accepted('1', 1),
  accepted('2', 2),
  reply('1', 4),
  reply('2', 7),
  accepted('3', 8),
];

function rulesBroken(transcripts: readonly Transcript[], answers: readonly Answer[] = []): readonly string[] {
  return deliveryBreaches({ clientId: 'client', transcripts, answers }, facts).map(({ rule }) => rule);
}

test('a stream that sends each record once in the order of the log breaks nothing', () => {
  expect(rulesBroken([stream(0, one, two, firstReply, secondReply, three, failure)])).toEqual([]);
});

test('nor do streams that each go on after what was seen, and answer repeats with the first place', () => {
  const first = stream(0, one, two);
  const second = stream(2, accepted('1', 1, true), firstReply);
  const third = stream(4, secondReply, message('3', 8), accepted('3', 8, true), failure);
  const answer = { conversationId: 'c', messageId: 'c/1', sequence: 1 };
  expect(rulesBroken([first, second, third], [answer])).toEqual([]);
});

const doctored: readonly (readonly [string, readonly Transcript[], readonly string[]])[] = [
  ['leaves out a reply', [stream(0, one, two, secondReply, three, failure)], ['skipped']],
  [
    'goes on after an Accepted that was ahead of a reply',
    [stream(0, one, two, three), stream(8, failure)],
    ['skipped', 'skipped'],
  ],
  ['never sends the last reply', [stream(0, one, two, firstReply), stream(7, three, failure)], ['skipped']],
  ['never sends a failure', [stream(0, one, two, firstReply, secondReply, three)], ['skipped']],
  [
    'sends an end before an earlier one',
    [stream(0, one, two, secondReply, firstReply, three, failure)],
    ['out of order'],
  ],
  ['sends a reply twice', [stream(0, one, two, firstReply, firstReply, secondReply, three, failure)], ['repeated']],
  [
    'sends again what came on the stream before',
    [stream(0, one, two, firstReply), stream(4, firstReply, secondReply, three, failure)],
    ['repeated'],
  ],
  [
    'accepts at the place of the repeat',
    [stream(0, two, firstReply, accepted('1', 5), secondReply, three, failure)],
    ['skipped', 'wrong Accepted'],
  ],
  [
    'names another place in the answer to a repeat',
    [stream(0, one, two, firstReply, accepted('1', 5, true), secondReply, three, failure)],
    ['wrong Accepted'],
  ],
  [
    'sends the end of a worker whose claim is not in force',
    [stream(0, one, two, firstReply, reply('2', 6), secondReply, three, failure)],
    ['not in the log'],
  ],
  [
    'sends another text',
    [stream(0, one, two, reply('1', 4, 'Here is'), secondReply, three, failure)],
    ['not in the log', 'skipped'],
  ],
];

for (const [what, transcripts, rules] of doctored) {
  test(`a stream that ${what} is found out`, () => {
    expect(rulesBroken(transcripts).toSorted()).toEqual(rules.toSorted());
  });
}

const title = (sequence: number, text: string): Sent => {
  return { kind: 'title', messageId: '', sequence, isDuplicate: false, text };
};
const deletion = (sequence: number): Sent => {
  return { kind: 'deletion', messageId: '', sequence, isDuplicate: false, text: undefined };
};
const about = (sent: Sent, messageId: string): Sent => ({ ...sent, messageId });
const [d1, d2, d1Reply, d2Failure] = [
  about(accepted('1', 1), 'd/1'),
  about(accepted('2', 5), 'd/2'),
  about(reply('1', 3, 'Here is d/1.'), 'd/1'),
  about(failure, 'd/2'),
];

const changed: readonly (readonly [string, readonly Sent[], readonly string[]])[] = [
  [
    'sends all titles and the deletion, each once and in order',
    [d1, title(2, 'First'), d1Reply, title(4, 'Second'), d2, deletion(6), d2Failure],
    [],
  ],
  ['leaves out a title before the newest', [d1, d1Reply, title(4, 'Second'), d2, deletion(6), d2Failure], []],
  ['leaves out the newest title before a deletion', [d1, title(2, 'First'), d1Reply, d2, deletion(6), d2Failure], []],
  ['ends before the deletion', [d1, d1Reply, title(4, 'Second'), d2, d2Failure], []],
  [
    'sends a title twice',
    [d1, title(2, 'First'), title(2, 'First'), d1Reply, title(4, 'Second'), d2, d2Failure],
    ['repeated'],
  ],
  [
    'sends a title behind what came after it',
    [d1, d1Reply, title(2, 'First'), title(4, 'Second'), d2, d2Failure],
    ['out of order'],
  ],
  ['sends another title', [d1, d1Reply, title(4, 'Third'), d2, d2Failure], ['not in the log']],
  [
    'sends a title of a deleted conversation',
    [d1, d1Reply, title(4, 'Second'), d2, title(7, 'Third'), d2Failure],
    ['not in the log'],
  ],
  ['sends the second deletion', [d1, d1Reply, title(4, 'Second'), d2, deletion(8), d2Failure], ['not in the log']],
];

for (const [what, sent, rules] of changed) {
  test(`a stream of a conversation that changes which ${what} ${rules.length === 0 ? 'breaks nothing' : 'is found out'}`, () => {
    const transcripts = [{ conversationId, afterSequence: 0, sent: [...sent] }];
    const breaches = deliveryBreaches({ clientId: 'client', transcripts, answers: [] }, factsOf(changedLog));
    expect(breaches.map(({ rule }) => rule).toSorted()).toEqual(rules.toSorted());
  });
}

test('a stream that leaves out the newest title is found out', () => {
  const transcripts = [{ conversationId, afterSequence: 0, sent: [d1, title(2, 'First'), d1Reply, d2] }];
  const undeleted = factsOf(changedLog.slice(0, 6));
  expect(deliveryBreaches({ clientId: 'client', transcripts, answers: [] }, undeleted)).toMatchObject([
    { rule: 'skipped', what: expect.stringContaining('title') },
  ]);
});

test('a stream that leaves out the deletion is found out where more came after it', () => {
  const sent = [d1, title(2, 'First'), d1Reply, title(4, 'Second'), d2, about(accepted('3', 7), 'd/3')];
  const transcripts = [{ conversationId, afterSequence: 0, sent }];
  const saidLate = factsOf([...changedLog.slice(0, 7), messageReceived('d/3')]);
  expect(deliveryBreaches({ clientId: 'client', transcripts, answers: [] }, saidLate)).toMatchObject([
    { rule: 'skipped', what: expect.stringContaining('deletion') },
  ]);
});

test('a title that is erased in the log may have been any', () => {
  const erased = changedLog.map((event) => (event.type === 'ConversationRenamed' ? { ...event, title: '' } : event));
  const transcripts = [{ conversationId, afterSequence: 3, sent: [title(4, 'Second'), d2, deletion(6), d2Failure] }];
  const breaches = deliveryBreaches({ clientId: 'client', transcripts, answers: [] }, factsOf(erased));
  // What came before is of streams before.
  expect(breaches.map(({ rule, what }) => `${rule} ${what.includes('d/1')}`)).toEqual(['skipped true', 'skipped true']);
});

test('an answer that names another place than the log is found out', () => {
  const right = stream(0, one, two, firstReply, secondReply, three, failure);
  expect(rulesBroken([right], [{ conversationId: 'c', messageId: 'c/1', sequence: 5 }])).toEqual(['wrong Accepted']);
});

test('a client resumes after the highest sequence that any of its streams sent of the conversation', () => {
  const transcripts = new Transcripts();
  const begun = transcripts.begin('c', 0);
  transcripts.note(begun, 'accepted', { messageId: 'c/2', sequence: 2, duplicate: false });
  transcripts.note(begun, 'message', {
    messageId: 'reply to c/1',
    replyToMessageId: 'c/1',
    role: 'ROLE_ASSISTANT',
    sequence: 4,
    parts: [{ text: 'Here is c/1.' }],
  });
  transcripts.note(begun, 'accepted', { messageId: 'c/1', sequence: 1, duplicate: true });
  transcripts.note(begun, 'renamed', { conversationId: 'c', title: 'Plans', sequence: 5 });
  transcripts.note(transcripts.begin('d', 0), 'accepted', { messageId: 'd/1', sequence: 9, duplicate: false });
  expect(transcripts.highest('c')).toBe(5);
  expect(begun.sent).toEqual([accepted('2', 2), firstReply, accepted('1', 1, true), title(5, 'Plans')]);
});

import { describe, expect, test } from '@jest/globals';
import { messageOverheadBytes } from '../../domain/conversation/history-bytes.ts';
import { maxIdLength, maxInstructionsBytes, maxParts } from '../../domain/limits.ts';
import {
  bytesOfMessage,
  type Decision,
  decideMessage,
  type MessageFacts,
  type MessageLimits,
  type OutgoingMedia,
  type OutgoingMessage,
  type OutgoingPart,
} from './accept-message.ts';

const place = { messageId: 'm', conversationId: 'c', clientId: 'ann', timeZone: 'Asia/Tokyo' };
const facts: MessageFacts = {
  serving: 'served',
  isDeleted: false,
  seen: 'never',
  usedBytes: 'unknown',
  unanswered: 0,
  messageWaitMs: 0,
  spendingOffset: 0,
  needsGrant: false,
  hasReservation: false,
};
const limits: MessageLimits = {
  maxTextBytes: 10,
  maxInlineBytes: 4,
  maxMediaBytes: 1_000_000,
  maxPendingPerClient: 2,
  maxHistoryBytesPerClient: undefined,
};
const words: OutgoingPart = { kind: 'text', text: 'words' };
const voice: OutgoingMedia = {
  kind: 'media',
  mediaKind: 'voice',
  contentType: 'Audio/MPEG',
  inlineData: Buffer.from('four'),
  mediaId: '',
  sizeBytes: 0,
  sha256: Buffer.alloc(0),
  fileName: '',
};
const named = { ...voice, inlineData: Buffer.alloc(0), mediaId: 'v' };

interface Case {
  readonly clientMessageId?: string;
  readonly parts?: readonly OutgoingPart[];
  readonly instructions?: string;
  readonly facts?: Partial<MessageFacts>;
  readonly limits?: Partial<MessageLimits>;
}

function decided({ clientMessageId = 'a', parts = [words], instructions, ...over }: Case): Decision {
  const message: OutgoingMessage = { clientMessageId, parts, instructions };
  return decideMessage(message, place, { ...facts, ...over.facts }, { ...limits, ...over.limits });
}

const room = messageOverheadBytes + 5;

/** Every reason, in the order in which they are given: what would refuse later is wrong in each case, too. */
const refusals: readonly (readonly [reason: string, what: string, Case])[] = [
  ['SESSION_NOT_FOUND', 'a session that has ended', { facts: { serving: 'ended' }, clientMessageId: '' }],
  ['LOG_UNAVAILABLE', 'a session that may be counted out', { facts: { serving: 'suspended' }, clientMessageId: '' }],
  ['CLIENT_MESSAGE_ID_INVALID', 'no id', { clientMessageId: '', parts: [] }],
  ['CLIENT_MESSAGE_ID_INVALID', 'an id too long', { clientMessageId: 'x'.repeat(maxIdLength + 1), parts: [] }],
  ['CLIENT_MESSAGE_ID_INVALID', 'an id with control characters', { clientMessageId: 'a\n', parts: [] }],
  ['EMPTY_MESSAGE', 'no parts', { parts: [], facts: { isDeleted: true } }],
  ['FRAME_INVALID', 'too many parts', { parts: Array.from({ length: maxParts + 1 }, () => ({ kind: 'none' })) }],
  ['EMPTY_MESSAGE', 'a part of nothing', { parts: [words, { kind: 'none' }] }],
  ['EMPTY_MESSAGE', 'blank text', { parts: [{ kind: 'text', text: ' \n' }] }],
  ['FRAME_INVALID', 'media inline and named', { parts: [{ ...voice, mediaId: 'v' }] }],
  ['FILE_NAME_INVALID', 'a name with control characters', { parts: [{ ...voice, fileName: 'a\n', mediaKind: null }] }],
  ['EMPTY_MESSAGE', 'media neither inline nor named', { parts: [{ ...named, mediaId: '' }] }],
  ['MEDIA_TYPE_UNSUPPORTED', 'no kind of media', { parts: [{ ...voice, mediaKind: null }] }],
  ['MEDIA_TYPE_UNSUPPORTED', 'a type of another kind', { parts: [{ ...voice, mediaKind: 'image' }] }],
  ['MEDIA_TOO_LARGE', 'a byte too many inline', { parts: [voice], limits: { maxInlineBytes: 3 } }],
  ['TEXT_TOO_LONG', 'a byte too many of text', { parts: [words, { kind: 'text', text: 'wörds' }] }],
  [
    'INSTRUCTIONS_TOO_LONG',
    'a byte too many of instructions',
    { instructions: `${'x'.repeat(maxInstructionsBytes - 1)}é`, facts: { isDeleted: true } },
  ],
  ['NOT_FOUND', 'a conversation that was deleted', { facts: { isDeleted: true, seen: 'before' } }],
  [
    'HISTORY_QUOTA_EXCEEDED',
    'a byte too many in history',
    { facts: { usedBytes: 1, unanswered: 2 }, limits: { maxHistoryBytesPerClient: room } },
  ],
  [
    'HISTORY_QUOTA_EXCEEDED',
    'a byte too many of instructions',
    { instructions: 'a', facts: { usedBytes: 0 }, limits: { maxHistoryBytesPerClient: room } },
  ],
  [
    'HISTORY_QUOTA_EXCEEDED',
    'a byte too many of a file name',
    {
      parts: [words, { ...voice, fileName: 'a' }],
      facts: { usedBytes: 0 },
      limits: { maxHistoryBytesPerClient: room },
    },
  ],
  ['TOO_MANY_PENDING', 'as many unanswered as may be', { facts: { unanswered: 2, messageWaitMs: 1 } }],
  ['TOO_MANY_MESSAGES', 'too many in a minute', { facts: { messageWaitMs: 0.5, needsGrant: true } }],
];

describe('a message is refused', () => {
  test.each(refusals)('with %s for %s', (reason, _, one) => {
    expect(decided(one)).toMatchObject({ type: 'refuse', refused: { reason } });
  });

  test('for a while, if it is too much in a minute', () => {
    const refused = { reason: 'TOO_MANY_MESSAGES', retryDelayMs: 1_235 };
    expect(decided({ facts: { messageWaitMs: 1_234.5 } })).toMatchObject({ refused });
  });
});

const said = { type: 'MessageReceived', ...place, clientMessageId: 'a' };
const quota = { maxHistoryBytesPerClient: room };

describe('a message that nothing refuses', () => {
  test.each<[string, Case, object]>([
    ['goes into the log as it is', {}, { type: 'accept', event: { ...said, parts: [words] } }],
    [
      'may have as many bytes of text as there are, over all its parts',
      { parts: [words, words] },
      { type: 'accept', event: { ...said, parts: [words, words] } },
    ],
    ['asks the budgets that count it', { facts: { needsGrant: true, spendingOffset: 3 } }, { type: 'ask-budgets' }],
    [
      'says how far its gateway had read of budgets',
      { facts: { spendingOffset: 3 } },
      { type: 'accept', event: { ...said, spendingOffset: 3 } },
    ],
    ['may be the last that may be unanswered', { facts: { unanswered: 1 } }, { type: 'accept' }],
    ['is counted by history, where that has a limit', { limits: quota }, { type: 'read-usage' }],
    ['may fill history', { limits: quota, facts: { usedBytes: 0 } }, { type: 'accept' }],
    ['is accepted while history is away', { limits: quota, facts: { usedBytes: undefined } }, { type: 'accept' }],
    [
      'has its media stored or looked up before',
      { parts: [words, voice, named] },
      { type: 'accept', event: { ...said, parts: [] }, parts: [words, { kind: 'inline' }, { kind: 'named' }] },
    ],
    ['is looked up when it was said before', { facts: { seen: 'before' } }, { type: 'find-first' }],
    ['is looked up where the fold does not tell', { facts: { seen: 'unknown' } }, { type: 'find-first' }],
    [
      'and was said before is no matter of quotas',
      { facts: { seen: 'before', unanswered: 2, messageWaitMs: 1, usedBytes: 1 }, limits: quota },
      { type: 'find-first' },
    ],
  ])('%s', (_, one, expected) => {
    expect(decided(one)).toMatchObject(expected);
  });

  test('has media described by their normal type', () => {
    const inline = { kind: 'inline', mediaKind: 'voice', contentType: 'audio/mpeg', bytes: voice.inlineData };
    expect(decided({ parts: [voice, named] })).toMatchObject({ parts: [inline, { kind: 'named', mediaId: 'v' }] });
  });
});

test('what a message costs is its content and what it is decoded to', () => {
  const parts = Array.from({ length: 10_000 }, () => ({ kind: 'none' }) as const);
  expect(bytesOfMessage({ clientMessageId: 'm', parts })).toBeGreaterThan(1_000_000);
  expect(bytesOfMessage({ clientMessageId: 'm', parts: [{ kind: 'text', text: 'x'.repeat(1_000) }] })).toBeLessThan(
    2_000,
  );
});

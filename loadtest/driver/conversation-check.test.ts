import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Message, MessageSchema, MessageStatus, Role } from '../../src/client/gen/chat/v1/content_pb.js';
import { ConversationCheck } from './conversation-check.ts';
import type { Violations } from './figures.ts';
import { HistoryCheck } from './history-check.ts';
import { MediaFiles } from './media-files.ts';
import { Said } from './said.ts';
import { ViolationLog } from './violations.ts';

const label = 'ab12-0';
const none: Violations = { wrongReply: 0, hole: 0, repeat: 0, piecesDiffer: 0, disorder: 0, historyDiffers: 0 };

let violations: ViolationLog;
let check: ConversationCheck;

/** Only these were counted. */
function expectOnly(counted: Partial<Violations>): void {
  expect({ counts: violations.counts, examples: violations.examples }).toEqual({
    counts: { ...none, ...counted },
    examples: expect.any(Array),
  });
}

function textSaid(number: number): Said {
  const text = `load-${label}-${number} hello`;
  return new Said(`m${number}`, { kind: 'text', bytes: text.length, text, by: 'message' }, 0);
}

/** Says and accepts the messages 0, 1, … at the sequences 10, 20, … */
function sayAndAccept(count: number): Said[] {
  return Array.from({ length: count }, (_, number) => {
    const said = textSaid(number);
    check.say(said);
    check.accepted({ clientMessageId: said.id, messageId: `u${number}`, sequence: BigInt(10 * (number + 1)) });
    return said;
  });
}

function piece(number: number, offset: number, text: string, attempt = 1): void {
  check.piece({ replyMessageId: `r${number}`, attempt, offsetBytes: BigInt(offset), text });
}

function started(number: number, attempt = 1, continuedBytes = 0): void {
  const ids = { messageId: `u${number}`, replyMessageId: `r${number}` };
  check.started({ ...ids, attempt, continuedBytes: BigInt(continuedBytes) });
}

/** The reply to that message, one after it in the log. */
function replyTo(number: number, text: string, over: MessageInitShape<typeof MessageSchema> = {}): Message {
  return create(MessageSchema, {
    messageId: `r${number}`,
    replyToMessageId: `u${number}`,
    sequence: BigInt(10 * (number + 1) + 1),
    role: Role.ASSISTANT,
    status: MessageStatus.COMPLETED,
    parts: [{ value: { case: 'text', value: text } }],
    ...over,
  });
}

/** The message as history holds it. */
function user(number: number, over: MessageInitShape<typeof MessageSchema> = {}): Message {
  return create(MessageSchema, {
    messageId: `u${number}`,
    clientMessageId: `m${number}`,
    sequence: BigInt(10 * (number + 1)),
    role: Role.USER,
    status: MessageStatus.COMPLETED,
    parts: [{ value: { case: 'text', value: `load-${label}-${number} hello` } }],
    ...over,
  });
}

beforeEach(() => {
  violations = new ViolationLog();
  check = new ConversationCheck(violations, label, false);
  check.begin(0);
});

describe('on one stream', () => {
  test('two replies in pieces, characters of several bytes in them, are in order', () => {
    const [first, second] = sayAndAccept(2);
    started(0);
    piece(0, 0, 'Grüße ');
    piece(0, 8, 'an 🐚');
    expect(check.message(replyTo(0, 'Grüße an 🐚'))).toBe(first);
    started(1);
    piece(1, 0, 'Yes.');
    expect(check.message(replyTo(1, 'Yes.'))).toBe(second);
    check.end();
    expectOnly({});
  });

  test('bytes that are missing are counted', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'abc');
    piece(0, 5, 'fg');
    check.message(replyTo(0, 'abcdefg'));
    expectOnly({ hole: 2 });
  });

  test('bytes that come again are counted', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'abcd');
    piece(0, 1, 'bcde');
    check.message(replyTo(0, 'abcde'));
    expectOnly({ repeat: 3 });
  });

  test('pieces of an attempt that is over, and of a reply that is complete, come again', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'lost');
    started(0, 2);
    piece(0, 4, 'words');
    expectOnly({ repeat: 5 });
    piece(0, 0, 'Yes.', 2);
    check.message(replyTo(0, 'Yes.'));
    started(0, 2);
    piece(0, 0, 'Yes.', 2);
    expectOnly({ repeat: 9 });
  });

  test('a new attempt begins anew', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'lost words');
    started(0, 2);
    piece(0, 0, 'Yes.', 2);
    check.message(replyTo(0, 'Yes.'));
    expectOnly({});
  });

  test('an attempt may go on from the one before, whose text comes again', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'Grüße an');
    started(0, 2, 6);
    piece(0, 0, 'Grü', 2);
    piece(0, 4, 'ße, du', 2);
    check.message(replyTo(0, 'Grüße, du'));
    expectOnly({});
  });

  test('an attempt that says it goes on, and has another beginning, is counted once', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'abcd');
    started(0, 2, 3);
    piece(0, 0, 'ab', 2);
    expectOnly({});
    piece(0, 2, 'x', 2);
    piece(0, 3, 'y', 2);
    check.message(replyTo(0, 'abxy'));
    expectOnly({ piecesDiffer: 1 });
  });

  test('an attempt that goes on from one that did not come is not judged by an earlier one', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'lost words');
    started(0, 3, 4);
    piece(0, 0, 'Yes, but', 3);
    check.message(replyTo(0, 'Yes, but'));
    expectOnly({});
  });

  test('a reply that is not what its pieces were is counted', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'No. ');
    check.message(replyTo(0, 'Yes.'));
    expectOnly({ piecesDiffer: 1 });
  });

  test('a reply of which a piece is missing at its end is counted', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'Ye');
    check.message(replyTo(0, 'Yes.'));
    expectOnly({ piecesDiffer: 1 });
  });

  test('a reply that comes twice is counted', () => {
    const [said] = sayAndAccept(1);
    expect(check.message(replyTo(0, 'Yes.'))).toBe(said);
    expect(check.message(replyTo(0, 'Yes.'))).toBeUndefined();
    expectOnly({ repeat: 4 });
  });

  test('a reply that stands before the one that came before it is counted', () => {
    sayAndAccept(2);
    check.message(replyTo(1, 'Yes.'));
    check.message(replyTo(0, 'No.'));
    expectOnly({ disorder: 1 });
  });

  test('a reply to what nobody said is counted at the end, and one whose message is accepted later is not', () => {
    const late = textSaid(0);
    check.say(late);
    expect(check.message(replyTo(0, 'Yes.'))).toBeUndefined();
    check.message(replyTo(7, 'Who are you?'));
    check.accepted({ clientMessageId: 'm0', messageId: 'u0', sequence: 10n });
    expect(check.takeEarly(late)).toBe(late);
    check.end();
    expectOnly({ wrongReply: 1 });
  });

  test("a reply in another client's words is counted, one in this client's is not", () => {
    sayAndAccept(2);
    check.message(replyTo(0, `You mention “load-${label}-0”.`));
    expectOnly({});
    check.message(replyTo(1, 'You mention “load-ab12-9-4”.'));
    expectOnly({ wrongReply: 1 });
  });

  test('an acceptance of what was not said, or under two ids, is counted', () => {
    sayAndAccept(1);
    check.accepted({ clientMessageId: 'm0', messageId: 'u0', sequence: 10n });
    expectOnly({});
    check.accepted({ clientMessageId: 'm0', messageId: 'other', sequence: 12n });
    check.accepted({ clientMessageId: 'm9', messageId: 'u9', sequence: 99n });
    expectOnly({ historyDiffers: 1, wrongReply: 1 });
  });
});

describe('over two streams', () => {
  test('a draft comes again from its beginning, and a message that was replayed counts as accepted', () => {
    const [said] = sayAndAccept(1);
    started(0);
    piece(0, 0, 'abc');
    check.begin(9);
    expect(check.message(user(0))).toBeUndefined();
    started(0);
    piece(0, 0, 'abcd');
    piece(0, 4, 'e');
    expect(check.message(replyTo(0, 'abcde'))).toBe(said);
    expectOnly({});
  });

  test('a draft that is continued and does not come again has a hole', () => {
    sayAndAccept(1);
    started(0);
    piece(0, 0, 'abc');
    check.begin(9);
    piece(0, 3, 'de');
    check.message(replyTo(0, 'abcde'));
    expectOnly({ hole: 3 });
  });

  test('an attempt goes on from all that came of the one before on any stream', () => {
    for (const [again, piecesDiffer] of [
      ['abcdX', 0],
      ['abcX', 1],
    ] as const) {
      violations = new ViolationLog();
      check = new ConversationCheck(violations, label, true);
      check.begin(0);
      sayAndAccept(1);
      started(0);
      piece(0, 0, 'abcde');
      check.begin(9);
      started(0);
      piece(0, 0, 'ab');
      check.begin(9);
      started(0, 2, 4);
      piece(0, 0, again, 2);
      check.message(replyTo(0, again));
      expectOnly({ piecesDiffer });
    }
  });

  test('a reply that differs from what came of it before is counted, unless its worker may have died', () => {
    for (const mayDiffer of [false, true]) {
      violations = new ViolationLog();
      check = new ConversationCheck(violations, label, mayDiffer);
      check.begin(0);
      sayAndAccept(1);
      started(0);
      piece(0, 0, 'abc');
      check.begin(9);
      check.message(replyTo(0, 'xyz'));
      expectOnly({ piecesDiffer: mayDiffer ? 0 : 1 });
    }
  });

  test('a reply that was told may come again after the place that was asked for, not before it', () => {
    sayAndAccept(2);
    check.message(replyTo(0, 'Yes.'));
    check.begin(10);
    check.message(replyTo(0, 'Yes.'));
    expectOnly({});
    check.begin(11);
    check.message(replyTo(0, 'Yes.'));
    expectOnly({ disorder: 1 });
  });

  test('a reply with other words than before is counted', () => {
    sayAndAccept(1);
    check.message(replyTo(0, 'Yes.'));
    check.begin(0);
    check.message(replyTo(0, 'No.'));
    expectOnly({ historyDiffers: 1 });
  });
});

describe('history', () => {
  const media = new MediaFiles();
  const newPhoto = () => new Said('m1', { kind: 'image', bytes: 2_000, text: '', by: 'message' }, 0);
  const photoParts: Message['parts'] = create(MessageSchema, {
    parts: [
      {
        value: {
          case: 'media',
          value: {
            kind: media.file('image', 2_000).wireKind,
            contentType: 'image/jpeg',
            sizeBytes: 2_000n,
            sha256: Buffer.from(media.sha256('image', 2_000), 'hex'),
            mediaId: 'o',
          },
        },
      },
    ],
  }).parts;

  beforeEach(() => {
    sayAndAccept(1);
    check.say(newPhoto());
    check.accepted({ clientMessageId: 'm1', messageId: 'u1', sequence: 20n });
    // Never accepted: it may be there or not.
    check.say(textSaid(2));
    check.message(replyTo(0, 'Yes.'));
    check.message(replyTo(1, 'Nice.'));
  });

  const held = (): Message[] => [user(0), replyTo(0, 'Yes.'), user(1, { parts: photoParts }), replyTo(1, 'Nice.')];

  function compare(messages: readonly Message[]): number {
    const history = new HistoryCheck(check, violations, media);
    // In pages.
    history.take(messages.slice(0, 1));
    history.take(messages.slice(1));
    history.end();
    return violations.counts.historyDiffers;
  }

  test('that holds what was told has no differences, whatever became of what was not accepted', () => {
    expect(compare([...held(), user(2), replyTo(2, 'Well.')])).toBe(0);
    expectOnly({});
    // All that was compared is forgotten.
    expect([...check.said.keys()]).toEqual([]);
  });

  const without = (index: number) => held().filter((_, at) => at !== index);
  const changed = (index: number, over: Partial<Message>) =>
    held().map((message, at) => (at === index ? { ...message, ...over } : message));

  test.each<readonly [string, number, () => Message[]]>([
    ['lacks an accepted message and its reply', 2, () => held().slice(0, 2)],
    ['lacks a reply', 1, () => without(3)],
    ['has a message twice', 1, () => [...held(), user(0, { messageId: 'again', sequence: 50n })]],
    ['has a reply twice', 1, () => [...held(), replyTo(0, 'Yes.', { messageId: 'again', sequence: 50n })]],
    ['has a message twice before its reply', 2, () => [user(0, { messageId: 'again', sequence: 5n }), ...held()]],
    ['has other words', 1, () => changed(0, { parts: replyTo(0, 'Hi').parts })],
    ['has other media', 1, () => changed(2, { parts: user(1).parts })],
    ['has another reply', 1, () => changed(1, { parts: replyTo(0, 'No.').parts })],
    ['has a reply under another id', 1, () => changed(1, { messageId: 'other' })],
    ['has a message at another place', 1, () => changed(0, { sequence: 9n })],
    ['has a reply at another place', 1, () => changed(1, { sequence: 12n })],
    ['has an answered message without its end', 1, () => changed(0, { status: MessageStatus.PROCESSING })],
    ['has something that was never said', 1, () => [...held(), user(8)]],
    ['has a reply to nothing', 1, () => [...held(), replyTo(8, 'What?')]],
    ['is out of order', 1, () => [...held().slice(2), ...held().slice(0, 2)]],
  ])('that %s differs', (_, differences, messages) => {
    expect(compare(messages())).toBe(differences);
    expectOnly({ historyDiffers: differences });
  });
});

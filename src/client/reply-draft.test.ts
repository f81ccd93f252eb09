import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { addPiece, beginDraft, type Piece, type ReplyDraft } from './reply-draft.ts';

const encoder = new TextEncoder();

/** A reply, cut somewhere between characters. */
const cutReply = fc
  .array(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 })
  .map((texts) => texts.map((text) => text.toWellFormed()));

function piecesOf(attempt: number, texts: readonly string[]): Piece[] {
  let offsetBytes = 0;
  return texts.map((text) => {
    const piece = { attempt, offsetBytes, text };
    offsetBytes += encoder.encode(text).length;
    return piece;
  });
}

/** What a new stream sends: all that there is so far in one piece, and then what comes. */
function resumedAt(pieces: readonly Piece[], index: number): Piece[] {
  const head = pieces
    .slice(0, index)
    .map(({ text }) => text)
    .join('');
  return [{ attempt: pieces[0]?.attempt ?? 1, offsetBytes: 0, text: head }, ...pieces.slice(index)];
}

function drawn(draft: ReplyDraft | 'hole'): ReplyDraft {
  if (draft === 'hole') throw new Error('there is a hole');
  return draft;
}

describe('the draft of a reply', () => {
  test('is exactly the reply, wherever it is cut, repeated, and resumed', () => {
    assertProperty(
      fc.property(cutReply, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 }), (texts, breaks) => {
        const pieces = piecesOf(1, texts);
        const whole = texts.join('');
        let draft = beginDraft(1);
        // Each stream breaks somewhere; the next begins anew, perhaps before where the last one was.
        for (const [resumeAt, length] of breaks) {
          const stream = resumedAt(pieces, resumeAt % (pieces.length + 1));
          for (const piece of stream.slice(0, 1 + (length % stream.length))) {
            const next = drawn(addPiece(draft, piece));
            expect(next.text.startsWith(draft.text)).toBe(true);
            expect(whole.startsWith(next.text)).toBe(true);
            draft = next;
          }
        }
        for (const piece of resumedAt(pieces, pieces.length)) draft = drawn(addPiece(draft, piece));
        expect(draft).toEqual({ attempt: 1, text: whole, bytes: encoder.encode(whole).length });
      }),
    );
  });

  test('begins anew with a later attempt, and hears no earlier one', () => {
    assertProperty(
      fc.property(cutReply, cutReply, (former, latter) => {
        let draft = beginDraft(1);
        for (const piece of piecesOf(1, former)) draft = drawn(addPiece(draft, piece));
        for (const piece of piecesOf(2, latter)) {
          draft = drawn(addPiece(draft, piece));
          for (const late of piecesOf(1, former)) expect(addPiece(draft, late)).toBe(draft);
        }
        expect(draft.text).toBe(latter.join(''));
      }),
    );
  });

  test('stands while an attempt that goes on says it again, wherever that one is cut', () => {
    assertProperty(
      fc.property(cutReply, cutReply, fc.nat(), (former, latter, seen) => {
        const whole = [...former, ...latter].join('');
        let draft = beginDraft(1);
        for (const piece of piecesOf(1, former)) draft = drawn(addPiece(draft, piece));
        draft = beginDraft(2, draft, 1 + (seen % draft.bytes));
        expect(draft.text).toBe(former.join(''));
        for (const piece of piecesOf(2, Array.from(whole))) {
          const next = drawn(addPiece(draft, piece));
          expect(next.text.startsWith(draft.text) && whole.startsWith(next.text)).toBe(true);
          draft = next;
        }
        expect(draft).toEqual({ attempt: 2, text: whole, bytes: encoder.encode(whole).length });
      }),
    );
  });

  test('is the text of the attempt that goes on from where the two part', () => {
    const former = drawn(addPiece(beginDraft(1), { attempt: 1, offsetBytes: 0, text: 'Grüße, Welt' }));
    const goneOn = beginDraft(2, former, 7);
    const again = addPiece(goneOn, { attempt: 2, offsetBytes: 0, text: 'Grüße' });
    expect(again).toBe(goneOn);
    const parted = drawn(addPiece(drawn(again), { attempt: 2, offsetBytes: 7, text: ', du' }));
    expect(parted).toEqual({ attempt: 2, text: 'Grüße, du', bytes: 11 });
    expect(beginDraft(3, parted, 0)).toEqual({ attempt: 3, text: '', bytes: 0 });
  });

  test('keeps a byte order mark that overlaps what is known', () => {
    const draft = drawn(addPiece(beginDraft(1), { attempt: 1, offsetBytes: 0, text: 'a' }));
    const text = 'a\uFEFFb';
    expect(addPiece(draft, { attempt: 1, offsetBytes: 0, text })).toEqual({ attempt: 1, text, bytes: 5 });
  });

  test('does not go on behind a hole', () => {
    const draft = drawn(addPiece(undefined, { attempt: 1, offsetBytes: 0, text: 'ä' }));
    expect(draft.bytes).toBe(2);
    expect(addPiece(draft, { attempt: 1, offsetBytes: 3, text: 'c' })).toBe('hole');
    expect(addPiece(draft, { attempt: 1, offsetBytes: 0, text: 'äbc' })).toEqual({ attempt: 1, text: 'äbc', bytes: 4 });
  });
});

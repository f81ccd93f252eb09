import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LivePiece } from '../../ports/live-bus.ts';
import { assertProperty } from '../../testing/property.ts';
import { decodePiece, decodeRequest, encodePiece, encodeRequest } from './encoding.ts';
import { liveSubject } from './subjects.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');

const piece: LivePiece = {
  type: 'piece',
  messageId: 'm',
  replyMessageId: 'r',
  attempt: 1,
  offsetBytes: 3,
  text: 'Grüße\n',
};

test.each(['Grüße\n', '"\u0000😀', ''])('a piece arrives as it was: %j', (text) => {
  expect(decodePiece(bytes(encodePiece({ ...piece, text })))).toEqual({ ...piece, text });
});

test.each([
  ['of another version', '2anything'],
  ['of a version far away', 'z'],
  ['of a type that this release does not know', '1{"type":"applause","messageId":"m"}'],
  ['of a type that a release before it sent', '1{"type":"completed","messageId":"m"}'],
])('an event %s is of another release', (_what, text) => {
  expect(decodePiece(bytes(text))).toBe('foreign');
});

test('a field that this release does not know is no harm', () => {
  const text = encodePiece(piece).replace('{', '{"mood":"good",');
  expect(decodePiece(bytes(text))).toMatchObject(piece);
});

test.each([
  ['nothing', ''],
  ['a version alone', '1'],
  ['no version', encodePiece(piece).slice(1)],
  ['no JSON', '1{"type":'],
  ['no object', '1"piece"'],
  ['null', '1null'],
  ['no type', '1{}'],
  ['an inherited name as type', '1{"type":{}}'],
  ['a field that is missing', encodePiece(piece).replace('"messageId":"m",', '')],
  ['a field of another sort', encodePiece(piece).replace('"m"', '3')],
  ['a number below zero', encodePiece(piece).replace('"attempt":1', '"attempt":-1')],
  ['a fraction of a byte', encodePiece(piece).replace('"offsetBytes":3', '"offsetBytes":3.5')],
  ['no text', encodePiece(piece).replace(',"text":"Grüße\\n"', '')],
])('what holds %s cannot be read', (_what, text) => {
  expect(decodePiece(bytes(text))).toBe('unreadable');
});

test('a piece that is not of UTF-8 cannot be read', () => {
  const broken = bytes(encodePiece({ ...piece, messageId: 'X' }));
  broken[broken.indexOf('X')] = 0xff;
  expect(decodePiece(broken)).toBe('unreadable');
});

test('a request arrives as it was, or cannot be read', () => {
  expect(decodeRequest(bytes(encodeRequest('c "1"')))).toEqual({ conversationId: 'c "1"' });
  expect(decodeRequest(bytes('1{"conversationId":1}'))).toBe('unreadable');
  expect(decodeRequest(bytes('2'))).toBe('foreign');
});

test('no bytes make the reading throw', () => {
  const anything = fc.oneof(
    fc.uint8Array(),
    fc.json().map((text) => bytes(`1${text}`)),
    fc.record({ type: fc.constantFrom('piece', 'completed'), text: fc.anything() }).map((value) => {
      return bytes(`1${JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part))}`);
    }),
  );
  assertProperty(
    fc.property(anything, (data) => {
      expect(['string', 'object']).toContain(typeof decodePiece(data));
      expect(['string', 'object']).toContain(typeof decodeRequest(data));
    }),
  );
});

test('every conversation has a subject of its own, of one token below the prefix', () => {
  const id = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '.', '*', '>', 'a b', '=', 'a.b', '-', '_'));
  assertProperty(
    fc.property(id, id, (one, other) => {
      expect(liveSubject('p', one)).toMatch(/^p\.live\.[^\s.*>]+$/);
      if (one !== other) expect(liveSubject('p', one)).not.toBe(liveSubject('p', other));
    }),
  );
  expect(liveSubject('p', 'An-id_1')).toBe('p.live.An-id_1');
});

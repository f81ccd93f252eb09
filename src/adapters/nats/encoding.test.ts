import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LiveDelay, LivePiece } from '../../ports/live-bus.ts';
import { assertProperty } from '../../testing/property.ts';
import { decodeEvent, decodeRequest, encodeEvent, encodeRequest } from './encoding.ts';
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

const delay: LiveDelay = { type: 'delay', messageId: 'm', replyMessageId: 'r', attempt: 1, retryInMs: 12_000 };

test.each(['Grüße\n', '"\u0000😀', ''])('a piece arrives as it was: %j', (text) => {
  expect(decodeEvent(bytes(encodeEvent({ ...piece, text })))).toEqual({ ...piece, text });
});

test('a delay arrives as it was, with a reason or, as from a release before, without', () => {
  for (const event of [delay, { ...delay, reason: 'PROVIDER_BUSY' }])
    expect(decodeEvent(bytes(encodeEvent(event)))).toEqual(event);
});

test.each([
  ['of another version', '2anything'],
  ['of a version far away', 'z'],
  ['of a type that this release does not know', '1{"type":"applause","messageId":"m"}'],
  ['of a type that a release before it sent', '1{"type":"completed","messageId":"m"}'],
])('an event %s is of another release', (_what, text) => {
  expect(decodeEvent(bytes(text))).toBe('foreign');
});

test('a field that this release does not know is no harm', () => {
  const text = encodeEvent(piece).replace('{', '{"mood":"good",');
  expect(decodeEvent(bytes(text))).toMatchObject(piece);
});

test.each([
  ['nothing', ''],
  ['a version alone', '1'],
  ['no version', encodeEvent(piece).slice(1)],
  ['no JSON', '1{"type":'],
  ['no object', '1"piece"'],
  ['null', '1null'],
  ['no type', '1{}'],
  ['an inherited name as type', '1{"type":{}}'],
  ['a field that is missing', encodeEvent(piece).replace('"messageId":"m",', '')],
  ['a field of another sort', encodeEvent(piece).replace('"m"', '3')],
  ['a number below zero', encodeEvent(piece).replace('"attempt":1', '"attempt":-1')],
  ['a fraction of a byte', encodeEvent(piece).replace('"offsetBytes":3', '"offsetBytes":3.5')],
  ['a delay until nobody knows when', encodeEvent(delay).replace('12000', '"soon"')],
  ['no text', encodeEvent(piece).replace(',"text":"Grüße\\n"', '')],
])('what holds %s cannot be read', (_what, text) => {
  expect(decodeEvent(bytes(text))).toBe('unreadable');
});

test('a piece that is not of UTF-8 cannot be read', () => {
  const broken = bytes(encodeEvent({ ...piece, messageId: 'X' }));
  broken[broken.indexOf('X')] = 0xff;
  expect(decodeEvent(broken)).toBe('unreadable');
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
    fc.record({ type: fc.constantFrom('piece', 'delay', 'completed'), text: fc.anything() }).map((value) => {
      return bytes(`1${JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part))}`);
    }),
  );
  assertProperty(
    fc.property(anything, (data) => {
      expect(['string', 'object']).toContain(typeof decodeEvent(data));
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

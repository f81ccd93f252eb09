import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LiveEvent } from '../../../ports/live-bus.ts';
import { assertProperty } from '../../../testing/property.ts';
import { decodeEvent, decodeRequest, encodeEvent, encodeRequest } from './encoding.ts';
import { liveSubject } from './subjects.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');

const started = { type: 'started', messageId: 'm', replyMessageId: 'r', attempt: 1 } as const;
const media = { kind: 'voice', mediaId: 'i', contentType: 'audio/mpeg', sizeBytes: 1, sha256: 'h' } as const;
const completed: LiveEvent = {
  ...started,
  type: 'completed',
  sequence: 7,
  timeMs: 1.5,
  parts: [{ kind: 'text', text: '"\u0000😀' }, media],
  model: '',
  outcome: 'stopped',
  traceparent: '00-a-b-01',
};

test.each<LiveEvent>([
  started,
  { ...started, type: 'piece', offsetBytes: 0, text: 'Grüße\n' },
  completed,
  { type: 'failed', messageId: 'm', clientMessageId: 'c', reason: 'POISON', detail: '' },
  { type: 'deleted' },
])('a $type event arrives as it was', (event) => {
  expect(decodeEvent(bytes(encodeEvent(event)))).toEqual(event);
});

test.each([
  ['of another version', '2anything'],
  ['of a version far away', 'z'],
  ['of a type that this release does not know', '1{"type":"applause","messageId":"m"}'],
])('an event %s is of another release', (_what, text) => {
  expect(decodeEvent(bytes(text))).toBe('foreign');
});

test('a field that this release does not know is no harm', () => {
  const text = encodeEvent(started).replace('{', '{"mood":"good",');
  expect(decodeEvent(bytes(text))).toMatchObject(started);
});

test.each([
  ['nothing', ''],
  ['a version alone', '1'],
  ['no version', encodeEvent(started).slice(1)],
  ['no JSON', '1{"type":'],
  ['no object', '1"started"'],
  ['null', '1null'],
  ['no type', '1{}'],
  ['an inherited name as type', '1{"type":{}}'],
  ['a field that is missing', encodeEvent(started).replace('"messageId":"m",', '')],
  ['a field of another sort', encodeEvent(started).replace('"m"', '3')],
  ['a number below zero', encodeEvent(started).replace('"attempt":1', '"attempt":-1')],
  ['an outcome that is none', encodeEvent(completed).replace('stopped', 'paused')],
  ['a part that is none', encodeEvent(completed).replace('voice', 'smell')],
  ['a part without its length', encodeEvent(completed).replace('"sizeBytes":1,', '')],
])('what holds %s cannot be read', (_what, text) => {
  expect(decodeEvent(bytes(text))).toBe('unreadable');
});

test('an event that is not of UTF-8 cannot be read', () => {
  const broken = bytes(encodeEvent({ ...started, messageId: 'X' }));
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
    fc.record({ type: fc.constantFrom('piece', 'completed'), parts: fc.array(fc.anything()) }).map((value) => {
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

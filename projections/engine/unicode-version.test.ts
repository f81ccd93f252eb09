import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { graphemeSegments } from 'unicode-segmenter/grapheme';
import { conversationsSpec, messagesSpec } from '../history/document.ts';
import { withUnicode } from './unicode-version.ts';

test('a later release of Unicode, and a later version of the rule, raise the version of a collection', () => {
  const [major, minor] = (process.versions['unicode'] ?? '').split('.').map(Number);
  expect(withUnicode(7)).toBe(700_000 + Number(major) * 100 + Number(minor));
  expect(withUnicode(8)).toBeGreaterThan(withUnicode(7) + 99 * 100);
});

test('the words of messages and titles are found by tables whose release is recorded', () => {
  expect(messagesSpec.version).toBe(withUnicode(7));
  expect(conversationsSpec.version).toBe(withUnicode(7));
});

// Titles are cut by it, and a title that was folded before is not cut again: whoever raises the package raises `conversationsSpec.version` too,
// if this changes.
test('whole characters are what they were when the version of conversations was set', () => {
  const hash = createHash('sha256');
  for (let first = 0; first < 0x110000; first += 0x1000) {
    const codes = Array.from({ length: 0x1000 }, (_, at) => String.fromCodePoint(first + at));
    const text = `${codes.join('')}${codes.join('\u200d')}${codes.join('a')}`.toWellFormed();
    hash.update(Uint32Array.from(graphemeSegments(text), ({ index }) => index));
  }
  expect({ version: conversationsSpec.version, digest: hash.digest('hex').slice(0, 16) }).toEqual({
    version: withUnicode(7),
    digest: '175029d6554e6491',
  });
});

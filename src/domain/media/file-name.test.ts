import { expect, test } from '@jest/globals';
import { isFileName } from './file-name.ts';

test.each(['a.png', 'Urlaub 2026 (2).jpg', '写真.webp', '👩‍🚀.gif', 'x'.repeat(255)])('%j may name a file', (name) => {
  expect(isFileName(name)).toBe(true);
});

test.each([
  '',
  'x'.repeat(256),
  'ü'.repeat(128),
  'a\nb.png',
  'a\u0000',
  'a\u007f',
  'a\u0085',
  'a\u202egpj.exe',
  'a\u2028b',
])('%j may not', (name) => {
  expect(isFileName(name)).toBe(false);
});

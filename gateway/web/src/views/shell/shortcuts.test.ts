import { expect, test } from '@jest/globals';
import { shortcutOf } from './shortcuts.ts';

const press = (key: string, ...held: ('ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey')[]) => ({
  key,
  ctrlKey: held.includes('ctrlKey'),
  metaKey: held.includes('metaKey'),
  shiftKey: held.includes('shiftKey'),
  altKey: held.includes('altKey'),
});

test('asks with Control, or with Command', () => {
  expect(shortcutOf(press('k', 'ctrlKey'))).toBe('search');
  expect(shortcutOf(press('k', 'metaKey'))).toBe('search');
  expect(shortcutOf(press('O', 'ctrlKey', 'shiftKey'))).toBe('new');
  expect(shortcutOf(press('/', 'ctrlKey'))).toBe('help');
  expect(shortcutOf(press('?', 'ctrlKey', 'shiftKey'))).toBe('help');
});

test('leaves what is written, and what is the browser’s, alone', () => {
  const others = [
    press('k'),
    press('/'),
    press('K', 'shiftKey'),
    press('k', 'ctrlKey', 'altKey'),
    press('c', 'ctrlKey'),
  ];
  expect(others.map(shortcutOf)).toEqual(others.map(() => undefined));
});

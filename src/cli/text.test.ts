import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nameOf } from '../client/message-json.ts';
import { assertProperty } from '../testing/property.ts';
import { parseInput } from './input.ts';
import { duration, jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printable, printableLine } from './text.ts';
import { columnsOf, cut, wrap } from './wrap.ts';

describe('text for a terminal', () => {
  test('shows control characters instead of obeying them', () => {
    expect(printable('a\u001b]0;title\u0007b\u009b2J\u007f\rc')).toBe('a␛]0;title␇b�2J␡␍c');
  });

  test('cannot change the direction of writing', () => {
    expect(printable('\u202eabc\u2066')).toBe('�abc�');
  });

  test('keeps line feeds, tabs and every other script', () => {
    expect(printable('one\r\ntwo\tdrei ß 東京 🍵')).toBe('one\ntwo\tdrei ß 東京 🍵');
    expect(printableLine('one\n\ntwo\tthree')).toBe('one two three');
  });

  test('never lets an escape through', () => {
    assertProperty(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe('wrapping', () => {
  test('breaks at spaces, long words anywhere, and counts wide characters as two', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap('東京都庁', 5)).toEqual(['東京', '都庁']);
    expect(wrap('a\n\nb', 9)).toEqual(['a', '', 'b']);
    expect(wrap('', 9)).toEqual(['']);
    expect(wrap('a \u001b[1mbcdef\u001b[22m g', 5)).toEqual(['a', '\u001b[1mbcdef\u001b[22m', 'g']);
  });

  test('never goes over the edge, and loses nothing but spaces', () => {
    const text = fc
      .array(fc.constantFrom('a', 'bc', ' ', '  ', '東', '🍵', '\n'), { maxLength: 60 })
      .map((all) => all.join(''));
    assertProperty(
      fc.property(text, fc.integer({ min: 2, max: 12 }), (given, columns) => {
        const rows = wrap(given, columns);
        for (const row of rows) expect(columnsOf(row.trimEnd())).toBeLessThanOrEqual(columns);
        expect(rows.join('').replaceAll(' ', '')).toBe(given.replaceAll(/[ \n]/g, ''));
      }),
    );
  });

  test('cuts what must stay on one row', () => {
    expect(cut('short', 5)).toBe('short');
    expect(cut('longer', 5)).toBe('long…');
  });
});

describe('a line typed', () => {
  test.each([
    ['hello', { kind: 'say', text: 'hello' }],
    ['  ', { kind: 'nothing' }],
    ['//shrug', { kind: 'say', text: '/shrug' }],
    ['/stop', { kind: 'stop' }],
    ['/new', { kind: 'join', conversationId: '' }],
    ['/join abc ', { kind: 'join', conversationId: 'abc' }],
    ['/quit', { kind: 'quit' }],
    ['/help', { kind: 'help' }],
  ])('%j is understood', (line, expected) => {
    expect(parseInput(line)).toEqual(expected);
  });

  test.each(['/join', '/join a b', '/nonsense', '/stop it'])('%j is a mistake, not something to say', (line) => {
    expect(parseInput(line).kind).toBe('mistake');
  });
});

describe('showing', () => {
  test('a table lines up its columns', () => {
    expect(
      table(
        [
          ['', 'in use'],
          ['clients', '7'],
          ['東京', '12'],
        ],
        ['left', 'right'],
      ),
    ).toBe('         in use\nclients       7\n東京         12\n');
  });

  test('times are local to the zone asked for', () => {
    expect(localTime(new Date('2025-03-30T23:30:00Z'), 'Asia/Tokyo')).toBe('2025-03-31 08:30:00');
    expect(localTime(undefined, 'Asia/Tokyo')).toBe('');
  });

  test('durations, enum names and 64-bit numbers are for people and jq', () => {
    expect([850, 3_240, 600_000].map(duration)).toEqual(['850 ms', '3.2 s', '10 min']);
    expect([nameOf({ 0: 'A', 1: 'B' }, 1), nameOf({ 0: 'A' }, 7)]).toEqual(['B', '7']);
    expect(jsonLine({ sequence: 5n })).toBe('{"sequence":5}\n');
  });
});

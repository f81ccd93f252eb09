import { describe, expect, test } from '@jest/globals';
import { commandNames, INPUT_HELP, parseInput } from './input.ts';

describe('a line typed', () => {
  test.each([
    ['/image cat.png What is this?', { media: 'image', file: 'cat.png', text: 'What is this?' }],
    ['  /voice "my words.mp3"', { media: 'voice', file: 'my words.mp3', text: '' }],
    ['/video \'a "film".mp4\'  look!', { media: 'video', file: 'a "film".mp4', text: 'look!' }],
    ['/image ~/a\\ cat.png', { media: 'image', file: '~/a cat.png', text: '' }],
    ['/image 東京.jpg どこ？', { media: 'image', file: '東京.jpg', text: 'どこ？' }],
  ])('%j names a file', (line, expected) => {
    expect(parseInput(line)).toEqual({ kind: 'show', ...expected });
  });

  test.each([
    ['/voice', 'which file'],
    ['/voice "half', 'which file'],
    ['/voice "a"b', 'which file'],
    ['/join', 'Say which'],
    ['/join a b', 'Say which'],
    ['/history all', 'how many'],
    ['/history 0', 'how many'],
    ['/search', 'what to look for'],
    ['/rename  ', 'its title'],
    ['/delete no', 'does not ask'],
    ['/stop it', 'takes nothing'],
    ['/constructor', 'There is no /constructor'],
    ['/toString x', 'There is no /toString'],
  ])('%j is a mistake', (line, told) => {
    expect(parseInput(line)).toEqual({ kind: 'mistake', told: expect.stringContaining(told) });
  });

  test.each([
    ['/history', { kind: 'history', count: 10 }],
    ['/history 25', { kind: 'history', count: 25 }],
    ['/search sea  and sky', { kind: 'search', query: 'sea  and sky' }],
    ['/rename The sea', { kind: 'rename', title: 'The sea' }],
    ['/delete', { kind: 'delete', isSure: false }],
    ['/delete yes', { kind: 'delete', isSure: true }],
    ['//voice is a command', { kind: 'say', text: '/voice is a command' }],
    ['  spaces are kept', { kind: 'say', text: '  spaces are kept' }],
    ['', { kind: 'nothing' }],
  ])('%j is obeyed', (line, expected) => {
    expect(parseInput(line)).toEqual(expected);
  });

  test('is helped with every command', () => {
    const unhelped = commandNames().filter((name) => !INPUT_HELP.includes(name));
    // Of these two, one is enough; and whoever reads the help has found it.
    expect(unhelped).toEqual(['/help', '/exit']);
  });
});

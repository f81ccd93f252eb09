import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { TerminalScreen } from './terminal-screen.ts';
import { TerminalEmulator } from './testing/terminal-emulator.ts';
import { wrap } from './wrap.ts';

interface Seat extends Disposable {
  readonly screen: TerminalScreen;
  readonly seen: () => string[];
  readonly type: (text: string) => Promise<void>;
}

function seat(columns: number): Seat {
  const keyboard = new PassThrough();
  const emulator = new TerminalEmulator(columns);
  const screen = new TerminalScreen(keyboard as unknown as ReadStream, emulator as unknown as WriteStream);
  // Key by key, as a person does: what comes in one chunk is a paste to readline.
  const type = async (text: string): Promise<void> => {
    for (const key of text) {
      const read = once(keyboard, 'data');
      keyboard.write(key);
      await read;
    }
  };
  return { screen, seen: () => emulator.screen, type, [Symbol.dispose]: () => screen.close() };
}

describe('a terminal screen', () => {
  test('keeps what is being typed below a growing reply', async () => {
    using one = seat(30);
    await one.type('half a quest');
    one.screen.append('bot: ');
    one.screen.append('words come');
    expect(one.seen()).toEqual(['bot: words come', 'you: half a quest']);
    await one.type('ion');
    one.screen.append(' one by one, over the edge');
    expect(one.seen()).toEqual(['bot: words come one by one,', 'over the edge', 'you: half a question']);
  });

  test('shows the status above the line typed, and takes it away', () => {
    using one = seat(30);
    one.screen.line('hello');
    one.screen.status('connecting…');
    expect(one.seen()).toEqual(['hello', 'connecting…', 'you:']);
    one.screen.line('there');
    one.screen.status('');
    expect(one.seen()).toEqual(['hello', 'there', 'you:']);
  });

  test('leaves no status in the transcript when a line is entered', async () => {
    using one = seat(30);
    const lines: string[] = [];
    one.screen.on('line', (line) => lines.push(line));
    one.screen.status('answering…');
    await one.type('a line that is longer than one row\r');
    expect(lines).toEqual(['a line that is longer than one row']);
    expect(one.seen()).toEqual(['you: a line that is longer tha', 'n one row', 'answering…', 'you:']);
  });

  test('shows nothing more once it is closed', () => {
    const one = seat(30);
    one.screen.status('connecting…');
    one.screen.close();
    const left = one.seen();
    one.screen.status('');
    one.screen.line('late');
    one.screen.append('later');
    one.screen.close();
    expect(one.seen()).toEqual(left);
  });

  test('gives the terminal back without the prompt', () => {
    const one = seat(30);
    one.screen.append('bot: to be contin');
    one.screen.close();
    expect(one.seen()).toEqual(['bot: to be contin', '']);
  });

  // Ctrl-D while the chat was looking for a server ended with ERR_USE_AFTER_CLOSE.
  test('shows nothing more once its input has ended', async () => {
    using one = seat(30);
    const ended = once(one.screen, 'end');
    await one.type('\u0004');
    await ended;
    one.screen.status('connecting…');
    one.screen.line('hello');
    expect(one.seen().join()).not.toMatch(/connecting|hello/);
  });

  test('shows the same, however a reply is cut into pieces', async () => {
    const pieces = fc.array(
      fc.array(fc.constantFrom('a', 'longword', ' ', '. ', '\n'), { minLength: 1, maxLength: 8 }),
      { maxLength: 12 },
    );
    await assertProperty(
      fc.asyncProperty(pieces, fc.integer({ min: 24, max: 40 }), fc.nat({ max: 60 }), async (cut, columns, typed) => {
        using one = seat(columns);
        await one.type('x'.repeat(typed));
        for (const [index, words] of cut.entries()) {
          one.screen.append(words.join(''));
          one.screen.status(index % 2 === 0 ? 'busy' : '');
        }
        one.screen.endLine();
        one.screen.status('');
        const text = cut.flat().join('');
        const rows = wrap(text, columns - 1).map((row) => row.trimEnd());
        const prompt = wrapAnywhere(`you: ${'x'.repeat(typed)}`, columns);
        // Whether a line feed at the very end has opened a row is not to be seen.
        expect(
          one
            .seen()
            .join('\n')
            .replace(/\n+(?=you:)/, '\n')
            .trim(),
        ).toBe(
          [...rows, ...prompt]
            .join('\n')
            .replace(/\n+(?=you:)/, '\n')
            .trim(),
        );
      }),
      { numRuns: 50 },
    );
  });
});

function wrapAnywhere(text: string, columns: number): string[] {
  return text.match(new RegExp(`.{1,${columns}}`, 'g'))?.map((row) => row.trimEnd()) ?? [];
}

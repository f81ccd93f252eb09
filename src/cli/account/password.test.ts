import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, test } from '@jest/globals';
import { readPassword, readPasswordChange } from './password.ts';

/** A keyboard whose keys come as a terminal in raw mode sends them. */
class Keyboard extends PassThrough {
  readonly isTTY = true;
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): this {
    this.modes.push(isRaw);
    return this;
  }
}

/** A terminal on which these lines are typed, each as an answer. */
function terminal(...lines: string[]): { seen: () => string; keys: Keyboard; output: PassThrough } {
  const keys = new Keyboard();
  const output = new PassThrough({ encoding: 'utf8' });
  let seen = '';
  output.on('data', (text: string) => {
    seen += text;
    if (text.endsWith(': ')) keys.write(lines.shift() ?? '');
  });
  return { seen: () => seen, keys, output };
}

async function typed(isNew: boolean, ...lines: string[]): Promise<{ password: string; seen: string; keys: Keyboard }> {
  const { seen, keys, output } = terminal(...lines);
  const password = await readPassword({ input: keys as unknown as ReadStream, output, isNew });
  return { password, seen: seen(), keys };
}

describe('a password on a terminal', () => {
  test('is not shown', async () => {
    const { password, seen, keys } = await typed(false, 'sécret 東\r');
    expect(password).toBe('sécret 東');
    expect(seen).toBe('Password: \n');
    expect(keys.modes).toEqual([true, false]);
  });

  test('can be mended while it is typed', async () => {
    expect((await typed(false, 'wrong\u0015rigth\u007f\u007fht\r')).password).toBe('right');
  });

  test('that is new is asked for twice', async () => {
    expect((await typed(true, 'secret\r', 'secret\n')).seen).toBe('Password: \nOnce more: \n');
    await expect(typed(true, 'secret\r', 'sceret\r')).rejects.toThrow('two different passwords');
  });

  test('that replaces another is asked for twice, after the old one', async () => {
    const { seen, keys, output } = terminal('old secret\r', 'secret\r', 'secret\r');
    const change = await readPasswordChange({ input: keys as unknown as ReadStream, output });
    expect(change).toEqual({ oldPassword: 'old secret', newPassword: 'secret' });
    expect(seen()).toBe('Old password: \nNew password: \nOnce more: \n');
  });

  test('can be broken off', async () => {
    await expect(typed(false, 'sec\u0003')).rejects.toMatchObject({ name: 'Trouble', message: 'Broken off.' });
  });
});

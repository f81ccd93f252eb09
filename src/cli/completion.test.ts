import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { completeInput } from './completion.ts';
import { parseInput } from './input.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-complete-'));
  for (const name of ['cat.png', 'cattle.jpg', 'cat.mp3', 'my dog.gif', '.hidden.png'])
    writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'more'));
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('the tabulator', () => {
  test('completes commands', () => {
    expect(completeInput('/im')).toEqual({ line: '/image ', choices: [] });
    expect(completeInput('/v')).toEqual({ line: '/v', choices: ['/video', '/voice'] });
    expect(completeInput('/xyz')).toEqual({ line: '/xyz', choices: [] });
  });

  test('leaves what is said alone', () => {
    expect(completeInput('hello /im')).toEqual({ line: 'hello /im', choices: [] });
    expect(completeInput('/rename ca')).toEqual({ line: '/rename ca', choices: [] });
  });

  test('completes files of the kind, as far as there is no choice', () => {
    expect(completeInput(`/image ${folder}/c`)).toEqual({
      line: `/image ${folder}/cat`,
      choices: ['cat.png', 'cattle.jpg'],
    });
    expect(completeInput(`/voice ${folder}/c`)).toEqual({ line: `/voice ${folder}/cat.mp3 `, choices: [] });
    expect(completeInput(`/voice ${folder}/m`)).toEqual({ line: `/voice ${folder}/more/`, choices: [] });
    expect(completeInput(`/image ${folder}/`).choices).toEqual(['cat.png', 'cattle.jpg', 'more/', 'my dog.gif']);
    expect(completeInput(`/image ${folder}/.h`).line).toBe(`/image ${folder}/.hidden.png `);
  });

  test('writes spaces so that the line means the file', () => {
    const { line } = completeInput(`/image ${folder}/my`);
    expect(line).toBe(`/image ${folder}/my\\ dog.gif `);
    expect(parseInput(line)).toMatchObject({ file: join(folder, 'my dog.gif') });
    expect(completeInput(line.trimEnd()).line).toBe(line);
    expect(completeInput(`/image "${folder}/my`).line).toBe(`/image "${folder}/my dog.gif" `);
  });

  test('finds nothing where there is no folder', () => {
    const line = `/image ${folder}/nowhere/c`;
    expect(completeInput(line)).toEqual({ line, choices: [] });
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { registerClientCommands } from './client-commands.ts';
import { completionScript } from './shell-completion.ts';

const program = new Command('parley');
registerClientCommands(program);
program.command('user').command('add').description('of its own');

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-shells-'));
  for (const shell of ['zsh', 'fish'] as const) writeFileSync(join(folder, shell), completionScript(program, shell));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a shell on a terminal makes of the line and the tabulator key. */
function typedInZsh(line: string): string {
  const script = `
    zmodload zsh/zpty
    zpty shell 'TERM=dumb HISTFILE= zsh -f -i'
    zpty -w shell 'PS1=; PS2=; parley() { print -r -- "<$*>" }; source ${join(folder, 'zsh')}; print loa""ded'
    zpty -r -m shell output '*loaded*'
    zpty -w -n shell $'parley ${line}\\t\\n'
    zpty -r -m shell output '*<*>*'
    print -r -- "$output"`;
  const output = execFileSync('zsh', ['-f', '-c', script], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
  return /<(.*)>/.exec(output)?.[1] ?? output;
}

// Cause: in a shell without settings of its own the script ended with "command not found: compdef".
test.each([
  ['hi', 'history'],
  ['history --ne', 'history --newest-first'],
  ['chat --ne', 'chat --new'],
  ['user a', 'user add'],
])('zsh completes %j', (typed, completed) => {
  expect(typedInZsh(typed)).toBe(completed);
});

test.each([
  ['hi', 'history'],
  ['history --ne', '--newest-first'],
  ['chat --ne', '--new'],
  ['user a', 'add'],
])('fish completes %j', (typed, completed) => {
  const script = `source ${join(folder, 'fish')}; complete -C 'parley ${typed}'`;
  const offered = execFileSync('fish', ['--no-config', '-c', script], { cwd: folder, encoding: 'utf8' });
  expect(
    offered
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]),
  ).toEqual([completed]);
});

import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { Command } from 'commander';
import { registerClientCommands } from './client-commands.ts';
import { completionScript } from './shell-completion.ts';

const program = new Command('parley');
registerClientCommands(program);

/** What bash offers after these words. */
function offered(...words: readonly string[]): readonly string[] {
  const line = ['parley', ...words].map((word) => `'${word}'`).join(' ');
  const script = `${completionScript(program, 'bash')}
    COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _parley; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test('bash completes commands, and the options of each', () => {
  expect(offered('hi')).toEqual(['history']);
  expect(offered('history', '--ne')).toEqual(['--newest-first']);
  expect(offered('chat', '--ne')).toEqual(['--new']);
  expect(offered('chat', 'hi')).toEqual(['']);
});

test('zsh and fish are given the same words', () => {
  expect(completionScript(program, 'zsh')).toContain(completionScript(program, 'bash'));
  const fish = completionScript(program, 'fish');
  expect(fish).toContain("-a history -d 'list your conversations,");
  expect(fish).toContain("-n '__fish_seen_subcommand_from history' -l newest-first -d 'messages from");
});

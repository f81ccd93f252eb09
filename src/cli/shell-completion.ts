import { Argument, type Command } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** Adds `parley completion`. Last: it knows the commands that are there by then. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print completion for bash, zsh or fish: `source <(parley completion bash)`')
    .addArgument(new Argument('<shell>').choices(shells))
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
}

/** A script for the shell, which completes the names of commands and their options, and files. */
export function completionScript(program: Command, shell: Shell): string {
  if (shell === 'fish') return fishScript(program);
  return (shell === 'zsh' ? zshPreamble : '') + bashScript(program);
}

/** zsh understands bash's own when it is asked to, which needs its completion of commands: a shell without settings has none. */
const zshPreamble = `(( $+functions[compdef] )) || { autoload -U compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
`;

function bashScript({ commands }: Command): string {
  const cases = commands.map((command) => `    ${command.name()}) words="${wordsOf(command).join(' ')}" ;;`);
  return `_parley() {
  local words
  case "$COMP_CWORD:\${COMP_WORDS[1]}" in
    1:*) words="${commands.map((command) => command.name()).join(' ')}" ;;
${cases.map((line) => line.replace(/^ {4}/, '    *:')).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _parley parley
`;
}

/** Commands below it, and its options. */
function wordsOf({ commands, options }: Command): readonly string[] {
  return [...commands.map((command) => command.name()), ...options.flatMap(({ long }) => long ?? [])];
}

function fishScript({ commands }: Command): string {
  const lines = commands.flatMap((command) => {
    const after = `-n '__fish_seen_subcommand_from ${command.name()}'`;
    return [
      `complete -c parley -f -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
      ...command.commands.map((below) => `complete -c parley -f ${after} -a ${below.name()}`),
      ...command.options.map(
        ({ long, description }) => `complete -c parley ${after} -l ${long?.slice(2)} -d ${quoted(description)}`,
      ),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

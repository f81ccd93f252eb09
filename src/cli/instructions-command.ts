import { join } from 'node:path';
import type { Command } from 'commander';
import { instructionsToSend, maxInstructionsBytes } from '../client/instructions.ts';
import { type CommonOptions, type Surroundings, withCommonOptions } from './common-options.ts';
import { identify, ownerOf } from './identity.ts';
import { fileNameOf, readPrivateJson, stateFolder, writePrivateJson } from './private-file.ts';
import { run } from './run.ts';
import { printable } from './text.ts';
import { Trouble } from './trouble.ts';

/** A person's own instructions to the model, kept on this machine for one client at one server. */
export class InstructionsFile {
  readonly #path: string;

  /** @param stateHome as XDG_STATE_HOME; default `~/.local/state` */
  constructor(stateHome: string | undefined, address: string, owner: string) {
    this.#path = join(stateFolder(stateHome), 'instructions', `${fileNameOf(`${address} ${owner}`)}.json`);
  }

  /** '': none. */
  read(): string {
    const { instructions } = Object(readPrivateJson(this.#path));
    return typeof instructions === 'string' ? instructions : '';
  }

  /** Throws Trouble when the file cannot be written. */
  write(instructions: string): void {
    writePrivateJson(this.#path, { instructions });
  }
}

interface InstructionsOptions extends CommonOptions {
  readonly remove?: true;
}

/** Adds `parley instructions`. */
export function registerInstructions(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('instructions'), surroundings)
    .description('show or set your own instructions to the model, for all your conversations')
    .argument('[text...]', 'sent to the model with each message of `parley chat` from now on')
    .option('--remove', 'remove them')
    .action((text: readonly string[], options: InstructionsOptions) =>
      run(options.address, async () => change(text.join(' '), options, surroundings)),
    );
}

function change(text: string, options: InstructionsOptions, surroundings: Surroundings): void {
  if (options.remove === true && text !== '') throw new Trouble('Give either new instructions or --remove.');
  const owner = ownerOf(identify(options, surroundings), options);
  const file = new InstructionsFile(surroundings.stateHome, options.address, owner);
  const asked = options.remove === true ? '' : instructionsToSend(text);
  if (asked === undefined) throw new Trouble(`Instructions can have at most ${maxInstructionsBytes} bytes.`);
  if (options.remove === true || asked !== '') file.write(asked);
  const kept = file.read();
  const head = asked === '' ? '' : 'Sent with each message of `parley chat` from now on:\n';
  process.stdout.write(`${head}${kept === '' ? 'No instructions of your own.' : printable(kept)}\n`);
}

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const maxOutputBytes = 64 * 1_024 * 1_024;

/** The folder that install-tools.sh was given. Throws without one: a check that is not made must not pass. */
export function toolsFolder(folder: string | undefined): string {
  if (folder === undefined)
    throw new Error('PARLEY_TEST_TOOLS names no folder: src/tooling/deploy/install-tools.sh fills one');
  return folder;
}

/** Runs a program to its end and gives what it printed. Rejects with all that it said when it fails. */
export async function runTool(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { cwd, maxBuffer: maxOutputBytes });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${join(program)} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

import { EXIT_FAILED } from './common-options.ts';
import { explain } from './explain.ts';

/**
 * Runs a command's action and sets the process's exit code: failed when it gives false or is refused, which is told in
 * one line.
 * @param address named when nobody answers there
 */
export async function run(address: string, action: () => Promise<unknown>): Promise<void> {
  // Whoever reads has enough, as in `parley history | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  try {
    if ((await action()) === false) process.exitCode = EXIT_FAILED;
  } catch (error) {
    process.stderr.write(`${explain(error, address)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}

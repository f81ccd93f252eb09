import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runTool } from './run-tool.ts';

const script = fileURLToPath(new URL('../../src/testing/engines/run-install.ts', import.meta.url));

/** The ghz to run: the one in the PATH, or else one that is installed from its module the first time. Rejects when there is neither; stderr says why. */
export async function ghz(): Promise<string> {
  const isInPath = await runTool('ghz', ['--version']).then(
    () => true,
    () => false,
  );
  if (isInPath) return 'ghz';
  // With the environment of this process: installing takes the tools that its PATH names.
  const child = spawn(process.execPath, [script, 'ghz'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [folder, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error('ghz is not in the PATH, and could not be installed');
  return join(folder.trim(), 'ghz');
}

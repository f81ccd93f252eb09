/**
 * The load generator, in a process of its own: `node loadtest/driver/run.ts TARGET.json`. It starts no server, so it can be let loose on any
 * Parley without authentication: the file names its addresses, what to do, and where to write the messages said (load.ts, `Target`). On
 * stdout comes a line `{"tick": …}` each second, and at the end `{"figures": …}`. What servers did wrong is told in the figures; the exit code is 1 only when
 * the load could not be run.
 */
import { readFileSync } from 'node:fs';
import { drive } from './drive.ts';
import type { Target } from './load.ts';

const [, , path] = process.argv;

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  if (path === undefined) throw new Error('the file that says what to do is missing: run.ts TARGET.json');
  const target = JSON.parse(readFileSync(path, 'utf8')) as Target;
  const figures = await drive(target, (tick) => tell({ tick }));
  tell({ figures });
} catch (error) {
  console.error(`the load could not be run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

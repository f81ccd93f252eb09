import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DriverFigures, DriverTick } from '../driver/figures.ts';
import type { Target } from '../driver/load.ts';
import { root } from '../system/processes.ts';

interface Line {
  readonly tick?: DriverTick;
  readonly figures?: DriverFigures;
}

/** Runs the load in a process of its own, which is ended when the signal is aborted. Rejects when it could not run. */
export async function drive(
  target: Target,
  work: string,
  onTick: (tick: DriverTick) => void,
  signal: AbortSignal,
): Promise<DriverFigures> {
  const file = join(work, 'target.json');
  await writeFile(file, JSON.stringify(target));
  signal.throwIfAborted();
  const script = `${root}loadtest/driver/run.ts`;
  const child = spawn(process.execPath, [script, file], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  const over = once(child, 'close');
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  let figures: DriverFigures | undefined;
  try {
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.tick !== undefined) onTick(line.tick);
      figures ??= line.figures;
    });
    await once(lines, 'close');
  } finally {
    signal.removeEventListener('abort', end);
  }
  const [code] = await over;
  signal.throwIfAborted();
  if (code !== 0 || figures === undefined) throw new Error(`the driver ended with ${code} before it was done`);
  return figures;
}

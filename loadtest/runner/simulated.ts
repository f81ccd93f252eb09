import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { DriverFigures, MessageLine } from '../driver/figures.ts';
import { Latencies } from '../driver/latencies.ts';
import { type Kind, kinds } from '../driver/load.ts';
import type { Settings } from '../scenarios/scenario.ts';
import { root } from '../system/processes.ts';

/**
 * The figures with what each reply took above what was simulated. What the server simulated follows from its settings and from each message
 * in the driver's file, so the server need not tell.
 */
export async function withAboveSimulated(
  figures: DriverFigures,
  messagesFile: string,
  settings: Settings,
): Promise<DriverFigures> {
  const above = new Map<Kind, Latencies>();
  for await (const { line, simulatedMs } of withSimulated(messagesFile, settings)) {
    if (line.replyMs === undefined) continue;
    const latencies = above.get(line.kind) ?? new Latencies();
    above.set(line.kind, latencies);
    latencies.record(Math.max(0, line.replyMs - simulatedMs));
  }
  const told = kinds.flatMap((kind) => {
    const ofKind = figures.kinds[kind];
    const aboveSimulatedMs = above.get(kind)?.distribution();
    return ofKind === undefined ? [] : [[kind, { ...ofKind, aboveSimulatedMs }] as const];
  });
  return { ...figures, kinds: Object.fromEntries(told) };
}

/** Each message of the file, and how long its reply took of itself. Rejects when that cannot be worked out for one. */
export async function* withSimulated(
  messagesFile: string,
  settings: Settings,
): AsyncGenerator<{ readonly line: MessageLine; readonly simulatedMs: number }> {
  await using messages = await open(messagesFile);
  await using input = await open(messagesFile);
  const simulated = Object.entries(settings).filter(([name]) => name.startsWith('PARLEY_SIMULATED_'));
  const child = spawn(process.execPath, [`${root}src/main/simulated-delays.ts`], {
    env: Object.fromEntries(simulated),
    stdio: [input.fd, 'pipe', 'inherit'],
  });
  const over = once(child, 'close');
  if (child.stdout === null) throw new Error('the delays have no output');
  const delays = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  for await (const text of messages.readLines()) {
    const { value } = await delays.next();
    if (value === undefined)
      throw new Error(`the simulated waits ended with ${(await over)[0]} before the messages did`);
    yield { line: JSON.parse(text) as MessageLine, simulatedMs: Number(value) };
  }
  await over;
}

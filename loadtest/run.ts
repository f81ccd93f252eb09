/**
 * `npm run load -- SCENARIO`: starts servers, puts the load of a scenario on them, and writes what came of it. See README.md beside this file.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { comparison } from './report/comparison.ts';
import { summary, summaryLine } from './report/terminal.ts';
import type { LoadResult } from './result.ts';
import { LiveLine } from './runner/live-line.ts';
import { type Choices, type Run, runOf, runScenario } from './runner/run-scenario.ts';
import { scenarios } from './scenarios/scenarios.ts';

const usage = `npm run load -- SCENARIO [--profile embedded|distributed] [--protocol grpc|grpc-web] [--minutes N] [--quick] [--out FOLDER] [--baseline]
npm run load -- compare A.json B.json
npm run load -- list`;

const options = {
  profile: { type: 'string', default: 'embedded' },
  protocol: { type: 'string', default: 'grpc' },
  minutes: { type: 'string' },
  quick: { type: 'boolean', default: false },
  out: { type: 'string', default: 'load-results' },
  baseline: { type: 'boolean', default: false },
} as const;

/** What was asked for cannot be done; the message says why. */
class UsageError extends Error {}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`--${name} is ${choices.join(' or ')}, not ${value}`);
  return found;
}

function list(): string {
  const width = Math.max(...Object.keys(scenarios).map(({ length }) => length));
  return Object.entries(scenarios)
    .map(([name, { description }]) => `${name.padEnd(width)}  ${description}`)
    .join('\n');
}

interface Asked {
  readonly run: Run;
  readonly out: string;
  readonly isBaseline: boolean;
}

function asked(name: string, values: ReturnType<typeof parse>['values']): Asked {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new UsageError(`there is no scenario ${name}; there are:\n${list()}`);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0))
    throw new UsageError(`--minutes is a number above 0, not ${values.minutes}`);
  if (values.quick && values.baseline) throw new UsageError('--quick measures nothing that could be a baseline');
  const choices: Choices = {
    profile: oneOf('profile', values.profile, ['embedded', 'distributed']),
    protocol: oneOf('protocol', values.protocol, ['grpc', 'grpc-web']),
    isQuick: values.quick,
    minutes,
  };
  return { run: runOf(name, scenario, choices), out: values.out, isBaseline: values.baseline };
}

/** Gives the exit code: 1 when something was broken or lost. */
async function load({ run, out, isBaseline }: Asked, signal: AbortSignal): Promise<number> {
  const line = new LiveLine(process.stdout);
  const work = await mkdtemp(join(tmpdir(), 'parley-load-'));
  try {
    const { result, failures } = await runScenario(run, {
      work,
      signal,
      say: (text) => line.say(text),
      onTick: (tick, system) => line.show(summaryLine(tick, system)),
    });
    // What draws takes longer to load than all the rest, and is not wanted before.
    const { writeBaseline, writeResult } = await import('./runner/write-results.ts');
    const page = await writeResult(result, out);
    if (isBaseline) await writeBaseline(result);
    line.say(summary(result));
    for (const failure of failures) line.say(`FAILED  ${failure}`);
    line.say(`\n${resolve(page)}`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function parse() {
  return parseArgs({ options, allowPositionals: true });
}

async function main(): Promise<number> {
  const { values, positionals } = parse();
  const [command, ...rest] = positionals;
  if (command === 'list') console.log(list());
  else if (command === 'compare' && rest[0] !== undefined && rest[1] !== undefined)
    console.log(await compareFiles(rest[0], rest[1]));
  else if (command !== undefined && command !== 'compare' && rest.length === 0) {
    const interrupted = new AbortController();
    // What was started must be ended by who started it: the run rejects, and everything that it holds is disposed of.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => interrupted.abort(new UsageError(`ended by ${signal}`)));
    return await load(asked(command, values), interrupted.signal);
  } else throw new UsageError(usage);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = 1;
}

async function read(path: string): Promise<LoadResult> {
  return JSON.parse(await readFile(path, 'utf8')) as LoadResult;
}

/** Compares two results by the paths of their JSON files; text for the terminal. Rejects when one cannot be read. */
async function compareFiles(pathA: string, pathB: string): Promise<string> {
  return comparison(await read(pathA), await read(pathB));
}

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Percentiles, percentiles } from '../system/percentiles.ts';

/** How one configuration is run. */
export interface Run {
  /** The program. */
  readonly ghz: string;
  /** The configuration's file. */
  readonly file: string;
  /** Host and port. */
  readonly address: string;
  /** Calls, instead of those that the configuration says. */
  readonly requests: number | undefined;
  /** At once, likewise. */
  readonly concurrency: number | undefined;
  /** What the configuration's templates ask of the environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** Gets `<name>.html` and `<name>.json`. */
  readonly out: string;
}

/** What ghz saw of one kind of call. */
export interface Measured {
  readonly name: string;
  readonly count: number;
  /** From the start of the first call to the end of the last. */
  readonly perSecond: number;
  /** Of the calls that ended as they should. */
  readonly goodMs: Percentiles;
  /** Beyond a limit, and told so. */
  readonly refusedCount: number;
  /** How many ended with each code. */
  readonly codes: Readonly<Record<string, number>>;
  /** What else was met, each once, in the words of ghz. */
  readonly unexpected: readonly string[];
}

/** The settings of a configuration that are looked at; its tags, which ghz shows on its page, say which codes are no failures. */
interface Configuration {
  readonly name: string;
  readonly total: number;
  readonly concurrency: number;
  readonly connections?: number;
  readonly tags: { readonly good: string; readonly refused?: string };
}

/** A call, as ghz keeps it. */
interface Call {
  /** When it ended. */
  readonly timestamp: string;
  /** Nanoseconds. */
  readonly latency: number;
  readonly status: string;
  readonly error: string;
}

/** Runs one configuration. Rejects with the words of ghz when it could not make its calls. */
export async function measure({ ghz, file, address, requests, concurrency, variables, out }: Run): Promise<Measured> {
  const configuration = JSON.parse(await readFile(file, 'utf8')) as Configuration;
  const { name } = configuration;
  const total = requests ?? configuration.total;
  // ghz refuses to have more workers than calls, or more connections than workers.
  const workers = Math.min(concurrency ?? configuration.concurrency, total);
  const connections = Math.min(configuration.connections ?? 1, workers);
  const page = join(out, `${name}.html`);
  const environment = Object.entries(variables).map(([variable, value]) => `${variable}=${value}`);
  const numbers = { total, concurrency: workers, connections };
  const flags = Object.entries(numbers).map(([flag, value]) => `--${flag}=${value}`);
  const args = ['--config', file, ...flags, '--format=html', `--output=${page}`, address];
  await promisify(execFile)('env', [...environment, ghz, ...args]);
  const calls = callsOf(await readFile(page, 'utf8'));
  await writeFile(join(out, `${name}.json`), `${JSON.stringify(calls, null, 2)}\n`);
  return figures(configuration, calls);
}

/** One run of ghz writes one format. Its page holds every call, which it offers for download; no other format has figures and page of the same run. */
function callsOf(page: string): readonly Call[] {
  const [, calls] = /^\s*const rawData = (\[.*\]);$/m.exec(page) ?? [];
  if (calls === undefined) throw new Error('the page of ghz does not hold the calls: is this another release of it?');
  return JSON.parse(calls) as readonly Call[];
}

function figures({ name, tags }: Configuration, calls: readonly Call[]): Measured {
  const codes: Record<string, number> = {};
  const good: number[] = [];
  const unexpected = new Set<string>();
  let [begunMs, endedMs] = [Number.POSITIVE_INFINITY, 0];
  for (const { timestamp, latency, status, error } of calls) {
    const ms = latency / 1e6;
    const endMs = Date.parse(timestamp);
    begunMs = Math.min(begunMs, endMs - ms);
    endedMs = Math.max(endedMs, endMs);
    codes[status] = (codes[status] ?? 0) + 1;
    if (status === tags.good) good.push(ms);
    else if (status !== tags.refused) unexpected.add(error);
  }
  return {
    name,
    count: calls.length,
    perSecond: (calls.length * 1_000) / (endedMs - begunMs),
    goodMs: percentiles(good),
    refusedCount: tags.refused === undefined ? 0 : (codes[tags.refused] ?? 0),
    codes,
    unexpected: [...unexpected],
  };
}

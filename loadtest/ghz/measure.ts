import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { percentiles } from '../system/percentiles.ts';

/** How one configuration is run. */
export interface Run {
  /** The program. */
  readonly ghz: string;
  /** The configuration's file. */
  readonly file: string;
  /** Host and port. */
  readonly address: string;
  /** Calls, and calls at once, instead of those that the configuration says. */
  readonly requests: number | undefined;
  readonly concurrency: number | undefined;
  /** What the configuration's templates ask of the environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** Gets `<name>.html` and `<name>.json`. */
  readonly out: string;
}

/** What ghz saw of one kind of call. */
export type Measured = ReturnType<typeof figures>;

/** The settings of a configuration that are looked at; its tags, which ghz shows on its page, say which codes are no failures. */
interface Configuration {
  readonly name: string;
  readonly total: number;
  readonly concurrency: number;
  readonly connections?: number;
  readonly tags: { readonly good: string; readonly refused?: string };
}

/** A call, as ghz keeps it: when it ended, and its nanoseconds. */
interface Call {
  readonly timestamp: string;
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
  const numbers = { total, concurrency: workers, connections };
  const flags = Object.entries(numbers).map(([flag, value]) => `--${flag}=${value}`);
  const args = ['--config', file, ...flags, '--format=html', `--output=${page}`, address];
  const environment = Object.entries(variables).map(([variable, value]) => `${variable}=${value}`);
  await promisify(execFile)('env', [...environment, ghz, ...args]);
  // One run of ghz writes one format. Its page holds every call, which it offers for download; no other format has figures and page of the same run.
  const [, calls] = /^\s*const rawData = (\[.*\]);$/m.exec(await readFile(page, 'utf8')) ?? [];
  if (calls === undefined) throw new Error('the page of ghz does not hold the calls: is this another release of it?');
  const told = JSON.parse(calls) as readonly Call[];
  await writeFile(join(out, `${name}.json`), `${JSON.stringify(told, null, 2)}\n`);
  return figures(configuration, told);
}

function figures({ name, tags }: Configuration, calls: readonly Call[]) {
  const ended = calls.map(({ timestamp, latency }) => ({ endMs: Date.parse(timestamp), ms: latency / 1e6 }));
  const begunMs = ended.reduce((first, { endMs, ms }) => Math.min(first, endMs - ms), Number.POSITIVE_INFINITY);
  const endedMs = ended.reduce((last, { endMs }) => Math.max(last, endMs), 0);
  const good = calls.filter(({ status }) => status === tags.good);
  const unexpected = calls.filter(({ status }) => status !== tags.good && status !== tags.refused);
  const codes = Object.groupBy(calls, ({ status }) => status);
  return {
    name,
    count: calls.length,
    /** From the start of the first call to the end of the last. */
    perSecond: (calls.length * 1_000) / (endedMs - begunMs),
    /** Of the calls that ended as they should. */
    goodMs: percentiles(good.map(({ latency }) => latency / 1e6)),
    /** Beyond a limit, and told so. */
    refusedCount: codes[tags.refused ?? '']?.length ?? 0,
    /** How many ended with each code. */
    codes: Object.fromEntries(Object.entries(codes).map(([code, of = []]) => [code, of.length])),
    /** What else was met, each once, in the words of ghz. */
    unexpected: [...new Set(unexpected.map(({ error }) => error))],
  };
}

import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** Each takes time, chance, language or state from the process. */
const ambient = [
  'setTimeout(() => {}, 1);',
  'setImmediate(() => {});',
  'globalThis.setTimeout(() => {}, 1);',
  "import { setTimeout as wait } from 'node:timers/promises';\nawait wait(1);",
  'export const signal = AbortSignal.timeout(1);',
  'export const id = crypto.randomUUID();',
  "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();",
  'export const now = new Date();',
  'export const now = Date.now();',
  'export const chance = Math.random();',
  "export const words = new Intl.Segmenter('und');",
  "export const order = 'a'.localeCompare('b');",
  "export const form = 'A'.toLocaleLowerCase();",
  'export const shown = (1_000).toLocaleString();',
] as const;

/** Folders whose code must run under any clock, and in a simulation. */
const folders = [
  'src/domain',
  'src/ports',
  'src/app/gateway',
  'src/codec',
  'src/rpc',
  'src/workers',
  'projections',
  'projections/history',
  'projections/processing',
  'projections/active-connections',
] as const;

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ambient-state-'));
  for (const file of ['biome.json', 'src/tooling/no-ambient-state.grit']) await cp(file, join(root, file));
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
});

afterAll(() => rm(root, { recursive: true, force: true }));

/** The files that the linter refuses. */
async function refused(files: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
  await Promise.all(Object.entries(files).map(([file, source]) => writeFile(join(root, file), `${source}\n`)));
  const biome = join(process.cwd(), 'node_modules/.bin/biome');
  const args = [
    'lint',
    '--reporter=json',
    '--max-diagnostics=none',
    ...Object.keys(files).map((file) => dirname(file)),
  ];
  const output = await new Promise<string>((resolve) => {
    execFile(biome, args, { cwd: root, maxBuffer: 2 ** 24 }, (_failed, stdout) => resolve(stdout));
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: { location: { path: string } }[] };
  return new Set(diagnostics.map(({ location }) => location.path));
}

test('the linter refuses time and chance that do not come through the ports', async () => {
  const planted = folders.flatMap((folder) =>
    ambient.map((source, index) => [`${folder}/planted-${index}.ts`, source] as const),
  );
  const innocent = folders.map((folder) => [`${folder}/innocent.ts`, 'export const epoch = new Date(0);'] as const);
  const found = await refused(Object.fromEntries([...planted, ...innocent]));
  expect([...found].sort()).toEqual(planted.map(([file]) => file).sort());
});

/** Those that say which release of Unicode they depend on (docs/adr/0029). */
const recorded = new Set(['src/domain/conversation/search-words.ts']);

test('what folds depends on no table of Unicode but the recorded one', async () => {
  const sources: string[] = [];
  for (const folder of ['src/domain', 'src/codec', 'projections'])
    for await (const file of glob(`${folder}/**/*.ts`))
      if (!/[.]test[.]ts$|[/]testing[/]/.test(file)) sources.push(file);
  const texts = await Promise.all(sources.map(async (file) => [file, await readFile(file, 'utf8')] as const));
  const dependent = texts.filter(([, text]) => /\\p\{|[.]normalize\(/.test(text)).map(([file]) => file);
  expect(new Set(dependent)).toEqual(recorded);
});

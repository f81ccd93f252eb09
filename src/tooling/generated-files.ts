import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documents } from './documents.ts';

/** Folders that buf writes and nobody edits. */
const generated = ['src/gen', 'src/client/gen'];

/** Compares what is generated with what generating gives now. Contents only: it works in any state of version control. */
function main(): void {
  const fresh = mkdtempSync(join(tmpdir(), 'parley-generated-'));
  try {
    for (const template of ['buf.gen.yaml', 'src/client/buf.gen.yaml']) {
      execFileSync('node_modules/.bin/buf', ['generate', '--template', template, '--output', fresh], {
        stdio: 'inherit',
      });
    }
    const problems = [...generated.flatMap((path) => differences(path, join(fresh, path))), ...outdatedDocuments()];
    for (const problem of problems) console.log(`${problem}; run npm run generate`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

function differences(stored: string, fresh: string): readonly string[] {
  const paths = new Set([...filesOf(stored), ...filesOf(fresh)]);
  return [...paths]
    .sort()
    .filter((path) => read(join(stored, path)) !== read(join(fresh, path)))
    .map((path) => `${join(stored, path)} is not what the .proto files give`);
}

function outdatedDocuments(): readonly string[] {
  return Object.entries(documents())
    .filter(([path, text]) => read(path) !== Buffer.from(text).toString('latin1'))
    .map(([path]) => `${path} is not what it is written from`);
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** undefined for a file that is not there. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

main();

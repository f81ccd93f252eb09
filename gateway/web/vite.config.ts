import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Smaller files are a packet either way. */
const minCompressedBytes = 1_024;

const dist = join(import.meta.dirname, 'dist');
/** Processes that are started side by side each build the page: none may remove what another writes, or loads to serve it. */
const building = `${dist}-${process.pid}`;

/** Puts the whole of this build in the place of the former one. */
function publish(): void {
  const former = `${building}-former`;
  rename(dist, former);
  rename(building, dist);
  for (const left of [former, building]) rmSync(left, { recursive: true, force: true });
}

/** Renames a folder; nothing when another build has just taken the one away, or put its own there. */
function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Writes each text once more, as small as it gets, which servers hand out: they compress nothing themselves. Then the build is complete. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = '' }) {
      const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
      for (const path of names
        .filter((name) => /\.(html|js|css|svg|json)$/.test(name))
        .map((name) => join(dir, name))) {
        const bytes = readFileSync(path);
        if (bytes.length < minCompressedBytes) continue;
        // Brotli's own default is its best, 11.
        writeFileSync(`${path}.br`, brotliCompressSync(bytes));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
      publish();
    },
  };
}

const dist = join(import.meta.dirname, 'dist');
/** Its own for each build: servers that are started together in one checkout build at the same time. */
const building = `${dist}.${process.pid}`;

/** Renames. @returns false when the source is gone or the target has come: another build was first */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) return false;
    throw error;
  }
}

/** Puts a complete build in the place of the former one: nobody finds half of it. */
function replaced(): Plugin {
  return {
    name: 'replaced',
    apply: 'build',
    closeBundle(error) {
      if (error === undefined && moved(dist, `${building}.old`)) rmSync(`${building}.old`, { recursive: true });
      if (error === undefined) moved(building, dist);
      rmSync(building, { recursive: true, force: true });
    },
  };
}

/** Static files that any server can hand out from any path: `npm run web` writes them to dist/. */
export default defineConfig({
  root: import.meta.dirname,
  // Relative: the files work below whatever path they are served.
  base: './',
  plugins: [compressed(), replaced()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: building,
    emptyOutDir: true,
    target: 'es2023',
    // Nothing may be inlined as a `data:` URL: the content security policy takes files of this origin and no other.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Nobody who starts the server wants to know which part of the build took longest.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});

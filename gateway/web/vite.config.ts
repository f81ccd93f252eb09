import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Smaller files are a packet either way. */
const minCompressedBytes = 1_024;

/** Brotli's best takes 3.9 s of the 2.5 MB of the diagrams' library, which every first start waits for; this takes 0.3 s, and is a tenth larger. */
const maxBestBytes = 1_000_000;
const goodQuality = 9;

/** Writes each text once more, as small as it gets: servers hand that out, and compress nothing themselves. */
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
        const quality = bytes.length > maxBestBytes ? goodQuality : constants.BROTLI_MAX_QUALITY;
        const params = { [constants.BROTLI_PARAM_QUALITY]: quality };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

const dist = join(import.meta.dirname, 'dist');
/** Its own for each build: servers that are started together in one checkout build at the same time. */
const building = `${dist}.${process.pid}`;

/** Renames, unless the source is gone or the target has come: another build was first. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
  }
}

/** Puts a complete build in the place of the former one: nobody finds half of it. */
function replaced(): Plugin {
  return {
    name: 'replaced',
    apply: 'build',
    closeBundle(error) {
      const former = `${building}.old`;
      if (error === undefined) {
        // The former one is removed later: until the second there is no page.
        move(dist, former);
        move(building, dist);
      }
      for (const left of [former, building]) rmSync(left, { recursive: true, force: true });
    },
  };
}

const inFolder = (name: string): string => join(import.meta.dirname, name);

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
    // The diagrams' library is one file.
    chunkSizeWarningLimit: 3_000,
    // Nobody who starts the server wants to know which part of the build took longest.
    rolldownOptions: { checks: { pluginTimings: false }, input: ['index.html', 'diagrams.html'].map(inFolder) },
  },
});

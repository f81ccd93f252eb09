import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
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

const pages = ['diagrams.html', 'index.html'];
const dist = join(import.meta.dirname, 'dist');
/** Its own for each build: servers that are started together in one checkout build at the same time. */
const building = `${dist}.${process.pid}`;

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** Pages after what they refer to, and the one by which `npm start` knows that a build is complete at the end. */
const rankOf = (file: string): number => pages.indexOf(file);

/**
 * Puts a complete build in the place of the former one, file by file: a folder cannot replace another one in one step, and a server that starts
 * meanwhile would find no page.
 */
function replace(): void {
  const made = filesIn(building).toSorted((a, b) => rankOf(a) - rankOf(b));
  for (const file of made) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    renameSync(join(building, file), join(dist, file));
  }
  // What only former pages refer to. Another build of the same sources has the same names.
  for (const file of filesIn(dist)) if (!made.includes(file)) rmSync(join(dist, file), { force: true });
}

function replaced(): Plugin {
  return {
    name: 'replaced',
    apply: 'build',
    closeBundle(error) {
      if (error === undefined) replace();
      rmSync(building, { recursive: true, force: true });
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
    rolldownOptions: { checks: { pluginTimings: false }, input: pages.map(inFolder) },
  },
});

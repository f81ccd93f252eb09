import { defineConfig } from 'vite';

/** Static files that any server can hand out from any path: `npm run web` writes them to dist/. */
export default defineConfig({
  root: import.meta.dirname,
  // Relative: the files work below whatever path they are served.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    // Nothing may be inlined as a `data:` URL: the content security policy takes files of this origin and no other.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

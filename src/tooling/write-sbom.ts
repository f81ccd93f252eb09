import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Writes the bill of materials (CycloneDX) of what is built into `dist`: the packages of the server, and those of the page, which are in the scope
 * `optional`. It comes from the lock file without its entries for development: `npm sbom --omit=dev` also leaves out what both the server and a tool use.
 */
const scratch = mkdtempSync(join(tmpdir(), 'parley-sbom-'));
try {
  // npm calls the application by the name of its folder.
  const folder = join(scratch, 'parley');
  mkdirSync(folder);
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync('package.json', 'utf8'));
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const { '': root, ...packages } = lock.packages as Record<string, { dev?: true; devDependencies?: unknown }>;
  const used = Object.entries(packages).filter(([, entry]) => !entry.dev);
  const ofRoot = { ...root, devDependencies: {} };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(
    join(folder, 'package-lock.json'),
    JSON.stringify({ ...lock, packages: { '': ofRoot, ...Object.fromEntries(used) } }),
  );
  const format = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
  writeFileSync('dist/sbom.cdx.json', execFileSync('npm', ['sbom', '--package-lock-only', ...format], { cwd: folder }));
} finally {
  rmSync(scratch, { recursive: true });
}

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tree = fileURLToPath(new URL('../../../', import.meta.url));

/** What the simulation needs of the tree. */
const copied = ['package.json', 'src', 'projections'];

/** Output of patch programs that nobody reads. */
const quiet = { stdio: 'pipe', encoding: 'utf8' } as const;

/** The path of a mutation's patch. */
export function patchOf(name: string): string {
  return join(import.meta.dirname, `${name}.patch`);
}

/** Throws, naming the place, when the patch does not apply to the tree as it is. */
export function checkPatch(name: string): void {
  execFileSync('git', ['apply', '--check', patchOf(name)], { ...quiet, cwd: tree });
}

/** A copy of the tree with the fault in it, in a temporary folder that goes when it is disposed of. Throws when the patch does not apply. */
export function mutatedTree(name: string): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), `parley-${name}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    for (const part of copied) {
      const filter = (path: string) => !path.endsWith('.test.ts');
      cpSync(join(tree, part), join(folder, part), { recursive: true, filter });
    }
    symlinkSync(join(tree, 'node_modules'), join(folder, 'node_modules'));
    execFileSync('git', ['apply', patchOf(name)], { ...quiet, cwd: folder });
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, [Symbol.dispose]: remove };
}

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyPatch, parsePatch } from 'diff';

const tree = fileURLToPath(new URL('../../../', import.meta.url));

/** What the simulation needs of the tree. */
const copied = ['package.json', 'src', 'projections'];

/** The files that the mutation changes, as they are with its fault, by their paths in the tree. Throws, naming the file, when the patch does not apply. */
export function mutatedFiles(name: string): ReadonlyMap<string, string> {
  const patches = parsePatch(readFileSync(join(import.meta.dirname, `${name}.patch`), 'utf8'));
  return new Map(
    patches.map((patch) => {
      const path = (patch.newFileName ?? '').replace(/^b[/]/, '');
      const mutated = applyPatch(readFileSync(join(tree, path), 'utf8'), patch);
      if (mutated === false) throw new Error(`${name}.patch does not apply to ${path}`);
      return [path, mutated];
    }),
  );
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
    for (const [path, text] of mutatedFiles(name)) writeFileSync(join(folder, path), text);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, [Symbol.dispose]: remove };
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documents } from './documents.ts';

/** Compares what is generated, by contents alone, with what generating gives now, in a folder of its own: it works in any state of version control. */
const fresh = mkdtempSync(join(tmpdir(), 'parley-generated-'));
try {
  for (const template of ['buf.gen.yaml', 'src/client/buf.gen.yaml'])
    execFileSync('node_modules/.bin/buf', ['generate', '--template', template, '--output', fresh], {
      stdio: 'inherit',
    });
  execFileSync(process.execPath, ['src/tooling/generate-documents.ts', fresh], { stdio: 'inherit' });
  for (const path of ['src/gen', 'src/client/gen', ...Object.keys(documents())]) {
    try {
      execFileSync('diff', ['-rq', path, join(fresh, path)], { stdio: 'inherit' });
    } catch {
      console.log(`${path} is not what it is generated from; run npm run generate`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(fresh, { recursive: true });
}

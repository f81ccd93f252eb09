import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Everything that must hold of the tree, each by the tool that knows it. */
const steps: Readonly<Record<string, readonly string[]>> = {
  types: ['tsc', '-p', '.'],
  'types of the client SDK': ['tsc', '-p', 'src/client'],
  'types of the web client': ['tsc', '-p', 'gateway/web'],
  format: ['biome', 'check', '--linter-enabled=false', '--max-diagnostics=none'],
  lint: ['biome', 'lint', '--error-on-warnings', '--max-diagnostics=none'],
  'promises and switches': ['oxlint', '--type-aware', '--deny-warnings'],
  'layers and cycles': [
    'depcruise',
    ...['src', 'projections', 'gateway', 'loadtest'].filter((folder) => existsSync(folder)),
  ],
  'proto lint': ['buf', 'lint'],
  'proto breaking changes': ['node', 'src/tooling/breaking-changes.ts'],
  'generated files': ['node', 'src/tooling/generated-files.ts'],
  'code shape': ['node', 'src/tooling/code-shape.ts'],
};

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
  readonly ms: number;
}

/** Runs a tool of the project and keeps what it says. A tool that cannot be started has failed. */
function run([tool = '', ...args]: readonly string[]): Promise<Outcome> {
  const begun = performance.now();
  const child = spawn(`node_modules/.bin/${tool}`, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    const settle = (passed: boolean, more = '') =>
      resolve({ passed, output: Buffer.concat(chunks) + more, ms: performance.now() - begun });
    child.on('error', (error) => settle(false, error.message));
    child.on('close', (code) => settle(code === 0));
  });
}

/** Every step is run, whatever became of those before it; one that failed says why. */
let passedCount = 0;
for (const [name, command] of Object.entries(steps)) {
  const { passed, output, ms } = await run(command);
  if (passed) passedCount += 1;
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name} (${(ms / 1_000).toFixed(1)} s)`);
  if (!passed) console.log(output.replace(/^/gm, '    '));
}
const failedCount = Object.keys(steps).length - passedCount;
console.log(`Checks: ${passedCount} passed, ${failedCount} failed`);
process.exitCode = failedCount === 0 ? 0 : 1;

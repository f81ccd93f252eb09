import { spawnSync } from 'node:child_process';

/**
 * Compares the .proto files with the last commit on main: clients that were generated from it must go on working. On main itself, with
 * nothing changed since, that is the commit before the last. Where there is no such commit, or it has no .proto files, nothing can break.
 */
function main(): void {
  const base = baseCommit();
  if (base === undefined) {
    console.log('nothing to compare with: there is no earlier commit that holds proto/ and buf.yaml');
    return;
  }
  const against = `.git#ref=${base}`;
  const { status } = spawnSync('node_modules/.bin/buf', ['breaking', '--against', against], { stdio: 'inherit' });
  console.log(`compared with ${base.slice(0, 12)}`);
  process.exitCode = status ?? 1;
}

function baseCommit(): string | undefined {
  const head = commitOf('HEAD');
  const last = commitOf('origin/main') ?? commitOf('main') ?? head;
  const base = last === head && isUnchanged() ? commitOf('HEAD~1') : last;
  return base !== undefined && holdsContract(base) ? base : undefined;
}

function isUnchanged(): boolean {
  return git('status', '--porcelain', '--', 'proto', 'buf.yaml') === '';
}

function holdsContract(commit: string): boolean {
  return git('ls-tree', '--name-only', commit, 'proto', 'buf.yaml') === 'buf.yaml\nproto';
}

function commitOf(name: string): string | undefined {
  return git('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
}

/** What git says, or undefined when it fails. */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout.trim() : undefined;
}

main();

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { release } from '../main/release.ts';
import { ownRoot } from './server.ts';

const run = promisify(execFile);
const whatIsMissing =
  'former releases are taken from the history of the repository, which this checkout lacks: run git fetch --unshallow, or clone it whole';
/** Ignored by git. Within the checkout, so that the packages of this release are found, and always the same, so that Node finds its code compiled. */
const folder = join(ownRoot, 'data', 'releases');

/**
 * The checkout of what ran before this release, for `startServer`: the last commit before package.json named it. Not of a release's name, because the
 * distributed profile came with 0.3.0. Rejects as `releaseNamed`.
 */
export async function releaseBefore(): Promise<string> {
  const first = await firstCommitOf(release);
  return checkedOut(await git('rev-parse', '--verify', `${first ?? 'HEAD'}${first === undefined ? '' : '~1'}`));
}

/**
 * The checkout of the commit by which package.json first named that release, from the history of this repository, as releases are published nowhere else.
 * It runs with the packages of this one. Rejects in a checkout without that history.
 */
export async function releaseNamed(version: string): Promise<string> {
  const first = await firstCommitOf(version);
  if (first === undefined) throw new Error(`release ${version}: ${whatIsMissing}`);
  return checkedOut(first);
}

async function firstCommitOf(version: string): Promise<string | undefined> {
  const commits = await git('log', '--reverse', '--format=%H', `-S"version": "${version}"`, '--', 'package.json');
  return commits.split('\n').find((commit) => commit !== '');
}

async function checkedOut(commit: string): Promise<string> {
  const root = join(folder, commit);
  if (existsSync(root)) return root;
  await mkdir(folder, { recursive: true });
  // The formatter refuses a second configuration below its own.
  const command = 'git -C "$0" archive "$1" -- . ":!biome.json" | tar -x -C "$2"';
  const unfinished = await mkdtemp(`${root}-`);
  try {
    await run('sh', ['-c', command, ownRoot, commit, unfinished]);
    await rename(unfinished, root);
  } catch (error) {
    await rm(unfinished, { recursive: true });
    // Another test was first.
    if (!existsSync(root)) throw error;
  }
  return root;
}

async function git(...args: string[]): Promise<string> {
  try {
    return (await run('git', ['-C', ownRoot, ...args])).stdout.trim();
  } catch (cause) {
    throw new Error(whatIsMissing, { cause });
  }
}

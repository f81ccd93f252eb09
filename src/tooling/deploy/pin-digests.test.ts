import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exactRelease } from './testing/images.ts';

// Docker, which no test has, is a script here that answers as its registries would.
const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const changed = ['compose.yaml', 'Dockerfile', 'kubernetes/envoy/deployment.yaml'];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-digests-'));
  cpSync(deploy, join(folder, 'deploy'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (file: string) => readFileSync(join(folder, 'deploy', file), 'utf8');

/** Runs the script, with a Docker that prints this for each image. Resolves to what it printed. */
async function pin(answer: string): Promise<string> {
  const docker = join(folder, 'bin/docker');
  writeFileSync(docker, `#!/bin/sh\n[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo '${answer}'\n`);
  chmodSync(docker, 0o755);
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
  const { stdout } = await promisify(execFile)(join(folder, 'deploy/pin-digests.sh'), { env });
  return stdout;
}

/** Every image that a file names, but Parley's own. */
function imagesOf(file: string): readonly string[] {
  const named = [...read(file).matchAll(/^ *(?:image:|FROM) (\S+)/gm)].map(([, image = '']) => image);
  return named.filter((image) => !image.startsWith('parley:'));
}

test('each image of others gets its digest, once, and nothing else is changed', async () => {
  const before = changed.map(read);
  const images = [...new Set(changed.flatMap(imagesOf))];
  expect((await pin(digest)).trim().split('\n')).toEqual(images.toSorted().map((image) => `${image}@${digest}`));
  for (const image of changed.flatMap(imagesOf)) {
    expect(image).toMatch(exactRelease);
    expect(image.endsWith(`@${digest}`)).toBe(true);
  }
  expect(changed.map((file) => read(file).replaceAll(`@${digest}`, ''))).toEqual(before);
  const pinned = changed.map(read);
  expect(await pin(digest)).toBe('');
  expect(changed.map(read)).toEqual(pinned);
});

test('what is no digest is refused, and written nowhere', async () => {
  const before = changed.map(read);
  await expect(pin('unknown: manifest unknown')).rejects.toThrow("no digest but 'unknown: manifest unknown'");
  expect(changed.map(read)).toEqual(before);
});

import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { ChatPage } from '../../../gateway/web/browser/testing/chat-page.ts';
import { installedChromium, launchChromium } from '../../../gateway/web/browser/testing/chromium.ts';
import { settings } from '../../config/settings.ts';
import { DemoShell, expectShape } from '../../testing/demo-shell.ts';
import { type Demo, demosIn } from '../../testing/demos.ts';
import { engineNames, installed } from '../../testing/engines/install.ts';
import { readCompose } from './testing/compose.ts';
import { outsideEnv } from './testing/outside-env.ts';
import { writeSchemas } from './testing/schemas.ts';
import { runTool, toolsFolder } from './testing/tools.ts';

// The page is followed as it stands, with its ports and addresses: in a network of its own, where the machine lets it have one.

/** A build takes seconds. */
const pollMs = 20;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const tools = toolsFolder(process.env['PARLEY_TEST_TOOLS']);
const folder = mkdtempSync(join(tmpdir(), 'parley-page-'));
const clone = join(folder, 'parley');
const deployment = join(clone, 'my-deployment');
const manifests = join(clone, 'deploy/kubernetes/my-deployment');
/** Of the tree, what a clone does not have. */
const isMade = (path: string) => /^(\.git|node_modules|data|dist|my-deployment|gateway\/web\/dist)$/.test(path);
const demos = demosIn(readFileSync(join(root, 'docs/deployment.md'), 'utf8'));
const inNetwork = ['unshare', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const ownNetwork =
  process.getuid?.() === 0 && spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
const env = {
  ...outsideEnv(),
  ...pick('ENGINES_DIR', 'NODE_COMPILE_CACHE'),
  PATH: [dirname(process.env['GRPCURL'] ?? ''), process.env['PATH']].join(delimiter),
  XDG_STATE_HOME: join(folder, 'state'),
};

let shell: DemoShell;
/** For what comes from registries. */
let outside: DemoShell;

beforeAll(async () => {
  for (const name of [...engineNames, 'envoy'] as const) await installed(name);
  cpSync(root, clone, { recursive: true, filter: (path) => !isMade(relative(root, path)) });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const bash = ['bash', '--norc'];
  shell = new DemoShell(ownNetwork ? [...inNetwork, ...bash] : bash, { env, cwd: clone });
  outside = new DemoShell(bash, { env, cwd: clone });
  if (ownNetwork) await succeed('ip link set lo up');
  await succeed('set -o pipefail');
});
afterAll(async () => {
  await shell?.[Symbol.asyncDispose]();
  await outside?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function pick(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

async function succeed(command: string, where = shell): Promise<readonly string[]> {
  const { lines, code } = await where.run(command);
  if (code !== 0) throw new Error(`$ ${command}\n${lines.join('\n')}\nended with ${code}`);
  return lines;
}

/** `.env` has what the Compose file asks for, and Docker Compose's library loads the file with it. */
async function loadCompose(): Promise<void> {
  const compose = readCompose(readFileSync(join(clone, 'deploy/compose.yaml'), 'utf8'), {
    ...parseEnv(readFileSync(join(clone, 'deploy/.env'), 'utf8')),
  } as Record<string, string>);
  const path = join(folder, 'compose.yaml');
  writeFileSync(path, stringify(compose, { aliasDuplicateObjects: false }));
  expect(await runTool(join(tools, 'compose-go'), ['--no-interpolation', path], folder)).toContain('gateway-2');
}

/** The files of secrets name settings, and leave no value out. */
function readSecrets(): void {
  for (const role of ['gateway', 'worker', 'projector']) {
    const secrets = parseEnv(readFileSync(join(manifests, `${role}.env`), 'utf8'));
    expect(Object.keys(secrets).filter((name) => !Object.hasOwn(settings, name))).toEqual([]);
    expect(Object.values(secrets)).not.toContain('');
    expect(secrets).toHaveProperty('PARLEY_MONGODB_URI');
  }
}

function readCertificate(): void {
  const [cert, key] = ['tls.crt', 'tls.key'].map((name) => readFileSync(join(manifests, name)));
  expect(new X509Certificate(cert!).checkPrivateKey(createPrivateKey(key!))).toBe(true);
}

/** What would be applied is as Kubernetes and KEDA want it. */
async function validate(tool: string, args: readonly string[], cwd: string): Promise<void> {
  const [built, schemas] = [join(folder, 'built.yaml'), join(folder, 'schemas')];
  if (!existsSync(schemas)) await writeSchemas(tools, schemas);
  writeFileSync(built, await runTool(join(tools, tool), args, cwd));
  const location = `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`;
  await runTool(join(tools, 'kubeconform'), ['-strict', '-schema-location', location, built], folder);
}

/** Lines that need Docker or a cluster, and what is checked of them here; dockerfile.clients.test.ts carries out the steps of the image. */
const notRun: readonly (readonly [RegExp, (command: string) => Promise<void> | void])[] = [
  [/^docker compose up/, loadCompose],
  [/^docker (build|run|exec|compose) /, () => {}],
  [/kubectl .*--from-env-file=/, readSecrets],
  [/^kubectl .*create secret tls /, readCertificate],
  [/^kubectl apply -k \.$/, () => validate('kustomize', ['build', '.'], manifests)],
  [/^helm upgrade --install /, (command) => validate('helm', ['template', ...command.split(' ').slice(3)], clone)],
  [/^kubectl .*create namespace /, () => {}],
];

async function follow(demo: Demo): Promise<void> {
  const [, check] = notRun.find(([pattern]) => pattern.test(demo.command)) ?? [];
  if (check !== undefined) await check(demo.command);
  else if (demo.command.includes('pip install')) await succeed(`cd ${deployment} && ${demo.command}`, outside);
  // What `npm ci` installs is linked; src/tooling/production-install.clients.test.ts runs it.
  else expectShape(demo, await succeed(demo.command.replace('npm ci && ', '')));
}

test('the page is followed from a clone to a chat through Envoy, by the command line and by grpcurl', async () => {
  try {
    for (const demo of demos) await follow(demo);
  } catch (error) {
    throw new Error((await shell.run('tail -n 20 *.log')).lines.join('\n'), { cause: error });
  }
});

test('somebody signs in and chats in a browser', async () => {
  const program = join(folder, 'chromium');
  const network = ownNetwork ? `nsenter --net=/proc/${shell.pid}/ns/net` : '';
  writeFileSync(program, `#!/bin/sh\nexec ${network} '${installedChromium()}' "$@"\n`, { mode: 0o755 });
  await using browser = await launchChromium(program);
  const chat = new ChatPage(await browser.newPage({ ignoreHTTPSErrors: true }));
  await chat.page.goto('https://localhost:8443/');
  await chat.page.getByRole('textbox', { name: 'User name' }).fill('alice');
  await chat.page
    .getByLabel('Password', { exact: true })
    .fill(readFileSync(join(deployment, 'alice.password'), 'utf8').trim());
  await chat.button('Sign in').click();
  await chat.is('connected');
  expect(await (await chat.ask('Hello from a browser.')).textContent()).not.toBe('');
});

test('what the page started ends in order, and leaves no process behind', async () => {
  const end = (jobs: string) => succeed(`kill ${jobs} && for job in ${jobs}; do wait $job || echo "$job: $?"; done`);
  const [engines = '', ...processes] = await succeed('jobs -p');
  expect(await end(processes.join(' '))).toEqual([]);
  expect(await end(engines)).toEqual([]);
  if (ownNetwork) expect(await succeed('cat /proc/[0-9]*/comm')).toEqual(['bash']);
});

test('the web client is there, whole, while another process builds it', async () => {
  const dist = join(clone, 'gateway/web/dist');
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => file.endsWith('.br')).length).toBeGreaterThan(0);
  const missing = new Set<string>();
  let isBuilt = false;
  const built = succeed(`cd ${clone} && npm run --silent web`, outside).finally(() => {
    isBuilt = true;
  });
  while (!isBuilt) {
    for (const file of files.filter((name) => !existsSync(join(dist, name)))) missing.add(file);
    await sleep(pollMs);
  }
  await built;
  expect([...missing]).toEqual([]);
});

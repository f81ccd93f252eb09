import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deployedLimits, type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { type ParleyServer, runScript, startEnvironment, startServer } from '../../src/testing/server.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The server is measured as users run it: the embedded profile as `npm start` does, a deployment's processes with the image's options for Node. */
const [imageCommand = ''] = /^CMD .*$/m.exec(readFileSync(`${root}deploy/Dockerfile`, 'utf8')) ?? [];
const imageOptions = imageCommand.match(/--[^\s",]+/g) ?? [];

/** Starts `parley serve` with its default limits, quiet, in the embedded profile or by the settings of another. Its data are removed with it, unless PARLEY_DATA_DIR says where they are. */
export function startParley(settings: Readonly<Record<string, string>> = {}): Promise<ParleyServer> {
  const { PARLEY_DATA_DIR: dataDir, PARLEY_PROFILE: profile } = settings;
  return startServer({
    env: { ...startEnvironment, PARLEY_LOG_LEVEL: 'warn', PARLEY_SIMULATED_TEXT_DELAY_MS: '0', ...settings },
    ...(dataDir !== undefined && { dataDir }),
    ...(profile === 'distributed' && { nodeOptions: imageOptions }),
  });
}

/** Starts a script that stands beside Parley in a bench, and says on its first line where it listens. */
export async function startBeside(
  script: string,
  ...args: readonly string[]
): Promise<AsyncDisposable & { readonly address: string; readonly pid: number }> {
  const child = spawn(process.execPath, [`${root}${script}`, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = once(child, 'close');
  const [address] = await once(createInterface({ input: child.stdout }), 'line');
  const stop = async () => {
    child.kill();
    await over;
  };
  return { address: String(address), pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
}

/** What limits one address would limit a load. */
const unlimited = { rateLimit: { perSecond: 1_000_000, burst: 1_000_000 } };

/** Starts Envoy before a server: without limits of its own, or with those that it has before gateways that ask for tokens. */
export function startEnvoyBefore(
  server: Pick<ParleyServer, 'address' | 'httpAddress'>,
  withLimits = false,
): Promise<EnvoyEngine> {
  return startEnvoy({ gateways: [server], values: withLimits ? deployedLimits : unlimited });
}

/** Runs a script to its end and gives the last line of its output, parsed. Nothing of this process's environment gets in. Rejects when it fails. */
export async function runJson<T>(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { code, stdout, stderr } = await runScript(`${root}${script}`, args, env);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Config } from './config.ts';
import { ConfigInvalid, loadConfig } from './load-config.ts';
import { listenAddress } from './value-types.ts';

/**
 * The configuration of this process: its environment, and the `.env` file of the folder, if there is one. What both name, the
 * environment decides; what the command line says as well (`given`), that. Throws ConfigInvalid.
 */
export function loadEnvironment(
  folder: string = process.cwd(),
  given: Readonly<Record<string, string | undefined>> = {},
): Config {
  return loadConfig({ ...variables(folder), ...given });
}

/** Where clients on this machine reach the server of that configuration; undefined where it says nothing that can be reached. */
export function serverAddress(
  setting: 'PARLEY_GRPC_LISTEN' | 'PARLEY_HTTP_LISTEN',
  folder: string = process.cwd(),
): string | undefined {
  const listen = listenAddress.parse(variables(folder)[setting] ?? '');
  if (listen === undefined || listen.port === 0) return undefined;
  const host = reachableHost[listen.host] ?? listen.host;
  return `${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

/** Of those that mean every address of the machine. */
const reachableHost: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

function variables(folder: string): Readonly<Record<string, string | undefined>> {
  return { ...readEnvFile(join(folder, '.env')), ...process.env };
}

/** Where the user's programs keep their state (XDG Base Directory Specification); undefined where nothing is said of it. */
export function stateHome(): string | undefined {
  const { XDG_STATE_HOME: folder } = process.env;
  return folder === '' ? undefined : folder;
}

function readEnvFile(path: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new ConfigInvalid([`${path} cannot be read: ${message}`]);
  }
}

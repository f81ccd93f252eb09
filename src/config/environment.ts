import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Config } from './config.ts';
import { ConfigInvalid, loadConfig } from './load-config.ts';

/**
 * The configuration of this process: its environment, and the `.env` file of the folder, if there is one. What both name, the
 * environment decides; what the command line says as well (`given`), that. Throws ConfigInvalid.
 */
export function loadEnvironment(
  folder: string = process.cwd(),
  given: Readonly<Record<string, string | undefined>> = {},
): Config {
  return loadConfig({ ...readEnvFile(join(folder, '.env')), ...process.env, ...given });
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

import { loadEnvironment } from '../config/environment.ts';
import { describeExposure } from '../config/exposure.ts';
import type { ServeOptions } from './serve.ts';

/** Reads the environment as `serve` does, starts nothing, and prints what a server so configured exposes. Rejects with ConfigInvalid. */
export async function checkConfig({ roles }: ServeOptions): Promise<void> {
  const config = loadEnvironment(undefined, roles === undefined ? {} : { PARLEY_ROLES: roles });
  process.stdout.write(describeExposure(config));
}

import type { Config } from '../config/config.ts';
import type { Opening } from './opening.ts';

/** Each profile is loaded when it is used: the embedded one needs no client of any engine. */
export async function openingOf(config: Config): Promise<Opening> {
  switch (config.profile) {
    case 'embedded':
      return (await import('./embedded-opening.ts')).embeddedOpening(config);
    case 'distributed':
      return (await import('./distributed-opening.ts')).distributedOpening(config);
    default:
      return config.profile satisfies never;
  }
}

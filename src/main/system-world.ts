import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import type { World } from './composition.ts';

/** The machine's own time and chance. */
export function systemWorld(logger: Logger, tracer: Tracer | undefined): World {
  return { clock: systemClock, ids: nodeCryptoIds, logger, tracer };
}

import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import type { World } from './composition.ts';

/** The machine's own time and chance. */
export function systemWorld(logger: Logger, tracer: Tracer | undefined): World {
  return { clock: systemClock, ids: nodeCryptoIds, logger, tracer };
}

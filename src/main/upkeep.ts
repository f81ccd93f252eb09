import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { Eraser } from '../app/erasure/eraser.ts';
import { Conversations } from '../app/gateway/conversations.ts';
import { MediaSweeper, type SweepMetrics } from '../app/media/sweeper.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Backends } from './backends.ts';

/** How often deleted conversations are looked for: a look is one read of an index that is nearly always empty. */
const erasureIntervalMs = 1_000;

export interface UpkeepOptions {
  readonly config: Config;
  readonly backends: Backends;
  readonly logger: Logger;
  readonly metrics: SweepMetrics;
}

/** Looks after unused media and deleted conversations until it is disposed. Several processes may: they do no harm, but work twice. */
export function startUpkeep({ config, backends, logger, metrics }: UpkeepOptions): AsyncDisposable {
  const { media: settings } = config;
  const common = { clock: systemClock, logger, references: backends.history };
  const conversations = new Conversations({ ...backends, ids: nodeCryptoIds });
  // A reply's media are stored before the reply that names them is in the log, up to a whole attempt later.
  const uploadLifetimeMs = Math.max(settings.uploadLifetimeMs, config.worker.totalTimeoutMs);
  const sweeping = { sweepIntervalMs: settings.sweepIntervalMs, uploadLifetimeMs };
  const sweeper = new MediaSweeper({ ...common, store: backends.media, conversations, metrics, settings: sweeping });
  const erasing = { delayMs: settings.erasureDelayMs, intervalMs: erasureIntervalMs, ids: nodeCryptoIds };
  const eraser = new Eraser({ ...backends, ...common, ...erasing });
  const running = new AsyncDisposableStack();
  sweeper.start();
  running.defer(() => sweeper.stop());
  eraser.start();
  running.defer(() => eraser.stop());
  return running;
}

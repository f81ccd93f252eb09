import { hostname } from 'node:os';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { fileTypeInspector } from '../adapters/media-inspector/file-type/file-type-inspector.ts';
import { type FolderMediaStore, openFolderMediaStore } from '../adapters/media-store/folder/folder-media-store.ts';
import { Eraser } from '../app/erasure/eraser.ts';
import { Conversations } from '../app/gateway/conversations.ts';
import { MediaLibrary } from '../app/media/media-library.ts';
import { type MediaLinks, mediaLinks } from '../app/media/media-links.ts';
import { MediaSweeper, type SweepMetrics } from '../app/media/sweeper.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../ports/telemetry.ts';
import { mediaFolder } from './data-folder.ts';
import type { Storage } from './storage.ts';

/** How often deleted conversations are looked for: a look is one read of an index that is nearly always empty. */
const erasureIntervalMs = 1_000;

/** Media, as everything else uses them. */
export interface Media extends AsyncDisposable {
  readonly store: FolderMediaStore;
  readonly library: MediaLibrary;
  readonly links: MediaLinks;
}

export interface MediaOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly metrics: SweepMetrics;
  /** Host and port that the HTTP port listens on; asked for each URL, as it is known only when it listens. */
  readonly httpAddress: () => string;
}

/**
 * Opens the data folder's media, and begins to look after unused ones and after deleted conversations. Rejects with MediaStoreTooNew,
 * MediaStoreDamaged or MediaUnavailable.
 */
export async function openMedia({ config, storage, logger, metrics, httpAddress }: MediaOptions): Promise<Media> {
  const { media: settings, limits } = config;
  await using opened = new AsyncDisposableStack();
  const store = opened.use(
    await openFolderMediaStore({
      folder: mediaFolder(config.dataDir),
      prefix: config.prefix,
      publicUrl: () => publicUrlOf(config, httpAddress()),
      clock: systemClock,
      maxObjectBytes: limits.maxMediaBytes,
      onError: (error) => logger.error({ err: error }, 'a media request failed'),
    }),
  );
  const common = { clock: systemClock, logger, references: storage.history };
  const conversations = new Conversations({ ...storage, ids: nodeCryptoIds });
  // A reply's media are stored before the reply that names them is in the log, up to a whole attempt later.
  const uploadLifetimeMs = Math.max(settings.uploadLifetimeMs, config.worker.totalTimeoutMs);
  const sweeping = { sweepIntervalMs: settings.sweepIntervalMs, uploadLifetimeMs };
  const sweeper = new MediaSweeper({ ...common, store, conversations, metrics, settings: sweeping });
  sweeper.start();
  opened.defer(() => sweeper.stop());
  const { erasureDelayMs: delayMs } = settings;
  const erasing = { delayMs, intervalMs: erasureIntervalMs, ids: nodeCryptoIds, media: store };
  const eraser = new Eraser({ ...common, ...storage, ...erasing });
  eraser.start();
  opened.defer(() => eraser.stop());
  const resources = opened.move();
  return {
    store,
    library: new MediaLibrary({
      ...common,
      store,
      ids: nodeCryptoIds,
      inspector: fileTypeInspector,
      settings: { ...settings, maxMediaBytes: limits.maxMediaBytes },
    }),
    links: mediaLinks({ store, clock: systemClock, logger, urlLifetimeMs: settings.urlLifetimeMs }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The HTTP port as clients reach it: as configured, or as listened on; an address that stands for all of them is told as the machine's name. */
function publicUrlOf({ media, tls }: Config, httpAddress: string): string {
  if (media.publicUrl !== '') return media.publicUrl;
  const address = httpAddress.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, hostname());
  return `${tls === undefined ? 'http' : 'https'}://${address}`;
}

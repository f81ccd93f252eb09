import type { MediaStore } from '../../ports/media-store.ts';
import { MediaUnavailable } from '../../ports/media-store.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';

/** How long a store that does not answer is waited for. */
const timeoutMs = 2_000;

/** The media store as a process has it over a network. */
export function mediaOverNetwork(store: MediaStore, process: SimulatedProcess, faults: Faults): MediaStore {
  const { random } = process;

  async function ask<T>(perform: () => Promise<T>): Promise<T> {
    if (faults.isAway('media', process.name)) {
      await process.hop(random.chance(0.5) ? 1 : timeoutMs);
      throw new MediaUnavailable('away');
    }
    const slowMs = faults.strikes('media-slow') ? faults.stream('media-slow').logarithmic(5, 20_000) : 0;
    const latency = { thereMs: slowMs + random.between(0.1, 2), backMs: random.between(0.1, 2) };
    if (!faults.strikes('media-error')) return process.request(latency, perform);
    if (faults.stream('media-error').chance(0.5)) await process.request(latency, perform);
    else await process.hop(1);
    throw new MediaUnavailable('failed');
  }

  return {
    // What an owner may still store is asked of the store.
    uploadUrl: (...what) => ask(() => store.uploadUrl(...what)),
    // Signing needs nobody else.
    downloadUrl: (...what) => store.downloadUrl(...what),
    put: (...what) => ask(() => store.put(...what)),
    stat: (mediaId) => ask(() => store.stat(mediaId)),
    read: (...what) => ask(() => store.read(...what)),
    delete: (mediaId) => ask(() => store.delete(mediaId)),
    usageOf: (ownerId) => ask(() => store.usageOf(ownerId)),
    removePartial: (olderThanMs) => ask(() => store.removePartial(olderThanMs)),
    async *list() {
      for await (const batch of store.list()) yield await ask(async () => batch);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

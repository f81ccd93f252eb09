import type { Collection, Document, ReadModelStore, Rebuild } from '../../ports/read-model.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';

/** How long a store that does not answer is waited for. */
const timeoutMs = 2_000;

/** Read models as a process has them over a network: slow, away, or failing before or after what was asked was done. */
export function readModelsOverNetwork(
  store: ReadModelStore,
  process: SimulatedProcess,
  faults: Faults,
): ReadModelStore {
  const { random } = process;

  async function ask<T>(perform: () => Promise<T>): Promise<T> {
    if (faults.isAway('store', process.name)) {
      await process.hop(random.chance(0.5) ? 1 : timeoutMs);
      throw new ReadModelUnavailable('away');
    }
    const slowMs = faults.strikes('store-slow') ? faults.stream('store-slow').logarithmic(5, 8_000) : 0;
    const latency = { thereMs: slowMs + random.between(0.1, 1), backMs: random.between(0.1, 1) };
    if (!faults.strikes('store-error')) return process.request(latency, perform);
    // What failed may have been done.
    if (faults.stream('store-error').chance(0.5)) await process.request(latency, perform);
    else await process.hop(1);
    throw new ReadModelUnavailable('failed');
  }

  function collection<D extends Document>(of: Collection<D>): Collection<D> {
    return {
      get: (id) => ask(() => of.get(id)),
      load: (ids) => ask(() => of.load(ids)),
      page: (query) => ask(() => of.page(query)),
      search: (query) => ask(() => of.search(query)),
      scan: (afterId, limit) => ask(() => of.scan(afterId, limit)),
      count: (index, equals) => ask(() => of.count(index, equals)),
      sum: (index, equals, field) => ask(() => of.sum(index, equals, field)),
    };
  }

  function rebuild(of: Rebuild): Rebuild {
    return {
      store: readModelsOverNetwork(of.store, process, faults),
      hold: () => ask(() => of.hold()),
      activate: () => ask(() => of.activate()),
      discard: () => ask(() => of.discard()),
    };
  }

  return {
    collection: (spec) => collection(store.collection(spec)),
    apply: (...what) => ask(() => store.apply(...what)),
    checkpoint: (...where) => ask(() => store.checkpoint(...where)),
    rebuild: (model) => ask(async () => rebuild(await store.rebuild(model))),
    scrub: () => ask(() => store.scrub()),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

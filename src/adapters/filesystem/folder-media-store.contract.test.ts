import { mediaStoreContract } from '../../ports/contracts/media-store.contract.ts';
import { ServedStore } from './testing/served-store.ts';

mediaStoreContract('folder', async (limits = {}) => {
  const served = await ServedStore.start({}, limits);
  return {
    store: served.store,
    reopen: () => served.reopen(),
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
});

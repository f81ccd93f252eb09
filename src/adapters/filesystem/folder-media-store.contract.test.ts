import { mediaStoreContract } from '../../ports/contracts/media-store.contract.ts';
import { ServedStore } from './testing/served-store.ts';

mediaStoreContract('folder', async () => {
  const served = await ServedStore.start();
  return {
    store: served.store,
    reopen: () => served.reopen(),
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
});

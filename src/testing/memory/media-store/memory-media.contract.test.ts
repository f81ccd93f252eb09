import { mediaStoreContract } from '../../../ports/contracts/media-store.contract.ts';
import { servedMedia } from './testing/served-media.ts';

mediaStoreContract('memory', async (limits) => {
  const served = await servedMedia(limits);
  let store = served.media.handle();
  return {
    store,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      store = served.media.handle();
      return store;
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
});

import { mediaStoreContract } from '../../ports/contracts/media-store.contract.ts';
import { servedMedia } from '../../testing/memory/media-store/testing/served-media.ts';
import { mediaOverNetwork } from './media.ts';
import { FreeRunning } from './testing/free-running.ts';

mediaStoreContract('simulated network', async (limits) => {
  const time = new FreeRunning();
  const served = await servedMedia(limits);
  const open = () => mediaOverNetwork(served.media.handle(), time.process(), time.faults);
  let store = open();
  return {
    store,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      store = open();
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      await served[Symbol.asyncDispose]();
      await time[Symbol.asyncDispose]();
    },
  };
});

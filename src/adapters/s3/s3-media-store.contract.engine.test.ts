import { afterAll, beforeAll } from '@jest/globals';
import { mediaStoreContract } from '../../ports/contracts/media-store.contract.ts';
import { type S3Engine, startS3 } from '../../testing/engines/s3.ts';
import { newPrefix, openStore } from './testing/s3-stores.ts';

// On a slow machine hundreds of requests take their time.
let s3: S3Engine;
beforeAll(async () => {
  s3 = await startS3({ external: 'allowed' });
});
afterAll(() => s3[Symbol.asyncDispose]());

mediaStoreContract('S3', async (room = {}) => {
  const prefix = newPrefix();
  let store = openStore(s3, prefix, { room });
  const first = store;
  return {
    store: first,
    async reopen() {
      await store[Symbol.asyncDispose]();
      store = openStore(s3, prefix, { room });
      return store;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});

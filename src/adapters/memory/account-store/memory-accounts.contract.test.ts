import { accountStoreContract } from '../../../ports/contracts/account-store.contract.ts';
import { MemoryAccountServer } from './memory-accounts.ts';

accountStoreContract('memory', async (clock) => {
  const server = new MemoryAccountServer(() => clock.nowMs());
  return { open: async () => server.handle(), async [Symbol.asyncDispose]() {} };
});

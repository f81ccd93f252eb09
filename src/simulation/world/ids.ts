import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import type { Ids } from '../../ports/ids.ts';

/** Ids that are the same for the same history: those that are derived as they are everywhere, those that are new counted. */
export function countedIds(): Ids {
  let count = 0;
  const next = (kind: string) => {
    count += 1;
    return `${kind}${String(count).padStart(6, '0')}`;
  };
  return { ...nodeCryptoIds, unique: () => next('u'), token: () => next('t') };
}

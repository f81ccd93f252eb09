import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { createEventCodec } from '../codec/event-codec.ts';

/** The codec as the server has it, for tests to which the ids of events do not matter. */
export const eventCodec = createEventCodec(nodeCryptoIds);

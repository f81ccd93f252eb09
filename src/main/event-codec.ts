import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { createEventCodec } from '../codec/event-codec.ts';

/** The codec of every log that this process opens. */
export const eventCodec = createEventCodec(nodeCryptoIds);

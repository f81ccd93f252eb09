import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { createEventCodec } from '../codec/event-codec.ts';

/** The codec of every log that this process opens. */
export const eventCodec = createEventCodec(nodeCryptoIds);

/** A client that speaks once and pings for ever, to be stopped from outside. Says `connected` when it is. */
import { connect } from './black-box-client.ts';

const pingIntervalMs = 200;
const address = process.argv[2] ?? '';
const { session } = await connect({ address, shape: 'bidi' });
await session.ask('I am here');
setInterval(() => void session.ping().catch(() => process.exit(1)), pingIntervalMs);
console.log('connected');

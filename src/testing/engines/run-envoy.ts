import { startEnvoy } from './envoy.ts';

/** `node run-envoy.ts ADDRESS HTTP_ADDRESS`: Envoy without TLS before one gateway, in the foreground until SIGTERM. Prints where it listens. */
const [address, httpAddress] = process.argv.slice(2);
if (address === undefined || httpAddress === undefined)
  throw new Error('usage: node run-envoy.ts ADDRESS HTTP_ADDRESS');
const told = new Promise<void>((hear) => {
  process.on('SIGINT', () => hear());
  process.on('SIGTERM', () => hear());
});
// What limits one address would limit a load.
const rateLimit = { perSecond: 1_000_000, burst: 1_000_000 };
await using envoy = await startEnvoy({ gateways: [{ address, httpAddress }], values: { rateLimit } });
console.log(`envoy is listening: ${envoy.address}`);
await Promise.race([told, envoy.exited()]);

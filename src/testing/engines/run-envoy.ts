import { composeValues } from '../../../gateway/envoy/values.ts';
import { startEnvoy } from './envoy.ts';

/**
 * `node run-envoy.ts ADDRESS HTTP_ADDRESS [deployed]`: Envoy without TLS before one gateway, in the foreground until SIGTERM. Prints where it listens.
 * `deployed`: what one address may ask is limited as before gateways that ask for tokens.
 */
const [address, httpAddress, limits] = process.argv.slice(2);
if (address === undefined || httpAddress === undefined)
  throw new Error('usage: node run-envoy.ts ADDRESS HTTP_ADDRESS [deployed]');
const told = new Promise<void>((hear) => {
  process.on('SIGINT', () => hear());
  process.on('SIGTERM', () => hear());
});
// What limits one address would limit a load.
const unlimited = { rateLimit: { perSecond: 1_000_000, burst: 1_000_000 } };
const { rateLimit, rateLimitWithoutToken } = composeValues;
await using envoy = await startEnvoy({
  gateways: [{ address, httpAddress }],
  values: limits === 'deployed' ? { rateLimit, rateLimitWithoutToken } : unlimited,
});
console.log(`envoy is listening: ${envoy.address}`);
await Promise.race([told, envoy.exited()]);

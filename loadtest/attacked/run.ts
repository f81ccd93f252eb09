/**
 * `npm run load:attacked [-- --envoy] [--open] [--seconds N] [--attackers N] [--way NAME …]`: what an attack by people without an account costs those who have one. 20 honest
 * clients talk, alone, beside 200 connections that attack (src/testing/attacks/attackers.ts), and alone again; of each time their p99, and how much memory the server gained.
 * With --envoy all come through Envoy; with --open the server keeps no accounts, and anybody may talk; with --insiders N clients who may talk (with --open: without an account) attack instead, by all that a client may do in tight
 * loops (src/testing/attacks/insider.ts), at the server's default limits. Shows the figures; the exit code says only whether it could be run and
 * each message was answered.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { memory } from '../system/process-figures.ts';
import { runJson, startEnvoyBefore, startParley } from '../system/processes.ts';
import { connectHonest } from './honest.ts';

const warmUpMs = 15_000;
/** What a process that attacks may take to load. */
const loadMs = 2_000;

const { values } = parseArgs({
  options: {
    envoy: { type: 'boolean', default: false },
    open: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    insiders: { type: 'string', default: '0' },
    attackers: { type: 'string', default: '200' },
    way: { type: 'string', multiple: true, default: [] },
  },
});
const durationMs = Number(values.seconds) * 1_000;
/** Limits allow a burst: those who attack have used it up by then. */
const firstMs = Math.min(10_000, durationMs / 2);
const byInsiders = values.insiders !== '0';
const keepsAccounts = !values.open;
// As where clients come from the network: their addresses count, but for Envoy's.
const network = {
  PARLEY_MAX_CONNECTIONS_PER_ADDRESS: '1000',
  ...(values.envoy && { PARLEY_TRUSTED_PROXIES: '127.0.0.1' }),
  ...(keepsAccounts && { PARLEY_AUTH: 'accounts', PARLEY_SIGN_UPS_PER_ADDRESS: '100' }),
};
await using server = await startParley(network);
await using envoy = values.envoy ? await startEnvoyBefore(server, keepsAccounts) : undefined;
const address = envoy?.address ?? server.address;
const [grpcPort, httpPort] = [address, envoy?.address ?? server.httpAddress].map((at) => at.split(':').at(-1) ?? '');
await using honest = new AsyncDisposableStack();
const talkHonestly = await connectHonest(address, keepsAccounts, honest);

/** The honest clients' figures, and the most memory that the server has had until then. */
const talk = async (name: string, forMs: number) => {
  const { answered, p50, p99, max } = await talkHonestly(forMs);
  // Of its whole life: the times alone come before the attack.
  const { peakMib } = memory(server.pid);
  console.log(
    `${name}: ${answered} answered, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms; the server ${peakMib.toFixed(0)} MiB`,
  );
  return { p99, peakMib };
};

const attackers = (script: string, ...args: readonly (string | number | undefined)[]) =>
  runJson<Record<string, number>>(`src/testing/attacks/${script}`, args.map(String));

// Until the code is compiled and the heap has its size.
await talk('warm-up', Math.min(durationMs, warmUpMs));
const before = await talk('alone', durationMs);
const beginMs = Date.now() + loadMs;
const attack = byInsiders
  ? attackers('insider.ts', address, values.insiders, beginMs, durationMs, ...(keepsAccounts ? ['accounts'] : []))
  : attackers('attackers.ts', grpcPort, httpPort, values.attackers, beginMs, durationMs, ...values.way);
const talkBeside = async () => {
  await sleep(loadMs);
  const first = await talk('attacked, at first', firstMs);
  return [first, await talk('attacked', durationMs - firstMs)] as const;
};
const [[first, beside], begun] = await Promise.all([talkBeside(), attack]);
console.log(byInsiders ? 'refused:' : 'attacks begun:', JSON.stringify(begun));
const after = await talk('alone again', durationMs);
const alone = Math.max(before.p99, after.p99);
console.log(
  `p99 ${(beside.p99 - alone).toFixed(1)} ms above the worse of those alone, at first ${(first.p99 - alone).toFixed(1)} ms; the server grew by ${(beside.peakMib - before.peakMib).toFixed(0)} MiB`,
);

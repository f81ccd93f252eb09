import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { call, clientOf, type Dynamic, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { freePort } from '../../src/testing/engines/free-port.ts';
import { type Arrival, type Ending, type StandInGateway, startStandIn } from './testing/stand-in-gateway.ts';

// The first one may have to install Envoy.
const services = { Send: 'chat.v1.ChatService', GetUsage: 'chat.v1.OperationsService' } as const;
const gateways: StandInGateway[] = [];
let envoy: EnvoyEngine;
let arrivals: Arrival[] = [];
/** How the next calls end, whichever gateway they reach; those after them as they should. */
let endings: Ending[] = [];

beforeAll(async () => {
  const take = (arrival: Arrival) => {
    arrivals.push(arrival);
    return endings.shift() ?? 'ok';
  };
  gateways.push(await startStandIn(take), await startStandIn(take));
  envoy = await startEnvoy({ gateways });
});

afterEach(() => {
  [arrivals, endings] = [[], []];
});

afterAll(async () => {
  for (const resource of [envoy, ...gateways]) await resource?.[Symbol.asyncDispose]();
});

async function ask(
  method: keyof typeof services,
  headers: Readonly<Record<string, string>> = {},
  through = envoy,
): Promise<Dynamic> {
  const client = clientOf(services[method], through.address);
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  try {
    return await call(client, method, {}, undefined, metadata);
  } finally {
    hangUp(client);
  }
}

const failures = ['unavailable', 'cut'] as const;

test.each(failures)(
  'a Send whose answer does not come (%s) is never sent again: it may have been taken',
  async (ending) => {
    endings = [ending];
    await expect(ask('Send')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(arrivals).toHaveLength(1);
  },
);

test('not even when the client asks Envoy to', async () => {
  endings = ['unavailable'];
  const asked = { 'x-envoy-retry-grpc-on': 'unavailable', 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '3' };
  await expect(ask('Send', asked)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(arrivals).toHaveLength(1);
});

test.each(failures)('a call that only reads (%s) is asked again', async (ending) => {
  endings = [ending];
  await ask('GetUsage');
  expect(arrivals).toHaveLength(2);
});

test('but not for ever', async () => {
  endings = Array.from({ length: 10 }, () => 'unavailable');
  await expect(ask('GetUsage')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(arrivals).toHaveLength(3);
});

test('what could not be sent goes to another gateway, and arrives there once', async () => {
  const gone = await freePort();
  const [here] = gateways;
  const nobody = { address: `127.0.0.1:${gone}`, httpAddress: `127.0.0.1:${gone}` };
  await using some = await startEnvoy({ gateways: [nobody, here!] });
  for (let count = 0; count < 20; count += 1) await ask('Send', { 'x-parley-gateway': base64(nobody.address) }, some);
  expect(arrivals).toHaveLength(20);
});

const forged = {
  'x-forwarded-for': '198.51.100.7, 127.0.0.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.example',
  forwarded: 'for=198.51.100.7',
  'x-real-ip': '198.51.100.7',
  'x-envoy-external-address': '198.51.100.7',
  'x-parley-door': 'a guess',
};
/** What of those headers reached the gateway. */
const arrivedOf = (arrival: Arrival | undefined) =>
  Object.fromEntries(
    Object.keys(forged).flatMap((name) => arrival?.metadata.get(name).map((value) => [name, value]) ?? []),
  );

test('gateways are told the address that Envoy sees, and nothing that the client says of its way', async () => {
  await ask('Send', forged);
  expect(arrivedOf(arrivals[0])).toEqual({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-envoy-external-address': '127.0.0.1',
  });
});

test('behind another proxy they are told what that one appended', async () => {
  await using inner = await startEnvoy({ gateways, values: { trustedHops: 1 } });
  await ask('Send', { 'x-forwarded-for': '203.0.113.5, 198.51.100.7' }, inner);
  expect(arrivals[0]?.metadata.get('x-forwarded-for')).toEqual(['198.51.100.7']);
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

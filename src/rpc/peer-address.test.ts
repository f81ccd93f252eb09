import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { AddressRanges, CallAddresses, doorKeyHeader } from './peer-address.ts';

const doorKey = 'the key of the door';

/** Where a call comes from that has this peer, and says to have come these ways. */
function addressOf(
  peer: string,
  forwarded: readonly string[] = [],
  key?: string,
  trusted: readonly string[] = [],
  trustedHops = 1,
) {
  return originOf({ peer, forwarded, key, trusted, trustedHops }).address;
}

interface Way {
  readonly peer: string;
  readonly forwarded?: readonly string[];
  readonly key?: string | undefined;
  readonly trusted?: readonly string[];
  readonly trustedHops?: number;
  readonly allowUnnamedProxies?: boolean;
}

function originOf({ peer, forwarded = [], key, trusted = [], trustedHops = 1, allowUnnamedProxies = false }: Way) {
  const metadata = new Metadata();
  for (const value of forwarded) metadata.add('x-forwarded-for', value);
  if (key !== undefined) metadata.set(doorKeyHeader, key);
  const ranges = new AddressRanges(trusted);
  const addresses = new CallAddresses({ trusted: ranges, trustedHops, doorKey, allowUnnamedProxies });
  return addresses.originOf({ getPeer: () => peer, metadata });
}

test.each([
  ['192.0.2.1:50051', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1:50051', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6:50051', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff:ffff:ffff:ffff:1', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1:50051', '2001:db8:1:2::/64'],
  ['2001:db8::1:50051', '2001:db8:0:0::/64'],
  ['fe80::1%eth0:50051', 'fe80:0:0:0::/64'],
  ['[::1]:50051', '0:0:0:0::/64'],
  ['::1:50051', '0:0:0:0::/64'],
  ['unknown', 'unknown'],
  ['', ''],
])('%s is %s', (peer, address) => {
  expect(addressOf(peer)).toBe(address);
});

describe('what a call says of its way', () => {
  const [proxy, client] = ['10.0.0.7:5000', '192.0.2.1'];

  test('is not believed of just anybody', () => {
    expect(addressOf('198.51.100.9:1', [client])).toBe('198.51.100.9');
    expect(addressOf('198.51.100.9:1', [client], undefined, ['10.0.0.0/8'])).toBe('198.51.100.9');
    expect(addressOf('unknown', [client])).toBe('unknown');
  });

  test.each([
    ['its last word', [`203.0.113.5, ${client}`], client],
    ['over several headers', ['203.0.113.5', client], client],
    ['with a port', [`${client}:4711`], client],
    ['an IPv6 network', ['[2001:db8::1:2:3:4:5]:4711'], '2001:db8:0:1::/64'],
    ['IPv6 whose end looks like a port', ['2001:db8::1:2:3:4:5'], '2001:db8:0:1::/64'],
    ['an address within IPv6', [`::ffff:${client}`], client],
    ['not what is no address', [`${client}, unknown`], '10.0.0.7'],
    ['nothing', [], '10.0.0.7'],
    ['its last word when that is a trusted address', [`${client}, 10.9.9.9`], '10.9.9.9'],
    ['the same when a client writes only such', ['10.1.1.1, 10.2.2.2, 10.9.9.9'], '10.9.9.9'],
  ])('is believed of a trusted proxy: %s', (_, forwarded, address) => {
    expect(addressOf(proxy, forwarded, undefined, ['10.0.0.0/8'])).toBe(address);
  });

  test.each([
    [1, '10.1.1.1'],
    [2, '10.9.9.9'],
    [3, client],
    [4, client],
  ])('is believed of %i proxies, one after another, while they are trusted', (trustedHops, address) => {
    const forwarded = [`203.0.113.5, ${client}, 10.9.9.9,10.1.1.1`];
    expect(addressOf(proxy, forwarded, undefined, ['10.0.0.0/8'], trustedHops)).toBe(address);
  });

  test('is as far as it goes, of a call that went past a proxy', () => {
    expect(addressOf(proxy, ['10.9.9.9'], undefined, ['10.0.0.0/8'], 3)).toBe('10.9.9.9');
    expect(addressOf(proxy, [`203.0.113.5, ${client}`], undefined, ['10.0.0.0/8'], 3)).toBe(client);
  });

  test('is believed of a proxy that is trusted by its address, in either family', () => {
    expect(addressOf('::ffff:10.0.0.7:1', [client], undefined, ['10.0.0.7'])).toBe(client);
    expect(addressOf('fd00::5:50051', [client], undefined, ['fd00::/8'])).toBe(client);
  });

  test('is believed of the door for browsers, whose key nobody else knows', () => {
    expect(addressOf('unknown', [`203.0.113.5, ${client}`], doorKey)).toBe(client);
    expect(addressOf('unknown', [`${client}, 10.0.0.7`], doorKey, ['10.0.0.0/8'])).toBe(client);
    expect(addressOf('198.51.100.9:1', [client], 'a guess')).toBe('198.51.100.9');
  });
});

describe('the address of a client is', () => {
  const [client, proxy] = ['192.0.2.1', '10.0.0.7'];
  const unnamed = { peer: `${proxy}:1`, forwarded: [client], allowUnnamedProxies: true };

  test.each<[string, Way, string | undefined]>([
    ['that of its connection', { peer: `${client}:1` }, client],
    ['what a trusted proxy says', { peer: `${proxy}:1`, forwarded: [client], trusted: [proxy] }, client],
    ["unknown when it is this machine's own", { peer: '127.0.0.1:1' }, undefined],
    [
      "unknown when it is this machine's own, by the door",
      { peer: '::1:1', forwarded: ['::1'], key: doorKey },
      undefined,
    ],
    ['its network', { peer: '2001:db8:1:2:3:4:5:6:1' }, '2001:db8:1:2::/64'],
    ['unknown when a trusted proxy does not say it', { peer: `${proxy}:1`, trusted: [proxy] }, undefined],
    ['unknown behind a proxy that nobody named', unnamed, undefined],
    ['unknown behind one before the door', { ...unnamed, forwarded: [client, proxy], key: doorKey }, undefined],
    [
      'that of the door, which passes on what was not passed on before',
      { ...unnamed, forwarded: [proxy], key: doorKey },
      proxy,
    ],
    ['its own where no proxy may be that is not named', { ...unnamed, allowUnnamedProxies: false }, proxy],
    ['its own when it has a public one, whatever it writes', { ...unnamed, peer: '203.0.113.9:1' }, '203.0.113.9'],
    ['its own when it does not say that it was passed on', { ...unnamed, forwarded: [] }, proxy],
  ])('%s', (_, way, clientAddress) => {
    expect(originOf(way).clientAddress).toBe(clientAddress);
  });
});

import { EventEmitter } from 'node:events';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  addressPenaltyMs,
  connectionSweepMs,
  firstRequestMs,
  maxAddressRefusedCalls,
  maxAddressResetStreams,
} from '../domain/connection-limits.ts';
import type { CutReason } from '../ports/telemetry.ts';
import { AddressRanges, CallAddresses } from '../rpc/peer-address.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { ConnectionGate } from './connection-gate.ts';

let clock: StandingClock;
let cut: CutReason[];
let ports: number;

beforeEach(() => {
  clock = new StandingClock();
  cut = [];
  ports = 0;
});

function gateOf(maxConnections: number, maxConnectionsPerAddress = maxConnections): ConnectionGate {
  return new ConnectionGate({
    maxConnections,
    maxConnectionsPerAddress,
    addresses: new CallAddresses({
      trusted: new AddressRanges(['10.0.0.0/8']),
      trustedHops: 1,
      doorKey: 'door',
      allowUnnamedProxies: false,
    }),
    idleMs: 60_000,
    clock,
    metrics: { cut: (reason) => cut.push(reason) },
  });
}

/** As much of a socket as the gate uses. */
function socketFrom(remoteAddress: string): Socket {
  ports += 1;
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress,
    remotePort: ports,
    destroyed: false,
    destroy() {
      socket.destroyed = true;
      socket.emit('close');
      return socket;
    },
    resetAndDestroy: () => socket.destroy(),
  });
  return socket as unknown as Socket;
}

function admit(gate: ConnectionGate, address: string): Socket {
  const socket = socketFrom(address);
  expect(gate.admit(socket)).toBe(!socket.destroyed);
  return socket;
}

/** Time passes in the steps in which deadlines are looked at, whoever runs in between having their turn. */
async function pass(ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += connectionSweepMs) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(connectionSweepMs);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

describe('connections of one address', () => {
  test('are refused beyond its share, and may come again when others have gone', () => {
    const gate = gateOf(10, 2);
    const [first] = [admit(gate, '192.0.2.1'), admit(gate, '192.0.2.1')];
    expect(admit(gate, '192.0.2.1').destroyed).toBe(true);
    expect(admit(gate, '::ffff:192.0.2.1').destroyed).toBe(true);
    expect(admit(gate, '192.0.2.2').destroyed).toBe(false);
    first.destroy();
    expect(admit(gate, '192.0.2.1').destroyed).toBe(false);
    expect(cut).toEqual(['address', 'address']);
  });

  test('are those of a network by IPv6', () => {
    const gate = gateOf(10, 1);
    admit(gate, '2001:db8::1');
    expect(admit(gate, '2001:db8::2').destroyed).toBe(true);
    expect(admit(gate, '2001:db8:0:1::1').destroyed).toBe(false);
  });

  test('are not counted of a proxy that is trusted', () => {
    const gate = gateOf(10, 1);
    for (let count = 0; count < 5; count += 1) expect(admit(gate, '10.1.2.3').destroyed).toBe(false);
  });
});

describe('when there is no room', () => {
  test('the one that has said nothing for longest gives way', () => {
    const gate = gateOf(3);
    const [asked, silent, later] = [admit(gate, '192.0.2.1'), admit(gate, '192.0.2.1'), admit(gate, '192.0.2.1')];
    gate.hasAsked(asked);
    expect(admit(gate, '192.0.2.1').destroyed).toBe(false);
    expect([asked, silent, later].map(({ destroyed }) => destroyed)).toEqual([false, true, false]);
    expect(cut).toEqual(['connections']);
  });

  test('a further one is refused where all have asked for something', () => {
    const gate = gateOf(2);
    for (const socket of [admit(gate, '192.0.2.1'), admit(gate, '192.0.2.2')]) gate.hasAsked(socket);
    expect(admit(gate, '192.0.2.3').destroyed).toBe(true);
    expect(cut).toEqual(['connections']);
  });
});

test('a connection that asks for nothing is closed at its deadline, one that has asked is not', async () => {
  const gate = gateOf(10);
  const [silent, asked] = [admit(gate, '192.0.2.1'), admit(gate, '192.0.2.1')];
  gate.hasAsked(asked);
  await pass(firstRequestMs - 2 * connectionSweepMs);
  expect(silent.destroyed).toBe(false);
  await pass(4 * connectionSweepMs);
  expect([silent.destroyed, asked.destroyed]).toEqual([true, false]);
  expect(cut).toEqual(['silent']);
});

describe('streams that clients reset', () => {
  const refused = { sentHeaders: { 'grpc-status': 16 } };

  /** A connection by HTTP/2, and the way to have its client reset a stream. */
  function http2From(gate: ConnectionGate, address: string, headers: IncomingHttpHeaders = {}) {
    const server = new EventEmitter();
    gate.watchSessions(server as Http2Server);
    const socket = admit(gate, address);
    const session = Object.assign(new EventEmitter(), { socket, destroyed: false });
    server.emit('session', session);
    const end = (how: object) => {
      const stream = Object.assign(new EventEmitter(), { aborted: false, ...how });
      session.emit('stream', stream, headers);
      stream.emit('close');
    };
    const close = (aborted: boolean) => end({ aborted });
    return { socket, session, close, end };
  }

  test('cut their address off beyond its share, for a while', () => {
    const gate = gateOf(10, 5);
    const [first, second] = [http2From(gate, '192.0.2.1'), http2From(gate, '192.0.2.1')];
    for (let count = 0; count < maxAddressResetStreams; count += 1) first.close(true);
    expect(first.socket.destroyed).toBe(false);
    second.close(false);
    expect(second.socket.destroyed).toBe(false);
    second.close(true);
    expect([first.socket.destroyed, second.socket.destroyed]).toEqual([false, true]);
    expect(admit(gate, '192.0.2.1').destroyed).toBe(true);
    expect(admit(gate, '192.0.2.2').destroyed).toBe(false);
    expect(cut).toEqual(['resets', 'resets']);
    clock.advance(addressPenaltyMs);
    expect(admit(gate, '192.0.2.1').destroyed).toBe(false);
  });

  test.each([{ sentHeaders: { 'grpc-status': 16 } }, { sentHeaders: {}, sentTrailers: { 'grpc-status': '12' } }])(
    'and calls that prove nobody have a share, too: %j',
    (refused) => {
      const gate = gateOf(10, 5);
      const { socket, end } = http2From(gate, '192.0.2.1');
      for (let count = 0; count < maxAddressRefusedCalls; count += 1) end(refused);
      end({ sentHeaders: { 'grpc-status': 8 } });
      end({ sentHeaders: {}, sentTrailers: { 'grpc-status': 0 } });
      expect(socket.destroyed).toBe(false);
      end(refused);
      expect(socket.destroyed).toBe(true);
      expect(admit(gate, '192.0.2.1').destroyed).toBe(true);
      expect(cut).toEqual(['refused', 'refused']);
      clock.advance(addressPenaltyMs);
      expect(admit(gate, '192.0.2.1').destroyed).toBe(false);
    },
  );

  test('put an address out that a proxy makes them for, on whatever connection it comes, and no other', () => {
    const gate = gateOf(10, 10);
    const proxies = [1, 2].map(() => http2From(gate, '10.1.2.3', { 'x-forwarded-for': '192.0.2.1' }));
    const isOut = (address: string) =>
      proxies.map(({ session }) =>
        gate.isOut({ session } as unknown as ServerHttp2Stream, { 'x-forwarded-for': `192.0.2.2, ${address}` }),
      );
    for (let count = 0; count < maxAddressRefusedCalls; count += 1) proxies[0]?.end(refused);
    // The socket of a connection that is gone does not tell its peer.
    Object.assign(proxies[1]?.socket ?? {}, { remoteAddress: undefined });
    proxies[1]?.end(refused);
    expect(isOut('192.0.2.1')).toEqual([true, true]);
    expect(isOut('192.0.2.2')).toEqual([false, false]);
    expect(proxies.map(({ socket }) => socket.destroyed)).toEqual([false, false]);
    expect(cut).toEqual(['refused']);
    clock.advance(addressPenaltyMs);
    expect(isOut('192.0.2.1')).toEqual([false, false]);
  });

  test('are not those of a connection that ends', () => {
    const gate = gateOf(10, 5);
    const { socket, session, close } = http2From(gate, '192.0.2.1');
    session.destroyed = true;
    for (let count = 0; count <= maxAddressResetStreams; count += 1) close(true);
    expect(socket.destroyed).toBe(false);
  });

  test.each([
    ['of a proxy that is trusted', '10.1.2.3', 5],
    ['where one address may have all connections', '192.0.2.1', 10],
  ])('are not counted %s', (_, address, ofAddress) => {
    const { socket, close } = http2From(gateOf(10, ofAddress), address);
    for (let count = 0; count <= maxAddressResetStreams; count += 1) close(true);
    expect(socket.destroyed).toBe(false);
  });
});

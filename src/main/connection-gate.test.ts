import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { connectionSweepMs, firstRequestMs } from '../domain/connection-limits.ts';
import type { CutReason } from '../ports/telemetry.ts';
import { AddressRanges } from '../rpc/peer-address.ts';
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
    trustedProxies: new AddressRanges(['10.0.0.0/8']),
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

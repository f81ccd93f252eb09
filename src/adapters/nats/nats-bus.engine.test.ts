import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import type { LiveEvent, LivePiece } from '../../ports/live-bus.ts';
import { type NatsEngine, startNats } from '../../testing/engines/nats.ts';
import { maxUnacknowledgedBytes } from './limits.ts';
import type { NatsBus } from './nats-bus.ts';
import { liveSubject } from './subjects.ts';
import { Log, newPrefix, openBus, until } from './testing/buses.ts';
import { startRelay } from './testing/relay.ts';

let nats: NatsEngine;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats[Symbol.asyncDispose]());

/** Gathers pieces: nothing else is published here. */
function into(pieces: LivePiece[]): (event: LiveEvent) => void {
  return (event) => {
    if (event.type === 'piece') pieces.push(event);
  };
}

function piece(offsetBytes: number, text = 'x'): LivePiece {
  return { type: 'piece', messageId: 'm', replyMessageId: 'r', attempt: 1, offsetBytes, text };
}

/** Two processes of one deployment. */
class Pair {
  readonly publisherLog = new Log();
  readonly watcherLog = new Log();
  readonly prefix = newPrefix();
  publisher!: NatsBus;
  watcher!: NatsBus;

  static async open(): Promise<Pair> {
    const pair = new Pair();
    pair.publisher = await openBus(nats.servers, pair.prefix, pair.publisherLog);
    pair.watcher = await openBus(nats.servers, pair.prefix, pair.watcherLog);
    return pair;
  }

  /** Publishes until it is heard: a connection and a subscription may take a moment. */
  async untilHeard(conversationId: string): Promise<void> {
    let heard = false;
    const stop = this.watcher.subscribe(conversationId, () => {
      heard = true;
    });
    await until(() => {
      this.publisher.publish(conversationId, piece(0));
      return heard;
    });
    stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.publisher[Symbol.asyncDispose](), this.watcher[Symbol.asyncDispose]()]);
  }
}

/** A client that is no bus of ours. */
async function stranger() {
  const connection = await connect({ servers: nats.servers, reconnect: false });
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

test('ten thousand pieces published at once arrive in their order, each once', async () => {
  await using pair = await Pair.open();
  const heard: LivePiece[] = [];
  pair.watcher.subscribe('c', into(heard));
  await pair.untilHeard('c');
  heard.length = 0;
  const pieces = Array.from({ length: 10_000 }, (_, index) => piece(index + 1, `piece ${index} `.repeat(4)));
  for (const one of pieces) pair.publisher.publish('c', one);
  await until(() => heard.at(-1)?.offsetBytes === pieces.length);
  expect(heard.filter(({ offsetBytes }) => offsetBytes > 0)).toEqual(pieces);
  expect(pair.publisher.faults()).toEqual({ unsent: 0, unreadable: 0 });
});

test('a server that dies and comes back: all goes on by itself, what was lost is counted, and nothing throws', async () => {
  await using pair = await Pair.open();
  const heard: LivePiece[] = [];
  pair.watcher.subscribe('c', into(heard));
  pair.watcher.serveDrafts(() => [piece(77)]);
  await pair.untilHeard('c');
  for (let times = 1; times <= 3; times += 1) {
    await nats.kill();
    const before = pair.publisher.faults().unsent;
    await until(() => {
      pair.publisher.publish('c', piece(0));
      return pair.publisher.faults().unsent >= before + 100;
    });
    await nats.start();
    await pair.untilHeard('c');
    heard.length = 0;
    for (let offset = 1; offset <= 500; offset += 1) pair.publisher.publish('c', piece(offset));
    await until(() => heard.at(-1)?.offsetBytes === 500);
    // What was published while it was connecting may come first.
    expect(heard.filter(({ offsetBytes }) => offsetBytes > 0)).toHaveLength(500);
    const drafts: LivePiece[] = [];
    await until(() => {
      pair.publisher.requestDrafts('c', into(drafts));
      return drafts.length > 0;
    });
    expect(drafts[0]).toEqual(piece(77));
  }
  // Not one line for each of hundreds.
  expect(pair.publisherLog.count(/a publish to the live bus failed/)).toBeGreaterThan(0);
  expect(pair.publisherLog.count(/a publish to the live bus failed/)).toBeLessThan(20);
  expect(pair.publisherLog.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a bus opened before the server is there works once it is', async () => {
  await nats.kill();
  await using pair = await Pair.open();
  expect(pair.publisher.isConnected()).toBe(false);
  pair.publisher.publish('c', piece(1));
  expect(pair.publisher.faults().unsent).toBe(1);
  const heard: LivePiece[] = [];
  pair.watcher.subscribe('early', into(heard));
  pair.watcher.requestDrafts('early', () => {});
  pair.watcher.serveDrafts(() => [piece(3)]);
  await nats.start();
  await until(() => {
    pair.publisher.publish('early', piece(2));
    return heard.length > 0;
  });
  expect(heard[0]).toEqual(piece(2));
  const drafts: LivePiece[] = [];
  await until(() => {
    pair.publisher.requestDrafts('early', into(drafts));
    return drafts.length > 0;
  });
});

test('a server that freezes is left within seconds, and meanwhile nothing waits and memory is bounded', async () => {
  await using pair = await Pair.open();
  await pair.untilHeard('c');
  await nats.pause();
  try {
    const text = 'y'.repeat(60_000);
    const begun = performance.now();
    let publishing = 0;
    for (let sent = 0; sent < 20 * maxUnacknowledgedBytes; sent += text.length) {
      const from = performance.now();
      pair.publisher.publish('c', piece(0, text));
      publishing = Math.max(publishing, performance.now() - from);
      if (sent % 600_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(publishing).toBeLessThan(1_000);
    expect(pair.publisher.faults().unsent * text.length).toBeGreaterThan(10 * maxUnacknowledgedBytes);
    await until(() => !pair.publisher.isConnected() && !pair.watcher.isConnected());
    expect(performance.now() - begun).toBeLessThan(15_000);
  } finally {
    nats.resume();
  }
  await pair.untilHeard('c');
});

test('what comes from others and cannot be read is counted and logged, not every time, and hurts nothing', async () => {
  await using pair = await Pair.open();
  const heard: LivePiece[] = [];
  pair.watcher.subscribe('c', into(heard));
  pair.watcher.serveDrafts(() => [piece(1)]);
  await pair.untilHeard('c');
  await using other = await stranger();
  const broken = ['', '{', '1', '1{', '1[]', '1{"type":"piece"}', new Uint8Array([49, 0xff, 0xfe])];
  for (let times = 0; times < 20; times += 1) {
    for (const bytes of broken) {
      other.publish(liveSubject(pair.prefix, 'c'), bytes);
      other.publish(`${pair.prefix}.drafts`, bytes, { reply: 'nobody' });
    }
    other.publish(liveSubject(pair.prefix, 'c'), '2{"of":"another release"}');
  }
  other.publish(`${pair.prefix}.drafts`, '1{"conversationId":"c"}');
  await other.flush();
  pair.publisher.publish('c', piece(5));
  await until(() => heard.some(({ offsetBytes }) => offsetBytes === 5));
  await until(() => pair.watcher.faults().unreadable >= 2 * 20 * broken.length);
  expect(heard.filter((event) => event.offsetBytes !== 0)).toEqual([piece(5)]);
  expect(pair.watcher.faults().unreadable).toBe(2 * 20 * broken.length);
  expect(pair.watcherLog.count(/cannot be decoded/)).toBe(1);
});

test('what is longer than the server takes is lost and counted', async () => {
  await using pair = await Pair.open();
  expect(() => pair.publisher.publish('c', piece(0, 'z'.repeat(2_000_000)))).not.toThrow();
  expect(pair.publisher.faults().unsent).toBe(1);
  await pair.untilHeard('c');
});

test('a watcher that throws is logged, and neither it nor others miss anything', async () => {
  await using pair = await Pair.open();
  let [thrown, heard] = [0, 0];
  pair.watcher.subscribe('c', () => {
    thrown += 1;
    throw new Error('planted');
  });
  pair.watcher.subscribe('c', () => {
    heard += 1;
  });
  await pair.untilHeard('c');
  pair.publisher.publish('c', piece(1));
  const before = heard;
  await until(() => heard > before);
  expect(thrown).toBe(heard);
  expect(pair.watcherLog.count(/has thrown/)).toBe(thrown);
});

test('many watchers of a conversation in one process are one subscription, and none when all have left', async () => {
  await using relay = await startRelay(nats.servers);
  await using watcher = await openBus(relay.url, newPrefix());
  const subscriptions = () => relay.said(/^SUB \S+\.live\.c /).length;
  const stops = Array.from({ length: 100 }, () => watcher.subscribe('c', () => {}));
  await until(() => subscriptions() > 0);
  const [, number] = relay.said(/^SUB \S+\.live\.c (\d+)/)[0]!;
  for (const stop of stops.slice(1)) stop();
  watcher.subscribe('other', () => {});
  await until(() => relay.said(/^SUB \S+\.live\.other /).length > 0);
  expect(relay.said(/^UNSUB /)).toEqual([]);
  stops[0]?.();
  await until(() => relay.said(/^UNSUB /).length > 0);
  expect(relay.said(/^UNSUB (\d+)/).map(([, one]) => one)).toEqual([number]);
  expect(subscriptions()).toBe(1);
  watcher.subscribe('c', () => {});
  await until(() => subscriptions() === 2);
});

test('requests for drafts that come while one is unanswered are one, and all who ask are told', async () => {
  await using pair = await Pair.open();
  let asked = 0;
  pair.watcher.serveDrafts((conversationId) => {
    asked += 1;
    return conversationId === 'c' ? [piece(0), piece(1)] : [];
  });
  // The server hands requests over once the worker's subscription has reached it.
  await until(() => {
    pair.publisher.requestDrafts(`c${asked}`, () => {});
    return asked > 0;
  });
  await pair.untilHeard('c');
  asked = 0;
  const told = Array.from({ length: 50 }, () => [] as LivePiece[]);
  for (const events of told) pair.publisher.requestDrafts('c', into(events));
  await until(() => told.every((events) => events.length === 2));
  expect(told).toEqual(told.map(() => [piece(0), piece(1)]));
  expect(asked).toBe(1);
  pair.publisher.requestDrafts('c', () => {});
  await until(() => asked === 2);
});

test('closing sends what was published before', async () => {
  await using pair = await Pair.open();
  const heard: LivePiece[] = [];
  pair.watcher.subscribe('c', into(heard));
  await pair.untilHeard('c');
  // More than the system takes for a server that does not read.
  const text = 'w'.repeat(60_000);
  await nats.pause();
  for (let offset = 1; offset <= 100; offset += 1) pair.publisher.publish('c', piece(offset, text));
  const closed = pair.publisher[Symbol.asyncDispose]();
  nats.resume();
  await closed;
  await until(() => heard.at(-1)?.offsetBytes === 100);
  expect(() => pair.publisher.publish('c', piece(0))).not.toThrow();
  pair.publisher.subscribe('c', () => {})();
  expect(pair.publisher.faults().unsent).toBe(0);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openSqliteLog, type WritableSqliteLog } from '../../adapters/sqlite/event-log/sqlite-log.ts';
import type { AdmissionLimits } from '../../domain/admission/events.ts';
import { initialAdmission } from '../../domain/admission/state.ts';
import { gatewayBeatMs, suspendAfterMs, twinAnswerMs } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogDamaged, LogUnavailable, type NewRecord } from '../../ports/event-log.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { Journal } from '../journal.ts';
import { Admission, type AdmissionListener } from './admission.ts';

/** Time stands still until it is advanced. */
class ManualClock implements Clock {
  #nowMs = 1_000;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  nowMs = () => this.#nowMs;
  monotonicMs = () => this.#nowMs;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#sleepers.push({ atMs: this.#nowMs + ms, wake: resolve });
    });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of due) wake();
  }
}

const limits: AdmissionLimits = {
  maxClients: 5,
  maxWaitingClients: 100,
  gatewayLeaseMs: 60_000,
  firstMessageDeadlineMs: 60_000,
};

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Everything that the fold told about one session. */
class Told implements AdmissionListener {
  readonly heard: string[] = [];
  opened = () => void this.heard.push('opened');
  queued = (place: number) => void this.heard.push(`queued ${place}`);
  refused = (reason: string) => void this.heard.push(`refused ${reason}`);
  closed = (reason: string) => void this.heard.push(`closed ${reason}`);

  get last(): string | undefined {
    return this.heard.at(-1);
  }
}

let folder: string;
let log: WritableSqliteLog;
/** While set, the log takes nothing. */
let outage = false;
/** How many appends are answered still; of those after it nobody hears that they were taken. */
let answers = Infinity;
/** From its next record on, the log gives nothing more, or what this is. */
let unreadable: 'silent' | Error | undefined;
let faults: Error[];

/** A process, as the log sees it. */
interface Process {
  /** It does nothing before this resolves: it is frozen, or (never) has crashed. */
  frozen?: Promise<void>;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-admission-'));
  log = await openSqliteLog({
    mode: 'write',
    dataDir: folder,
    topics: { 'test.connections': 1, 'test.conversations': 2 },
  });
  outage = false;
  answers = Infinity;
  unreadable = undefined;
  faults = [];
});

afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function journal(process: Process): Journal {
  const append = async (records: readonly NewRecord[]) => {
    await process.frozen;
    if (outage) throw new LogUnavailable('switched off', 'not-written');
    const appended = await log.append(records);
    answers -= 1;
    return answers < 0 ? new Promise<never>(() => {}) : appended;
  };
  const tail = (...args: Parameters<WritableSqliteLog['tail']>) => tailOf(process, ...args);
  const replaced: Partial<WritableSqliteLog> = { append, tail };
  return new Journal(
    new Proxy(log, { get: (target, name) => Reflect.get(replaced, name) ?? bound(target, name) }),
    eventCodec,
    'test',
  );
}

async function* tailOf(
  process: Process,
  ...[topic, partition, fromOffset, signal]: Parameters<WritableSqliteLog['tail']>
) {
  for await (const batch of log.tail(topic, partition, fromOffset, signal)) {
    await process.frozen;
    if (unreadable instanceof Error) throw unreadable;
    if (unreadable === undefined) yield batch;
  }
}

function bound(target: WritableSqliteLog, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

async function startGateway(
  gatewayId: string,
  clock: Clock,
  over: Partial<AdmissionLimits> = {},
  process: Process = {},
): Promise<Admission> {
  incarnations += 1;
  const admission = new Admission({
    journal: journal(process),
    incarnation: `process-${incarnations}`,
    clock,
    logger: quiet,
    gatewayId,
    limits: { ...limits, ...over },
    snapshot: { state: initialAdmission, offset: 0 },
    onFault: (error) => void faults.push(error),
  });
  await admission.start();
  return admission;
}

let incarnations = 0;
let sessions = 0;

async function request(
  admission: Admission,
  clientId: string,
  waitMs = 0,
  resumeTokenHash = '',
): Promise<Told & { sessionId: string }> {
  const told = Object.assign(new Told(), { sessionId: `session-${++sessions}` });
  const facts = {
    clientId,
    timeZone: 'UTC',
    conversationId: 'c',
    tokenHash: `hash-${clientId}`,
    resumeTokenHash,
    waitMs,
  };
  await admission.request({ sessionId: told.sessionId, ...facts }, told);
  return told;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('two gateways on one log', () => {
  test('together open as many sessions as there are slots, and every other request is told', async () => {
    const gateways = [await startGateway('a', new ManualClock()), await startGateway('b', new ManualClock())];
    const told = await Promise.all(
      Array.from({ length: 20 }, (_, index) => request(gateways[index % 2] as Admission, `client-${index}`)),
    );
    expect(told.filter(({ last }) => last === 'opened')).toHaveLength(5);
    expect(told.filter(({ last }) => last === 'refused TOO_MANY_CLIENTS')).toHaveLength(15);
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });

  test('a session that one holds, open or in line, is taken over at the other, and nobody in line gets its slot', async () => {
    const [a, b] = [await startGateway('a', new ManualClock()), await startGateway('b', new ManualClock())];
    const crowd = await Promise.all(Array.from({ length: 5 }, (_, index) => request(a, `client-${index}`)));
    const waiting = await request(a, 'in-line', 60_000);
    const open = await request(b, 'client-0', 0, await b.heldTokenHash('client-0'));
    expect(open.last).toBe('opened');
    await until(() => crowd[0]?.last === 'closed SESSION_TAKEN_OVER');
    expect(waiting.last).toBe('queued 1');
    const queued = await request(b, 'in-line', 60_000, await b.heldTokenHash('in-line'));
    expect(queued.last).toBe('queued 1');
    await until(() => waiting.last === 'closed SESSION_TAKEN_OVER');
    expect(await b.heldTokenHash('nobody')).toBeUndefined();
    await Promise.all([a.stop(), b.stop()]);
  });

  test('a slot freed at one opens the first in line at the other, and the places behind move up', async () => {
    const [a, b] = [
      await startGateway('a', new ManualClock(), { maxClients: 1 }),
      await startGateway('b', new ManualClock(), { maxClients: 1 }),
    ];
    const holder = await request(a, 'holder');
    const first = await request(b, 'first', 30_000);
    const second = await request(a, 'second', 30_000);
    expect([holder.last, first.last, second.last]).toEqual(['opened', 'queued 1', 'queued 2']);
    a.release(holder.sessionId, 'GOODBYE', '');
    await until(() => first.last === 'opened' && second.last === 'queued 1');
    await Promise.all([a.stop(), b.stop()]);
  });

  // Each end was recorded, and whoever was in line got the slot before its client could come back.
  test('one that leaves keeps its slots and places for its clients, who take them over at the other', async () => {
    const [a, b] = [await startGateway('a', new ManualClock()), await startGateway('b', new ManualClock())];
    const crowd = await Promise.all(Array.from({ length: 5 }, (_, index) => request(a, `client-${index}`)));
    const first = await request(a, 'first', 60_000);
    const second = await request(b, 'second', 60_000);
    a.leave();
    for (const { sessionId } of [...crowd, first]) a.release(sessionId, 'DRAINING', '');
    await a.stop();
    const back = await request(b, 'client-0', 0, await b.heldTokenHash('client-0'));
    const backInLine = await request(b, 'first', 60_000, await b.heldTokenHash('first'));
    expect([back.last, backInLine.last, second.last]).toEqual(['opened', 'queued 1', 'queued 2']);
    expect(b.state.open.size).toBe(5);
    await b.stop();
  });

  test('a gateway without a sign of life loses its sessions to the fold, and hears of it', async () => {
    const a = await startGateway('a', new ManualClock(), { gatewayLeaseMs: 50 });
    const lost = await request(a, 'client');
    const b = await startGateway('b', new ManualClock(), { gatewayLeaseMs: 50 });
    while (lost.last === 'opened')
      await request(b, 'other').then(({ sessionId }) => b.release(sessionId, 'GOODBYE', ''));
    expect(lost.last).toBe('closed GATEWAY_LOST');
    await Promise.all([a.stop(), b.stop()]);
  });
});

/** What the log holds of gateways, and how many sessions are open after it. */
async function gatewayEvents(): Promise<string[]> {
  const entries = await new Journal(log, eventCodec, 'test').read('test.connections', 0, 0, 1_000);
  return entries.flatMap(({ decoded }) =>
    decoded.kind === 'event' && decoded.event.type.startsWith('Gateway') ? [decoded.event.type] : [],
  );
}

/** What comes of it while the clock goes on. */
async function meanwhile<T>(promise: Promise<T>, clock: ManualClock): Promise<T> {
  let isOver = false;
  const settled = promise.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return settled;
}

// A second process with the id of one that ran ended all of its sessions, whether or not it could start itself.
describe('two processes under one id', () => {
  test('the one that runs keeps its sessions, and the other does not start', async () => {
    const healthy = await startGateway('a', new ManualClock());
    const told = await request(healthy, 'client');
    await expect(startGateway('a', new ManualClock())).rejects.toMatchObject({ name: 'InstanceIdTaken' });
    const after = await request(healthy, 'another');
    expect([told.heard, after.heard, faults]).toEqual([['opened'], ['opened'], []]);
    expect(await gatewayEvents()).toEqual(['GatewayStarting', 'GatewayStarted', 'GatewayStarting', 'GatewayBeat']);
    await healthy.stop();
  });

  test('one that has crashed does not answer: its sessions end with the start of the other, long before its lease', async () => {
    const crashed: Process = {};
    await startGateway('a', new ManualClock(), {}, crashed).then((former) => request(former, 'client'));
    crashed.frozen = new Promise(() => {});
    const clock = new ManualClock();
    const before = clock.monotonicMs();
    const again = await meanwhile(startGateway('a', clock), clock);
    expect(again.state.open.size).toBe(0);
    expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(twinAnswerMs);
    await again.stop();
  });

  test('one that has left in order, and had no clients, is not waited for', async () => {
    const former = await startGateway('a', new ManualClock());
    former.leave();
    await former.stop();
    const again = await startGateway('a', new ManualClock());
    await again.stop();
  });

  test('one that was frozen while the other started ends, tells its clients so, and ends nobody else', async () => {
    const process: Process = {};
    const frozen = await startGateway('a', new ManualClock(), {}, process);
    const told = await request(frozen, 'client');
    const thaw = Promise.withResolvers<void>();
    process.frozen = thaw.promise;
    const clock = new ManualClock();
    const other = await meanwhile(startGateway('a', clock), clock);
    const heir = await request(other, 'client');
    // Told to end before it has read anything.
    const stopping = frozen.stop();
    thaw.resolve();
    await stopping;
    expect([told.last, faults.map(({ name }) => name), frozen.suspended]).toEqual([
      'closed GATEWAY_RESTARTED',
      ['InstanceIdTaken'],
      true,
    ]);
    await request(other, 'another');
    expect(heir.heard).toEqual(['opened']);
    await other.stop();
    expect((await gatewayEvents()).filter((type) => type === 'GatewayStopped')).toHaveLength(1);
  });
});

describe('an outage of the log', () => {
  test('suspends the gateway before its lease ends, and sessions that the fold still holds go on after it', async () => {
    const clock = new ManualClock();
    const admission = await startGateway('a', clock);
    const told = await request(admission, 'client');
    outage = true;
    while (!admission.suspended) {
      clock.advance(gatewayBeatMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(clock.monotonicMs()).toBeLessThanOrEqual(1_000 + suspendAfterMs + gatewayBeatMs);
    outage = false;
    clock.advance(gatewayBeatMs);
    await until(() => !admission.suspended);
    expect(told.heard).toEqual(['opened']);
    await admission.stop();
  });

  // It beat every 3 s, so that clients were refused for up to 3 s after the log was back.
  test('beats twice a second while its sessions are suspended', async () => {
    const clock = new ManualClock();
    const admission = await startGateway('a', clock);
    await request(admission, 'client');
    outage = true;
    while (!admission.suspended) {
      clock.advance(gatewayBeatMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    outage = false;
    clock.advance(500);
    await until(() => !admission.suspended);
    await admission.stop();
  });

  test('refuses a request, and gives the slot back should the log have it after all', async () => {
    const clock = new ManualClock();
    const admission = await startGateway('a', clock);
    outage = true;
    await expect(request(admission, 'client')).rejects.toBeInstanceOf(LogUnavailable);
    outage = false;
    clock.advance(gatewayBeatMs);
    const after = await request(admission, 'client');
    expect(after.last).toBe('opened');
    await admission.stop();
  });

  test('an end that the log could not take is repeated until it has it', async () => {
    const clock = new ManualClock();
    const admission = await startGateway('a', clock);
    const { sessionId } = await request(admission, 'client');
    outage = true;
    admission.release(sessionId, 'LOST', '');
    await new Promise((resolve) => setImmediate(resolve));
    outage = false;
    expect(admission.state.open.size).toBe(1);
    clock.advance(gatewayBeatMs);
    await until(() => admission.state.open.size === 0);
    await admission.stop();
  });
});

// Whoever waited to read its own event back waited for ever when nothing was read any more: a beat held up the end of the process, too.
describe('what is never read back', () => {
  test('does not hold up the end, and its request is refused', async () => {
    const clock = new ManualClock();
    const admission = await startGateway('a', clock);
    await request(admission, 'client');
    unreadable = 'silent';
    clock.advance(gatewayBeatMs);
    const refused = expect(request(admission, 'another')).rejects.toBeInstanceOf(LogUnavailable);
    while ((await log.endOffset('test.connections', 0)) < 5) await new Promise((resolve) => setImmediate(resolve));
    await meanwhile(admission.stop(), clock);
    await refused;
  });

  test('is refused when the log is damaged, and the process is told', async () => {
    const admission = await startGateway('a', new ManualClock());
    const damaged = new LogDamaged('test.connections', 0, 1, 'damaged by the test');
    unreadable = damaged;
    await expect(request(admission, 'client')).rejects.toMatchObject({ name: 'LogUnavailable', cause: damaged });
    expect(faults).toEqual([damaged]);
    expect(admission.suspended).toBe(true);
    await expect(request(admission, 'another')).rejects.toBeInstanceOf(LogUnavailable);
    await admission.stop();
  });

  test('ends the start of a gateway when the log is damaged', async () => {
    unreadable = new LogDamaged('test.connections', 0, 0, 'damaged by the test');
    await expect(startGateway('a', new ManualClock())).rejects.toMatchObject({ cause: unreadable });
  });

  test('has begun when the fold says so, whether or not the append was answered', async () => {
    answers = 1;
    const admission = await startGateway('a', new ManualClock());
    expect(admission.isStarted).toBe(true);
    answers = Infinity;
    await admission.stop();
  });

  test('is not written any more by a gateway that has left', async () => {
    const admission = await startGateway('a', new ManualClock());
    await admission.stop();
    const end = await log.endOffset('test.connections', 0);
    await expect(request(admission, 'late')).rejects.toMatchObject({ outcome: 'not-written' });
    expect(await log.endOffset('test.connections', 0)).toBe(end);
  });
});

test('a gateway that holds nothing writes nothing', async () => {
  const clock = new ManualClock();
  const admission = await startGateway('a', clock);
  const before = await log.endOffset('test.connections', 0);
  for (let beat = 0; beat < 5; beat += 1) {
    clock.advance(gatewayBeatMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { sessionId } = await request(admission, 'client');
  expect((await log.endOffset('test.connections', 0)) - before).toBe(1);
  admission.release(sessionId, 'GOODBYE', '');
  await admission.stop();
});

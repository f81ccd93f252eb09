import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Parley } from '../../src/client/parley.ts';
import { Refusal } from '../../src/client/refusal.ts';
import type { Wire } from '../../src/client/wire.ts';
import { Client, type World } from './client.ts';
import type { DriverFigures, DriverTick, MessageLine } from './figures.ts';
import { HealthWatch } from './health.ts';
import type { Load, Target } from './load.ts';
import { MediaFiles } from './media-files.ts';
import { Pacer } from './pacer.ts';
import { type Random, seededRandom } from './random.ts';
import { Recorder } from './recorder.ts';
import { Schedule } from './schedule.ts';
import { labelOf } from './session.ts';
import { ViolationLog } from './violations.ts';
import { slowWire, wireTo } from './wire.ts';

/** Clients whose connections are made, or whose histories are read, at once: as many as keep the server busy without a crowd. */
const atOnce = 32;
/** The text of an idle client. */
const idleMix = { text: { share: 1, bytes: { min: 42, max: 42 }, by: 'message' } } as const;
const settlePollMs = 20;
/** Of one client; more are compared with history while it goes on, and forgotten, */
const rememberedMessages = 1_000;
/** so often, half a page of messages and half of replies: 100 messages a second. */
const followIntervalMs = 1_000;

/**
 * Does what the load says and answers with the figures; tells of each second. Rejects when the load makes no sense, the file of messages
 * cannot be written, or not one client was ever welcomed.
 */
export async function drive(target: Target, onTick: (tick: DriverTick) => void): Promise<DriverFigures> {
  const messages = createWriteStream(target.messagesFile);
  await once(messages, 'open');
  try {
    return await new Drive(target, (line) => messages.write(`${JSON.stringify(line)}\n`)).run(onTick);
  } finally {
    messages.end();
    await finished(messages);
  }
}

class Drive {
  readonly #load: Load;
  readonly #world: World;
  readonly #parley: Parley;
  readonly #recorder = new Recorder();
  readonly #violations = new ViolationLog();
  readonly #idle: Client[] = [];
  readonly #clients: Client[] = [];
  /** Whose history is read. */
  readonly #random: Random;
  /** By `performance.now()`. */
  #startedAtMs = 0;

  constructor(target: Target, write: (line: MessageLine) => void) {
    this.#load = target.load;
    this.#random = seededRandom(target.load.seed, target.load.clients + target.load.idleClients);
    const wire = wireTo(target);
    this.#parley = new Parley({ wire });
    this.#world = {
      load: target.load,
      run: randomBytes(2).toString('hex'),
      parley: this.#parley,
      wireFor: (isSlow) => this.#wireFor(wire, isSlow),
      recorder: this.#recorder,
      violations: this.#violations,
      media: new MediaFiles(),
      writeLine: (line, saidAtMs) => write({ ...line, saidAtMs: saidAtMs - this.#startedAtMs }),
    };
  }

  async run(onTick: (tick: DriverTick) => void): Promise<DriverFigures> {
    using stack = new DisposableStack();
    const health = stack.use(new HealthWatch());
    await this.#connectIdle();
    const startedAtMs = Date.now();
    this.#startedAtMs = performance.now();
    health.begin();
    const tick = this.#ticker(health, onTick);
    stack.adopt(setInterval(tick, 1_000), clearInterval);
    await this.#talk();
    // What is left of the last second.
    tick();
    const kinds = this.#recorder.kindFigures();
    // Before history is read: that is no load.
    const told = health.health(this.#recorder.latenessMs.distribution(), Object.values(kinds));
    stack.dispose();
    await this.#leave();
    if (this.#recorder.connectMs.count === 0) throw new Error(`no client was welcomed: ${this.#errorsInWords()}`);
    await this.#checkHistories();
    return { ...this.#figures(), startedAtMs, health: told };
  }

  #figures(): Omit<DriverFigures, 'startedAtMs' | 'health'> {
    const recorder = this.#recorder;
    const { answered, errors, refusedClients, ticks, lastReplyAtMs } = recorder;
    return {
      ranMs: Math.max(0, lastReplyAtMs - this.#startedAtMs),
      answered,
      // Again: what was lost is known now.
      kinds: recorder.kindFigures(),
      connectMs: recorder.connectMs.distribution(),
      resumedMs: recorder.resumedMs.distribution(),
      betweenPiecesMs: recorder.betweenPiecesMs.distribution(),
      historyReadMs: recorder.historyReadMs.distribution(),
      errors,
      refusedClients,
      violations: this.#violations.counts,
      violationExamples: this.#violations.examples,
      ticks,
    };
  }

  /** The idle ones come first, and say their one thing. */
  async #connectIdle(): Promise<void> {
    const { idleClients, clients } = this.#load;
    await forEach(idleClients, (index) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const client = new Client(this.#world, {
        index: clients + index,
        mix: idleMix,
        isCounted: false,
        isSlow: false,
        onWelcome: () => client.say(performance.now()),
        onSettled: resolve,
        onOver: resolve,
      });
      this.#idle.push(client);
      client.session.connect();
      return promise;
    });
  }

  /** From the first arrival to the last reply, or the end of the settle time. */
  async #talk(): Promise<void> {
    const { durationMs, settleMs, historyReads } = this.#load;
    const untilMs = this.#startedAtMs + durationMs;
    using stack = new DisposableStack();
    const pacer = stack.use(new Pacer(this.#load, this.#recorder));
    const over = stack.adopt(new AbortController(), (one) => one.abort());
    if (historyReads !== undefined)
      stack.use(new Schedule(historyReads.perSecond, (dueMs) => void this.#readHistory(dueMs, over.signal)));
    stack.adopt(
      setInterval(() => this.#followHistory(), followIntervalMs),
      clearInterval,
    );
    const storm = this.#storm(stack);
    await this.#arrive(pacer, untilMs);
    await sleepUntil(untilMs);
    pacer[Symbol.dispose]();
    const settledByMs = performance.now() + settleMs;
    while ((this.#recorder.inFlight > 0 || !storm()) && performance.now() < settledByMs) await sleep(settlePollMs);
  }

  async #arrive(pacer: Pacer, untilMs: number): Promise<void> {
    const { clients, arrivalsPerSecond, mix, slowReaders } = this.#load;
    for (let index = 0; index < clients; index += 1) {
      if (arrivalsPerSecond > 0) await sleepUntil(this.#startedAtMs + (index * 1_000) / arrivalsPerSecond);
      if (performance.now() > untilMs) return;
      const client = new Client(this.#world, {
        index,
        mix,
        isCounted: true,
        isSlow: index < (slowReaders?.clients ?? 0),
        onWelcome: () => pacer.welcomed(client),
        onSettled: () => pacer.settled(client),
        onOver: () => pacer.gone(client),
      });
      this.#clients.push(client);
      client.session.connect();
    }
    while (!this.#clients.every(({ session }) => session.isDecided) && performance.now() < untilMs)
      await sleep(settlePollMs);
    pacer.allAreThere();
  }

  /** Lets clients lose their connections, one after the other in turns. Answers with whether all have. */
  #storm(stack: DisposableStack): () => boolean {
    const { storm, clients } = this.#load;
    if (storm === undefined) return () => true;
    const all = storm.reconnects * clients;
    let dropped = 0;
    const begin = () => {
      const schedule = new Schedule((all * 1_000) / storm.withinMs, () => {
        this.#clients[dropped % clients]?.session.drop();
        dropped += 1;
        if (dropped >= all) schedule[Symbol.dispose]();
      });
      stack.use(schedule);
    };
    stack.adopt(setTimeout(begin, storm.fromMs), clearTimeout);
    return () => dropped >= all && this.#clients.every(({ session }) => session.isOver || session.isOpen);
  }

  async #readHistory(dueMs: number, signal: AbortSignal): Promise<void> {
    const known = this.#clients.filter(({ conversationId }) => conversationId !== '');
    const { conversationId = '' } = known[Math.floor(this.#random() * known.length)] ?? {};
    if (conversationId === '') return;
    try {
      const pageSize = this.#load.historyReads?.pageSize ?? 0;
      await this.#parley.history.listMessages({ conversationId, pageSize, newestFirst: true }, { signal });
      this.#recorder.historyReadMs.record(performance.now() - dueMs);
    } catch (error) {
      // Aborted: the run ended before the answer came.
      if (!signal.aborted) this.#recorder.error(error instanceof Refusal ? labelOf(error) : 'INTERNAL');
    }
  }

  /** So that a run of hours need not remember all that was said. A page at a time is no load to speak of, and few runs are long enough for it. */
  #followHistory(): void {
    const [longest] = this.#clients.toSorted((a, b) => b.check.said.size - a.check.said.size);
    if (longest === undefined || longest.check.said.size < rememberedMessages) return;
    void longest.history.followUpTo(longest.conversationId, longest.settledUpTo);
  }

  async #leave(): Promise<void> {
    await Promise.all([...this.#clients, ...this.#idle].map((client) => client.leave()));
  }

  /** What was told is what history holds. */
  async #checkHistories(): Promise<void> {
    const all = [...this.#clients, ...this.#idle].filter(({ lastSequence }) => lastSequence > 0);
    await forEach(all.length, async (index) => {
      const client = all[index] as Client;
      await client.history.finish(client.conversationId, client.lastSequence);
    });
    this.#parley.close();
  }

  #ticker(health: HealthWatch, onTick: (tick: DriverTick) => void): () => void {
    let second = 0;
    return () => {
      second += 1;
      onTick(this.#recorder.tick(second, health.takeLoopDelayP99Ms()));
    };
  }

  #errorsInWords(): string {
    const errors = Object.entries(this.#recorder.errors).map(([label, count]) => `${count} × ${label}`);
    return errors.length === 0 ? 'nobody answered' : errors.join(', ');
  }

  #wireFor(wire: Wire, isSlow: boolean): Wire {
    const { slowReaders } = this.#load;
    return isSlow && slowReaders !== undefined ? slowWire(wire, slowReaders.bytesPerSecond) : wire;
  }
}

async function sleepUntil(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 0) await sleep(leftMs);
}

/** Does so many things, some of them at once, the first ones first. */
async function forEach(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const actInTurn = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await act(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, actInTurn));
}

import type { Client } from './client.ts';
import type { Load, Span } from './load.ts';
import { drawFrom } from './random.ts';
import type { Recorder } from './recorder.ts';
import { Schedule } from './schedule.ts';

/** Decides when each client says the next thing, and when it takes its leave. */
export class Pacer implements Disposable {
  readonly #load: Load;
  readonly #recorder: Recorder;
  /** Welcomed, and not gone; a client that is just reconnecting is one of them: what it says goes out when it is back. */
  readonly #talkers = new Set<Client>();
  /** In turns. */
  #turn: Iterator<Client> | undefined;
  /** Clients whose time is up: they go when they have their last reply. */
  readonly #leaving = new Set<Client>();
  #schedule: Schedule | undefined;
  #isBursting = false;
  #isOver = false;

  constructor(load: Load, recorder: Recorder) {
    this.#load = load;
    this.#recorder = recorder;
  }

  /** All clients have come, and are there or known to wait: an open loop begins, or a burst. */
  allAreThere(): void {
    const { pace } = this.#load;
    if (this.#isOver) return;
    if (pace.loop === 'open') this.#schedule = new Schedule(pace.messagesPerSecond, (dueMs) => this.#sayDue(dueMs));
    if (pace.loop !== 'burst') return;
    this.#isBursting = true;
    // One of each client at a time, so that the whole burst is spread over all of them from its first moment.
    for (let count = 0; count < pace.messagesPerClient; count += 1) this.#sayAll(this.#talkers);
  }

  welcomed(client: Client): void {
    if (this.#isOver) return;
    this.#talkers.add(client);
    this.#limitStay(client);
    const { pace } = this.#load;
    if (pace.loop === 'closed') client.say(performance.now());
    else if (pace.loop === 'every') this.#sayEvery(client, pace.everyMs, performance.now());
    else if (pace.loop === 'burst' && this.#isBursting)
      for (let count = 0; count < pace.messagesPerClient; count += 1) this.#sayAll([client]);
  }

  /** A message of the client has its reply, or will have none. */
  settled(client: Client): void {
    if (this.#leaving.has(client)) return this.#leaveIfSettled(client);
    const { pace } = this.#load;
    if (pace.loop !== 'closed') return;
    const thinkMs = drawFrom(pace.thinkMs, client.random);
    const next = () => {
      if (!this.#isOver && this.#talkers.has(client)) client.say(performance.now());
    };
    if (thinkMs > 0) setTimeout(next, thinkMs);
    // Not within the event that settled the last one: the client is still at it.
    else queueMicrotask(next);
  }

  gone(client: Client): void {
    this.#talkers.delete(client);
  }

  /** Nobody says anything new. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#schedule?.[Symbol.dispose]();
  }

  #sayEvery(client: Client, everyMs: Span, dueMs: number): void {
    if (this.#isOver || !this.#talkers.has(client)) return;
    const nowMs = performance.now();
    this.#recorder.latenessMs.record(nowMs - dueMs);
    client.say(dueMs);
    const nextDueMs = dueMs + drawFrom(everyMs, client.random);
    setTimeout(() => this.#sayEvery(client, everyMs, nextDueMs), Math.max(0, nextDueMs - nowMs)).unref();
  }

  #sayAll(clients: Iterable<Client>): void {
    for (const client of clients) client.say(performance.now());
  }

  #sayDue(dueMs: number): void {
    this.#recorder.latenessMs.record(performance.now() - dueMs);
    // Where all were refused or have left there is nobody to say it.
    this.#nextTalker()?.say(dueMs);
  }

  #nextTalker(): Client | undefined {
    const next = this.#turn?.next();
    if (next?.done === false) return next.value;
    this.#turn = this.#talkers.values();
    return this.#turn.next().value;
  }

  #limitStay(client: Client): void {
    const { stayMs } = this.#load;
    if (stayMs === undefined) return;
    setTimeout(
      () => {
        this.#leaving.add(client);
        this.#talkers.delete(client);
        this.#leaveIfSettled(client);
      },
      drawFrom(stayMs, client.random),
    ).unref();
  }

  #leaveIfSettled(client: Client): void {
    if (client.unsettled === 0) void client.leave();
  }
}

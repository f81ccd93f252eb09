import type { LiveBus, LiveEvent } from '../../ports/live-bus.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';

type Handler = (event: LiveEvent) => void;

/** A process that hears the bus, or answers on it. */
interface Ear {
  readonly process: SimulatedProcess;
  readonly handler: Handler;
  /** When the last event of each publisher reaches it: one publisher's events keep their order. */
  readonly reachesMs: Map<string, number>;
}

interface DraftServer {
  readonly process: SimulatedProcess;
  readonly answer: (conversationId: string) => readonly LiveEvent[];
}

/** The bus between processes: it may lose, repeat and delay anything. */
export class BusServer {
  readonly #faults: Faults;
  readonly #ears = new Map<string, Set<Ear>>();
  readonly #draftServers = new Set<DraftServer>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Subscriptions of processes that live: 0 once all have stopped in order. */
  get subscriptions(): number {
    let count = 0;
    for (const ears of this.#ears.values()) for (const { process } of ears) if (process.isAlive) count += 1;
    for (const { process } of this.#draftServers) if (process.isAlive) count += 1;
    return count;
  }

  handle(process: SimulatedProcess): LiveBus {
    const stops = new Set<() => void>();
    const remember = (stop: () => void) => {
      const once = () => {
        stops.delete(once);
        stop();
      };
      stops.add(once);
      return once;
    };
    return {
      publish: (conversationId, event) => this.#publish(process, conversationId, event),
      subscribe: (conversationId, handler) => remember(this.#subscribe(conversationId, process, handler)),
      requestDrafts: (conversationId, handler) => this.#requestDrafts(process, conversationId, handler),
      serveDrafts: (answer) => {
        const server = { process, answer };
        this.#draftServers.add(server);
        return remember(() => this.#draftServers.delete(server));
      },
      [Symbol.asyncDispose]: async () => {
        for (const stop of [...stops]) stop();
      },
    };
  }

  #publish(from: SimulatedProcess, conversationId: string, event: LiveEvent): void {
    for (const ear of this.#ears.get(conversationId) ?? []) if (ear.process.isAlive) this.#send(from, ear, event);
  }

  #send(from: SimulatedProcess, ear: Ear, event: LiveEvent): void {
    const faults = this.#faults;
    if (faults.isAway('bus', from.name) || faults.isAway('bus', ear.process.name) || faults.strikes('bus-loss')) return;
    const delayMs = faults.strikes('bus-delay') ? faults.stream('bus-delay').logarithmic(10, 20_000) : 0;
    const nowMs = from.clock.monotonicMs();
    const reaches = Math.max(nowMs + delayMs + ear.process.random.between(0.1, 2), ear.reachesMs.get(from.name) ?? 0);
    ear.reachesMs.set(from.name, reaches);
    const times = faults.strikes('bus-repeat') ? 2 : 1;
    for (let time = 0; time < times; time += 1) ear.process.later(reaches - nowMs, () => ear.handler(event));
  }

  #subscribe(conversationId: string, process: SimulatedProcess, handler: Handler): () => void {
    let isOver = false;
    const ear = { process, handler: (event: LiveEvent) => (isOver ? undefined : handler(event)), reachesMs: new Map() };
    const ears = this.#ears.get(conversationId) ?? new Set();
    this.#ears.set(conversationId, ears.add(ear));
    return () => {
      isOver = true;
      if (ears.delete(ear) && ears.size === 0) this.#ears.delete(conversationId);
    };
  }

  #requestDrafts(asker: SimulatedProcess, conversationId: string, handler: Handler): void {
    const ear: Ear = { process: asker, handler, reachesMs: new Map() };
    for (const { process, answer } of this.#draftServers) {
      if (!process.isAlive || this.#faults.isAway('bus', process.name) || this.#faults.isAway('bus', asker.name))
        continue;
      process.later(asker.random.between(0.1, 2), () => {
        for (const event of answer(conversationId)) this.#send(process, ear, event);
      });
    }
  }
}

import { createHash } from 'node:crypto';
import type { AdmissionLimits } from '../../domain/admission/events.ts';
import type { AdmissionOutcome } from '../../domain/admission/evolve.ts';
import { gatewayBeatMs, gatewayLeaseMs } from '../../domain/limits.ts';
import { Random } from '../world/random.ts';
import { Faults } from './faults.ts';
import { QuotaMover } from './quota-mover.ts';
import type { ShardEvent } from './shard.ts';
import { Breach, ShardLog } from './shard-log.ts';
import { Timeline } from './timeline.ts';
import type { Gateway, Outcome, Plan, World } from './world.ts';

interface Session {
  readonly clientId: string;
  readonly gateway: Gateway;
  /** Which life of the gateway holds its stream. */
  readonly life: number;
  readonly stayMs: number;
  /** Goes without a word: the gateway notices when it has been silent for too long. */
  readonly vanishes: boolean;
}

const gatewayCount = 4;
/** Stays differ as those of people do: many short, some long. The loss does not depend on it. */
const meanStayMs = 60_000;
const vanishShare = 0.05;
/** PARLEY_STALE_AFTER_MS of a server that nobody has set up. */
const staleAfterMs = 45_000;
const firstMessageDeadlineMs = 60_000;
/** From who says a thing to the log that takes it, and back to who reads it. */
const usualDelayMs = { min: 2, max: 20 };
/** Only with faults: of all clients, and for how long at most. */
const waitingShare = 0.3;
const longestWaitMs = 20_000;
const maxWaitingClients = 20;
/** Each shard's snapshot, and its rules looked at. */
const checkpointMs = 10_000;

/** The whole of it: shards, gateways and clients, in simulated time. Everything is drawn from the seed; clients are the same however many shards there are. */
export class Simulation implements World {
  readonly plan: Plan;
  readonly timeline = new Timeline();
  readonly shards: readonly ShardLog[];
  readonly gateways: readonly Gateway[];
  readonly random: () => number;
  readonly #clients: Random;
  readonly #faults: Faults | undefined;
  readonly #mover: QuotaMover | undefined;
  readonly #sessions = new Map<string, Session>();
  /** A witness that knows only what the folds have decided. */
  readonly #open = new Set<string>();
  #requestIds = 0;
  #figures = { requests: 0, refused: 0, refusedWhileRoom: 0 };
  #records = 0;
  #mostOpen = 0;

  constructor(plan: Plan) {
    this.plan = plan;
    const draws = new Random(plan.seed, 'shards');
    this.random = () => draws.next();
    this.#clients = new Random(plan.seed, 'clients');
    const longestSkewMs = plan.hasFaults ? 60_000 : 0;
    this.shards = Array.from({ length: plan.shards }, (_, index) => {
      const quota = Math.floor(plan.limit / plan.shards) + (index < plan.limit % plan.shards ? 1 : 0);
      return new ShardLog(index, quota, Math.floor(this.random() * longestSkewMs));
    });
    this.gateways = Array.from({ length: gatewayCount }, (_, index) => {
      return { id: `g${index}`, life: 0, isAlive: true, frozenUntilMs: 0 };
    });
    this.#faults = plan.hasFaults ? new Faults(this) : undefined;
    this.#mover = plan.quotas === 'fixed' ? undefined : new QuotaMover(this, plan.quotas);
  }

  /** Plays it. Throws a Breach at the first record that breaks the limit. */
  run(): Outcome {
    const { warmUpMs, countedMs } = this.plan;
    for (const gateway of this.gateways) this.startGateway(gateway);
    for (const gateway of this.gateways) this.#beat(gateway);
    this.#arrive();
    this.#checkpoint();
    this.#mover?.begin();
    this.#faults?.begin();
    this.timeline.playUntil(warmUpMs);
    this.#figures = { requests: 0, refused: 0, refusedWhileRoom: 0 };
    this.timeline.playUntil(warmUpMs + countedMs);
    for (const shard of this.shards) shard.check();
    return {
      ...this.#figures,
      records: this.#records,
      mostOpen: this.#mostOpen,
      crashes: this.#faults?.count ?? 0,
      transfers: this.shards.reduce((sum, { state }) => sum + state.given.size, 0),
    };
  }

  send(shard: ShardLog, event: ShardEvent, onTaken: () => void = () => undefined): void {
    const delays = this.#faults?.sendDelaysMs() ?? [this.usualDelayMs()];
    for (const [copy, delayMs] of delays.entries()) {
      this.timeline.after(delayMs, () => this.#arriveAt(shard, event, copy === 0 ? onTaken : () => undefined));
    }
  }

  usualDelayMs(): number {
    return usualDelayMs.min + this.random() * (usualDelayMs.max - usualDelayMs.min);
  }

  draw(meanMs: number): number {
    return -meanMs * Math.log(1 - this.random());
  }

  startGateway({ id: gatewayId }: Gateway): void {
    const limits: AdmissionLimits = {
      maxClients: this.plan.limit,
      maxWaitingClients: this.plan.hasFaults ? maxWaitingClients : 0,
      gatewayLeaseMs,
      firstMessageDeadlineMs,
    };
    for (const shard of this.shards) this.send(shard, { type: 'GatewayStarted', gatewayId, limits });
  }

  /** Half of its clients come back to another with their tokens. */
  endGateway(gateway: Gateway): void {
    gateway.isAlive = false;
    gateway.life += 1;
    for (const [sessionId, session] of this.#sessions) {
      if (session.gateway !== gateway) continue;
      this.#sessions.delete(sessionId);
      if (this.random() < 0.5) {
        this.timeline.after(this.draw(1_000), () => this.#request(session.clientId, session.stayMs, false, sessionId));
      }
    }
  }

  #arriveAt(shard: ShardLog, event: ShardEvent, onTaken: () => void): void {
    const { nowMs } = this.timeline;
    if (shard.downUntilMs > nowMs) {
      const backMs = shard.downUntilMs - nowMs + this.usualDelayMs();
      return this.timeline.after(backMs, () => this.#arriveAt(shard, event, onTaken));
    }
    this.#records += 1;
    for (const outcome of shard.append(event, nowMs)) this.#note(shard, outcome);
    if (this.plan.hasFaults) shard.check();
    onTaken();
  }

  #note(shard: ShardLog, outcome: AdmissionOutcome): void {
    const { sessionId } = outcome;
    switch (outcome.type) {
      case 'opened':
        this.#open.add(sessionId);
        this.#mostOpen = Math.max(this.#mostOpen, this.#open.size);
        this.#checkLimit();
        return this.timeline.after(this.usualDelayMs(), () => this.#stay(shard, sessionId));
      case 'closed':
        this.#open.delete(sessionId);
        this.#sessions.delete(sessionId);
        return;
      case 'refused':
        this.#sessions.delete(sessionId);
        this.#figures.refused += 1;
        if (this.#open.size < this.plan.limit) this.#figures.refusedWhileRoom += 1;
        return;
      case 'queued':
        return;
    }
  }

  /** After every record that opened a session, so that no moment is left out. */
  #checkLimit(): void {
    const { limit, seed } = this.plan;
    if (this.#open.size > limit) {
      throw new Breach(
        `${this.#open.size} sessions are open over all shards, ${limit} may be (seed ${seed}, ${this.timeline.nowMs} ms)`,
      );
    }
  }

  /** The gateway has read that a session is open. */
  #stay(shard: ShardLog, sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return this.#giveBack(shard, sessionId);
    this.send(shard, { type: 'ConnectionSpoke', sessionId });
    const { gateway, life, vanishes, stayMs } = session;
    this.timeline.after(stayMs + (vanishes ? staleAfterMs : 0), () => {
      if (gateway.life !== life || !this.#sessions.delete(sessionId)) return;
      this.send(shard, { type: 'ConnectionClosed', sessionId, reason: vanishes ? 'STALE' : 'GOODBYE', detail: '' });
    });
  }

  /** A slot that no stream holds: as a gateway does, if it is there to do so; if not, its lease ends. */
  #giveBack(shard: ShardLog, sessionId: string): void {
    const gatewayId = shard.state.admission.open.get(sessionId)?.gatewayId;
    if (this.gateways.some(({ id, isAlive }) => id === gatewayId && isAlive))
      this.send(shard, { type: 'ConnectionClosed', sessionId, reason: 'LOST', detail: '' });
  }

  #beat(gateway: Gateway): void {
    if (gateway.isAlive && gateway.frozenUntilMs <= this.timeline.nowMs) {
      for (const shard of this.shards) this.send(shard, { type: 'GatewayBeat', gatewayId: gateway.id, active: [] });
    }
    this.timeline.after(gatewayBeatMs, () => this.#beat(gateway));
  }

  /** Each is somebody else, and comes when he likes. */
  #arrive(): void {
    const { load, limit } = this.plan;
    const heldMs = meanStayMs + vanishShare * staleAfterMs;
    const exponential = (meanMs: number) => -meanMs * Math.log(1 - this.#clients.next());
    this.timeline.after(exponential(heldMs / (load * limit)), () => this.#arrive());
    const stayMs = exponential(meanStayMs);
    const vanishes = this.#clients.chance(vanishShare);
    this.#request(`c${this.#requestIds}`, stayMs, vanishes);
  }

  #request(clientId: string, stayMs: number, vanishes: boolean, former?: string): void {
    const living = this.gateways.filter(({ isAlive }) => isAlive);
    const gateway = living[Math.floor(this.random() * living.length)];
    // With all of them gone nobody takes the request.
    if (gateway === undefined) return;
    this.#requestIds += 1;
    const sessionId = `s${this.#requestIds}`;
    this.#sessions.set(sessionId, { clientId, gateway, life: gateway.life, stayMs, vanishes });
    this.#figures.requests += 1;
    const waits = this.plan.hasFaults && this.random() < waitingShare;
    this.send(this.#shardOf(clientId), {
      type: 'ConnectionRequested',
      sessionId,
      clientId,
      gatewayId: gateway.id,
      timeZone: 'UTC',
      conversationId: clientId,
      tokenHash: sessionId,
      resumeTokenHash: former ?? '',
      waitMs: waits ? Math.floor(this.random() * longestWaitMs) : 0,
    });
  }

  /** By a hash that deals clients evenly, whatever they are called. */
  #shardOf(clientId: string): ShardLog {
    const index = createHash('sha256').update(clientId).digest().readUInt32BE() % this.shards.length;
    return this.shards[index] as ShardLog;
  }

  #checkpoint(): void {
    for (const shard of this.shards) {
      shard.check();
      shard.checkpoint();
    }
    this.#checkSums();
    this.timeline.after(checkpointMs, () => this.#checkpoint());
  }

  /** The witness agrees with the folds, and no slot has come to be or been lost on its way. */
  #checkSums(): void {
    const states = this.shards.map(({ state }) => state);
    const open = states.reduce((sum, { admission }) => sum + admission.open.size, 0);
    if (open !== this.#open.size) throw new Breach(`${open} sessions are open, ${this.#open.size} were told so`);
    const quotas = states.reduce((sum, { quota }) => sum + quota, 0);
    const underWay = states
      .flatMap(({ given }) => [...given.values()])
      .filter(({ to, transferId }) => states[to]?.taken.has(transferId) === false)
      .reduce((sum, { slots }) => sum + slots, 0);
    const { limit, quotas: order } = this.plan;
    if (order !== 'taken first' && quotas + underWay !== limit) {
      throw new Breach(`${quotas} slots of shards and ${underWay} under way are not the limit of ${limit}`);
    }
  }
}

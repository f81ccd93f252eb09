import type { ServerNode } from './node.ts';
import type { World } from './world.ts';
import { topics } from './world-names.ts';

/** A process whose twin starts. */
interface Watched {
  readonly node: ServerNode;
  readonly twin: ServerNode;
  readonly sinceMs: number;
  readonly strikes: number;
}

/**
 * Processes that another one starts beside under their instance id. One that could answer all the time keeps its sessions: it ran, and nothing
 * struck between it and the log (docs/adr/0021-one-process-per-instance-id.md).
 */
export class Twins {
  readonly #world: World;
  readonly #watched = new Map<string, Watched>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether a twin of this instance is starting. */
  isStarting(instanceId: string): boolean {
    return this.#watched.has(instanceId);
  }

  /** A twin of this one starts. */
  begin(node: ServerNode, twin: ServerNode): void {
    const { faults, scheduler } = this.#world;
    const isServing = node.process.isRunning && node.admission?.suspended === false && this.#isAbreast(node);
    const isHealthy = !this.#isAway(node, twin) && isServing;
    const strikes = isHealthy ? faults.logStrikes : Number.NaN;
    this.#watched.set(node.instanceId, { node, twin, sinceMs: scheduler.nowMs, strikes });
  }

  /** The start has come to an end, one way or the other. */
  end(instanceId: string): void {
    this.#watched.delete(instanceId);
  }

  /** A start has ended this instance's session. */
  sessionEnded(instanceId: string, sessionId: string): void {
    const watched = this.#watched.get(instanceId);
    if (watched === undefined || !this.#isHealthy(watched)) return;
    const { name } = watched.node.process;
    this.#world.find('twin-ends-sessions', `${sessionId} of ${name} is ended by another process of its instance id`);
  }

  #isHealthy({ node, twin, sinceMs, strikes }: Watched): boolean {
    const { process, isStopping } = node;
    if (!process.isRunning || isStopping || process.runningSinceMs > sinceMs) return false;
    return !this.#isAway(node, twin) && this.#world.faults.logStrikes === strikes;
  }

  /** Nothing that struck before keeps it from reading or writing still. */
  #isAbreast({ admission, isHeldUp }: ServerNode): boolean {
    return !isHeldUp && admission?.position === this.#world.log.records(topics.connections, 0).length;
  }

  #isAway(...nodes: readonly ServerNode[]): boolean {
    const { faults } = this.#world;
    return nodes.some(({ process: { name } }) => faults.isAway('log-read', name) || faults.isAway('log-write', name));
  }
}

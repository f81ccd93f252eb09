import { gatewayBeatMs } from '../../domain/limits.ts';
import type { NodeSpec } from '../scenario.ts';
import { ServerNode } from './node.ts';
import { Twins } from './twins.ts';
import type { World } from './world.ts';
import { topics } from './world-names.ts';

/** How long the coordinator of a group waits for a member that says nothing. */
const groupSessionMs = 10_000;

/** How long whoever runs the deployment takes to start a process again that has ended. */
const startAgainMs = { min: 500, max: 8_000 };

/** A start that does not come to anything is ended by whoever runs the deployment. */
const startTimeoutMs = 60_000;

/** The server processes, kept running: one that ends is started again. */
export class Deployment {
  readonly #world: World;
  readonly twins: Twins;
  readonly #nodes = new Map<string, ServerNode>();
  /** Those that are about to be started again. */
  readonly #due = new Set<NodeSpec>();
  #starts = 0;
  #isClosing = false;

  constructor(world: World) {
    this.#world = world;
    this.twins = new Twins(world);
    for (const spec of world.scenario.nodes) this.#start(spec);
  }

  /** Every process that lives. */
  get nodes(): readonly ServerNode[] {
    return [...this.#nodes.values()].filter(({ process }) => process.isAlive);
  }

  /** Gateways that take connections: a frozen one does, and answers nothing. */
  get gateways(): readonly ServerNode[] {
    return this.nodes.filter(({ services }) => services !== undefined);
  }

  /** From one moment to the next the process is gone; its group notices later. */
  crash(node: ServerNode): void {
    if (!node.process.isAlive) return;
    this.#world.trace.note(node.process.name, 'dies');
    this.#world.interrupted.add(node.instanceId);
    node.kill();
    this.#expireLater(node);
    this.#keepRunning(node.spec);
  }

  /** As on SIGTERM, then started again. */
  async restart(node: ServerNode): Promise<void> {
    if (node.isStopping || !node.process.isRunning) return;
    this.#world.trace.note(node.process.name, 'is stopped');
    await node.stop();
    this.#keepRunning(node.spec);
  }

  freeze(node: ServerNode, ms: number): void {
    const { scheduler, trace, groups, log } = this.#world;
    const { process } = node;
    if (!process.isRunning) return;
    trace.note(process.name, `freezes for ${Math.round(ms)} ms`);
    process.freeze();
    this.#world.interrupted.add(node.instanceId);
    if (ms > groupSessionMs) scheduler.after(groupSessionMs, () => groups.expire(process.name, { silently: true }));
    scheduler.after(ms, () => {
      if (!process.isAlive) return;
      trace.note(process.name, 'wakes up');
      if (ms > gatewayBeatMs) node.readTo = log.records(topics.connections, 0).length;
      process.thaw();
      groups.rejoin(process.name);
    });
  }

  /** Ends all in order, the gateways first. What does not end is found. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const node of this.nodes) {
      const { name } = node.process;
      let hasEnded = false;
      this.#world.scheduler.after(startTimeoutMs, () => {
        if (!hasEnded) this.#world.find('stop-hangs', `${name} does not stop`);
      });
      // One that has not even started yet may fail to.
      await Promise.race([node.stop(), node.killed]);
      hasEnded = true;
    }
  }

  /** Starts another process under the instance id of one that runs: one of the two ends. */
  startTwin(node: ServerNode): void {
    const { scheduler } = this.#world;
    const { twins } = this;
    const { spec, instanceId } = node;
    if (!spec.keepsInstanceId || !spec.roles.includes('gateway') || twins.isStarting(instanceId)) return;
    if (node.admission?.isStarted !== true || node.isStopping) return;
    const twin = this.#newNode(spec);
    twins.begin(node, twin);
    let isOver = false;
    const ended = (error: unknown) => {
      if (isOver) return;
      isOver = true;
      twins.end(instanceId);
      if (error === undefined && !this.#isClosing && this.#nodes.get(spec.name) === node) this.#replace(node, twin);
      else this.#giveUp(twin, error);
      this.#keepRunning(spec);
    };
    twin.start().then(() => ended(undefined), ended);
    scheduler.after(startTimeoutMs, () => ended('it does not start'));
  }

  /** The twin has the instance id: the other ends as soon as it knows. */
  #replace({ spec }: ServerNode, twin: ServerNode): void {
    this.#world.trace.note(twin.process.name, 'has started in the place of the other');
    this.#nodes.set(spec.name, twin);
  }

  #giveUp(twin: ServerNode, why: unknown): void {
    const { trace, groups } = this.#world;
    trace.note(twin.process.name, `ends: ${why instanceof Error ? why.message : String(why)}`);
    twin.kill();
    groups.expire(twin.process.name, { silently: true });
  }

  /** Its instance id is another process's. */
  async #superseded(node: ServerNode): Promise<void> {
    if (node.isStopping) return;
    this.#world.trace.note(node.process.name, 'is superseded');
    await node.stop();
    this.#keepRunning(node.spec);
  }

  #keepRunning(spec: NodeSpec): void {
    const node = this.#nodes.get(spec.name);
    if (node?.process.isAlive || (node !== undefined && this.twins.isStarting(node.instanceId))) return;
    if (!this.#isClosing) this.#startLater(spec);
  }

  #newNode(spec: NodeSpec): ServerNode {
    const { trace } = this.#world;
    this.#starts += 1;
    const name = `${spec.name}.${this.#starts}`;
    const instanceId = spec.keepsInstanceId ? spec.name : name;
    trace.note(name, `starts as ${instanceId}: ${spec.roles.join(', ')}`);
    const node = new ServerNode(this.#world, spec, name, instanceId);
    node.onSuperseded = () => void this.#superseded(node);
    return node;
  }

  #start(spec: NodeSpec): void {
    const { trace, groups, scheduler } = this.#world;
    if (this.#isClosing) return;
    const node = this.#newNode(spec);
    const { name } = node.process;
    this.#nodes.set(spec.name, node);
    let isStarted = false;
    node.start().then(
      () => {
        isStarted = true;
        trace.note(name, 'has started');
      },
      (error: unknown) => {
        if (!node.process.isAlive) return;
        trace.note(name, `could not start: ${error instanceof Error ? error.message : String(error)}`);
        node.kill();
        groups.expire(name, { silently: true });
        this.#keepRunning(spec);
      },
    );
    scheduler.after(startTimeoutMs, () => {
      if (!isStarted) this.crash(node);
    });
  }

  #startLater(spec: NodeSpec): void {
    const { scheduler, random } = this.#world;
    if (this.#due.has(spec)) return;
    this.#due.add(spec);
    scheduler.after(random.between(startAgainMs.min, startAgainMs.max), () => {
      this.#due.delete(spec);
      this.#start(spec);
    });
  }

  #expireLater({ process }: ServerNode): void {
    this.#world.scheduler.after(groupSessionMs, () => this.#world.groups.expire(process.name, { silently: true }));
  }
}

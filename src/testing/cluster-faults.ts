import type { Cluster, ClusterRole, Member } from './cluster.ts';
import type { Engine } from './engines/engine-process.ts';

/** Something that fails, and is whole again some time later. */
export interface Fault {
  /** For people. */
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** What an engine or a process can suffer, each a fault of its own. */
export interface FaultTarget {
  readonly name: string;
  readonly faults: readonly Fault[];
}

/** The engine dies (-9), or freezes (SIGSTOP). */
export function engineFaults(name: string, engine: Engine): FaultTarget {
  return {
    name,
    faults: [
      { name: `${name} killed`, begin: () => engine.kill(), end: () => engine.start() },
      { name: `${name} frozen`, begin: () => engine.pause(), end: async () => engine.resume() },
    ],
  };
}

/** One process of the role dies (-9) and is started again at once, or later, or freezes (SIGSTOP). Which of them, `choose` says each time. */
export function processFaults(
  cluster: Cluster,
  role: ClusterRole,
  choose: (members: readonly Member[]) => Member,
): FaultTarget {
  let member = choose(cluster.of(role));
  let restarting: Promise<void> = Promise.resolve();
  const begins = (what: () => unknown) => async () => {
    member = choose(cluster.of(role));
    await what();
  };
  const restart = () => {
    restarting = cluster.restart(member);
    // Whoever ends the fault hears of it.
    restarting.catch(() => undefined);
  };
  return {
    name: role,
    faults: [
      { name: `${role} killed`, begin: begins(restart), end: () => restarting },
      {
        name: `${role} away`,
        begin: begins(() => member.server.stop('SIGKILL')),
        end: () => cluster.restart(member),
      },
      {
        name: `${role} frozen`,
        begin: begins(() => member.server.pause()),
        end: async () => member.server.resume(),
      },
    ],
  };
}

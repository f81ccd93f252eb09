import type { Engines } from './engines.ts';
import type { Pids } from './process-figures.ts';
import { type Started, startParley } from './processes.ts';

/** In this order: the topics are made by the first, and clients are let in when all are there. */
export const roles = ['projector', 'worker', 'gateway'] as const;
export type Role = (typeof roles)[number];

/** Of a process of this role alone; `prefix`: of all of one deployment. */
export function settingsOf(role: Role, engines: Engines, prefix: string): Readonly<Record<string, string>> {
  return { ...engines.settings, PARLEY_PREFIX: prefix, PARLEY_ROLES: role, PARLEY_INSTANCE_ID: role };
}

/** A deployment on one machine: one process of each role. */
export interface Deployment extends AsyncDisposable {
  readonly gateway: Started;
  readonly worker: Started;
  readonly projector: Started;
  /** Its own processes, and the engines. */
  readonly pids: Pids;
}

/** Starts the three on the engines, under a prefix that no other deployment of this run has. */
export async function startDeployment(
  engines: Engines,
  prefix: string,
  settings: Readonly<Record<string, string>>,
): Promise<Deployment> {
  await using started = new AsyncDisposableStack();
  const start = async (role: Role) =>
    started.use(await startParley({ ...settingsOf(role, engines, prefix), ...settings }));
  const [projector, worker, gateway] = [await start('projector'), await start('worker'), await start('gateway')];
  const resources = started.move();
  return {
    gateway,
    worker,
    projector,
    pids: { gateway: gateway.pid, worker: worker.pid, projector: projector.pid, ...engines.pids },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

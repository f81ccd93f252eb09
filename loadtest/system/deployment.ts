import type { Engines } from './engines.ts';
import type { Pids } from './process-figures.ts';
import { type Started, startParley } from './processes.ts';

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
  const start = async (role: string) =>
    started.use(
      await startParley({
        ...engines.settings,
        ...settings,
        PARLEY_PREFIX: prefix,
        PARLEY_ROLES: role,
        PARLEY_INSTANCE_ID: role,
      }),
    );
  // The topics are made by the first.
  const projector = await start('projector');
  const worker = await start('worker');
  const gateway = await start('gateway');
  const resources = started.move();
  return {
    gateway,
    worker,
    projector,
    pids: { gateway: gateway.pid, worker: worker.pid, projector: projector.pid, ...engines.pids },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

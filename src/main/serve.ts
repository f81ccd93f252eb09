import { pinoLogger } from '../adapters/pino/pino-logger.ts';
import { describeConfig } from '../config/describe-config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { assertConnectionLimits } from '../domain/connection-limits.ts';
import { assertLimits, shutdownMs } from '../domain/limits.ts';
import type { Logger } from '../ports/telemetry.ts';
import { announcement } from './announcement.ts';
import { release } from './release.ts';
import { type RunningServer, startServer } from './server.ts';

export interface ServeOptions {
  /** As PARLEY_ROLES. */
  readonly roles?: string;
}

/** Runs the server until SIGTERM or SIGINT; then drains, and ends the process with 0 within 10 s. */
export async function serve({ roles }: ServeOptions): Promise<void> {
  assertLimits();
  assertConnectionLimits();
  const config = loadEnvironment(undefined, roles === undefined ? {} : { PARLEY_ROLES: roles });
  const logger = pinoLogger({ ...config.log, release });
  const faulty = Promise.withResolvers<void>();
  logger.debug({ config: describeConfig(config) }, 'starting');
  const onFault = (error: unknown) => {
    // What keeps the promises is gone (a damaged log, a dead projector): going on would be worse than a restart.
    logger.error({ err: error }, 'fatal error');
    process.exitCode = 1;
    faulty.resolve();
  };
  const running = await startServer({ config, logger, onFault });
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'draining');
    drainAndExit(running, logger);
  };
  void faulty.promise.then(() => stop('fault'));
  // Not once: without a listener a second signal would end the process in the middle of the drain.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Standard output, for people and for scripts; the log goes to standard error. Last: whoever reads it may stop the server at once.
  process.stdout.write(announcement(running, config));
}

/** Ends the process: with what `process.exitCode` says (0) after a drain in order, with 1 otherwise. */
function drainAndExit(running: RunningServer, logger: Logger): void {
  setTimeout(() => {
    logger.error({}, `the drain took longer than ${shutdownMs} ms; what is unfinished is taken up at the next start`);
    process.exit(1);
  }, shutdownMs);
  running.stop().then(
    () => {
      logger.info({}, 'stopped');
      process.exit(process.exitCode ?? 0);
    },
    (error: unknown) => {
      logger.error({ err: error }, 'the shutdown failed');
      process.exit(1);
    },
  );
}

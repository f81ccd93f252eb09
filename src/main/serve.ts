import { pinoLogger } from '../adapters/telemetry/pino/pino-logger.ts';
import type { Config } from '../config/config.ts';
import { describeConfig } from '../config/describe-config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { assertLimits, shutdownMs } from '../domain/limits.ts';
import type { Logger } from '../ports/telemetry.ts';
import { type RunningServer, startEmbedded } from './embedded.ts';

/** Runs the server until SIGTERM or SIGINT; then drains, and ends the process with 0 within 10 s. */
export async function serve(): Promise<void> {
  assertLimits();
  const config = loadEnvironment();
  const logger = pinoLogger(config.log);
  const faulty = Promise.withResolvers<void>();
  logger.info({ config: describeConfig(config) }, 'starting');
  const running = await startEmbedded(config, logger, (error) => {
    // What keeps the promises is gone (a damaged log, a dead projector): going on would be worse than a restart.
    logger.error({ err: error }, 'cannot go on');
    process.exitCode = 1;
    faulty.resolve();
  });
  announce(running, config);
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
      logger.error({ err: error }, 'could not stop in order');
      process.exit(1);
    },
  );
}

/** Standard output, for people and for scripts; the log goes to standard error. */
function announce({ grpcAddress, httpAddress }: RunningServer, { auth, tls }: Config): void {
  const at = `--address ${grpcAddress}${tls === undefined ? '' : ' --tls'}`;
  const url = `${tls === undefined ? 'http' : 'https'}://${httpAddress}`;
  const tries = [
    ...(auth.kind === 'accounts' && auth.signUpOpen
      ? [[`npm run parley -- sign-up NAME ${at}`, 'make an account, and sign in with it']]
      : []),
    ...(auth.kind === 'accounts'
      ? [['npm run parley -- user add NAME --operator', 'make an account for an operator']]
      : []),
    [`npm run parley -- chat ${at}${auth.kind === 'oidc' ? ' --token-file FILE' : ''}`, 'talk to it'],
    ...(auth.kind === 'none' ? [[`npm run parley -- usage ${at}`, 'its limits, and how much is used']] : []),
    ['npm run parley -- tail', 'the log, as it grows'],
    [`curl ${url}/metrics`, 'for Prometheus'],
    [`${url}/docs`, 'every call, with an example'],
  ];
  const width = Math.max(...tries.map(([command = '']) => command.length));
  process.stdout.write(`parley is listening: grpc ${grpcAddress} http ${httpAddress}
Try next, in another terminal:
${tries.map(([command = '', what = '']) => `  ${command.padEnd(width)}  ${what}`).join('\n')}
Ctrl-C stops it; nothing accepted is lost, whatever stops it.
`);
}

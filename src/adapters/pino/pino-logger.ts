import { hostname } from 'node:os';
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../../ports/telemetry.ts';

export interface PinoLoggerOptions {
  readonly level: string;
  /** In each line: what another release wrote is told apart. */
  readonly release: string;
  /** `auto`: pretty when standard error is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty';
}

/** Redacted wherever they are logged: secrets and message content. */
const redacted = [
  'password',
  'oldPassword',
  'newPassword',
  'accessToken',
  'refreshToken',
  'resumeToken',
  'token',
  'apiKey',
  'text',
  'parts',
].flatMap((name) => [name, `*.${name}`]);

const stderrFd = 2;

/** JSON lines on standard error, one per event; standard output stays free for what the command prints. */
export function pinoLogger({ level, release, format }: PinoLoggerOptions): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY);
  const out: DestinationStream = isPretty
    ? pretty({ destination: stderrFd, sync: true, ignore: 'pid,hostname,release', translateTime: 'SYS:HH:MM:ss.l' })
    : destination({ dest: stderrFd, sync: true });
  const options = {
    level,
    base: { pid: process.pid, hostname: hostname(), release },
    // By name, as whoever collects logs knows it.
    formatters: { level: (label: string) => ({ level: label }) },
    redact: redacted,
    serializers: { err: stdSerializers.errWithCause },
  };
  const logger: PinoLogger = pino(options, out);
  return logger;
}

import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';

/** Exit codes of every command. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** What every client command knows. */
export interface CommonOptions {
  readonly address: string;
  readonly client: string;
  readonly timeZone: string;
}

/** Where a command gets what is not an option. */
export interface Surroundings {
  /** As XDG_STATE_HOME; default `~/.local/state`. */
  readonly stateHome?: string | undefined;
}

/** Adds `--address`, `--client` and `--time-zone`, and makes mistakes in usage end with their own exit code. */
export function withCommonOptions(command: Command): Command {
  return command
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))
    .option('--address <host:port>', 'where the server listens', parseAddress, '127.0.0.1:50051')
    .option('--client <id>', 'who you are; the same at every connect', defaultClientId())
    .option('--time-zone <zone>', 'IANA time zone', parseTimeZone, Intl.DateTimeFormat().resolvedOptions().timeZone);
}

/** An option's value as a whole number within bounds. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw new InvalidArgumentError(`A whole number from ${min} to ${max} is expected.`);
    }
    return number;
  };
}

/** User and machine: stable, and different for two people who share a server. */
function defaultClientId(): string {
  return `${userInfo().username}@${hostname()}`;
}

function parseAddress(value: string): string {
  const port = /^\S+:(\d{1,5})$/.exec(value)?.[1];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new InvalidArgumentError('Give host:port.');
  return value;
}

function parseTimeZone(value: string): string {
  try {
    // Only checked: the formatter's own name for a zone is often its oldest one.
    new Intl.DateTimeFormat('en', { timeZone: value });
  } catch {
    throw new InvalidArgumentError('Give an IANA zone, e.g. Asia/Tokyo.');
  }
  return value;
}

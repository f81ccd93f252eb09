import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { systemWords } from './trouble.ts';

/** Exit codes of every command. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Where a server listens unless it is told otherwise. */
export const DEFAULT_ADDRESS = '127.0.0.1:50051';

/** The same for its page. */
export const DEFAULT_PAGE_ADDRESS = '127.0.0.1:8080';

/** How to reach a server. */
export interface ServerOptions {
  readonly address: string;
  readonly tls?: true;
  /** PEM, as the files hold it. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** What every command that speaks for a client knows. */
export interface CommonOptions extends ServerOptions {
  readonly client?: string;
  readonly timeZone: string;
  readonly tokenFile?: string;
}

/** Where a command gets what is not an option. */
export interface Surroundings {
  /** As XDG_STATE_HOME; default `~/.local/state`. */
  readonly stateHome?: string | undefined;
  /** `host:port` of the server that is meant where none is named; default: where one listens by default. */
  readonly address?: string | undefined;
  /** The same of the page. */
  readonly pageAddress?: string | undefined;
}

/** Adds what names a server, and makes mistakes in usage end with their own exit code. */
export function withServerOptions(command: Command, { address = DEFAULT_ADDRESS }: Surroundings): Command {
  return command
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))
    .option(
      '--address <host:port>',
      'where the server listens; as PARLEY_GRPC_LISTEN, here or in .env, says',
      parseAddress,
      address,
    )
    .option('--tls', 'connect with TLS; implied by the three below')
    .option('--ca <file>', 'certificates (PEM) to trust instead of the well-known authorities', fileContents)
    .option('--cert <file>', 'your own certificate (PEM), with --key', fileContents)
    .option('--key <file>', 'its key (PEM)', fileContents);
}

/** Adds what every command that speaks for a client takes. */
export function withCommonOptions(command: Command, surroundings: Surroundings): Command {
  return withServerOptions(command, surroundings)
    .option('--client <id>', 'who you are, the same at every connect; default: as signed in, or user@machine')
    .option('--time-zone <zone>', 'IANA time zone', parseTimeZone, Intl.DateTimeFormat().resolvedOptions().timeZone)
    .option(
      '--token-file <file>',
      'holds an access token to use instead of `parley sign-in`; read again when it expires',
    );
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

function fileContents(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${systemWords(error)}.`);
  }
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

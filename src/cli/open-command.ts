import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { type CommonOptions, DEFAULT_PAGE_ADDRESS, type Surroundings, withCommonOptions } from './common-options.ts';
import { identify, tokenStore } from './identity.ts';
import { run } from './run.ts';

interface OpenOptions extends CommonOptions {
  readonly page: string;
}

/** Adds `parley open`. */
export function registerOpen(program: Command, surroundings: Surroundings): void {
  const { pageAddress = DEFAULT_PAGE_ADDRESS } = surroundings;
  withCommonOptions(program.command('open'), surroundings)
    .description('open the web client in a browser, with the same client id and conversations')
    .option('--page <url>', 'where the page is; as PARLEY_HTTP_LISTEN, here or in .env, says', `http://${pageAddress}/`)
    .action((options: OpenOptions) => run(options.address, async () => open(options, surroundings)));
}

function open(options: OpenOptions, surroundings: Surroundings): void {
  const { clientId, endpoint } = identify(options, surroundings);
  const isSignedIn =
    options.tokenFile !== undefined || tokenStore(surroundings.stateHome, endpoint).read() !== undefined;
  // Who signs in is known by that, also to the page.
  const url = isSignedIn ? options.page : new URL(`#/as/${encodeURIComponent(clientId)}`, options.page).href;
  process.stdout.write(`${url}\n`);
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  // Where there is no browser, the address is there to be copied.
  spawn(command, [...args, url], { detached: true, stdio: 'ignore' })
    .on('error', () => undefined)
    .unref();
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['explorer.exe'],
};

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** A tone and a moving picture stand for what a microphone and a camera would give, and nobody is asked. */
const fakeDevices = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Two pages of one test are looked at by turns: neither may be slowed down for being the one behind.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // Shared memory is small in containers.
  '--disable-dev-shm-usage',
  ...fakeDevices,
];

/** A browser on a machine that does other things as well. */
const launchTimeoutMs = 60_000;

/** The program. Throws with how to get it when there is none. */
export function installedChromium(): string {
  const { PARLEY_TEST_CHROMIUM: given } = process.env;
  const found = given ?? usualPlaces.find((place) => existsSync(place));
  if (found !== undefined && existsSync(found)) return found;
  throw new Error(
    `${given ?? 'Chromium'} is not here. Install it (Debian: apt-get install chromium), or name it in PARLEY_TEST_CHROMIUM.`,
  );
}

/** The Chromium of this machine, or what starts it, without a window. */
export async function launchChromium(executablePath = installedChromium()): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: flags,
    chromiumSandbox: false,
    timeout: launchTimeoutMs,
  });
}

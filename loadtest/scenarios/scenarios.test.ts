import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load-config.ts';
import { runOf } from '../runner/run-scenario.ts';
import { scenarios } from './scenarios.ts';

const choices = { profile: 'embedded', protocol: 'grpc', minutes: undefined } as const;
const runs = Object.entries(scenarios).flatMap(([name, scenario]) =>
  [false, true].map((isQuick) => ({
    label: `${name}${isQuick ? ', quick' : ''}`,
    run: runOf(name, scenario, { ...choices, isQuick }),
  })),
);

describe.each(runs)('$label', ({ run: { load, settings, preludes } }) => {
  const { limits } = loadConfig(settings);

  test('asks for settings that the server takes, and a seed by which its waits are known', () => {
    expect(Number(settings['PARLEY_SIMULATED_SEED'])).toBeGreaterThanOrEqual(0);
  });

  test('lets in all its clients at once, or lets the others wait for their turn', () => {
    for (const { clients, idleClients, waitForSlotMs, stayMs } of [load, ...preludes.map((prelude) => prelude.load)]) {
      if (waitForSlotMs === 0) expect(clients + idleClients).toBeLessThanOrEqual(limits.maxClients);
      else {
        expect(stayMs?.max).toBeLessThan(waitForSlotMs);
        expect(waitForSlotMs).toBeLessThanOrEqual(limits.maxWaitForSlotMs);
      }
    }
  });

  test('may say all that it wants to say', () => {
    const { pace } = load;
    if (pace.loop === 'burst') expect(pace.messagesPerClient).toBeLessThanOrEqual(limits.maxPendingPerClient);
  });
});

test('another length may be asked for', () => {
  const { soak } = scenarios;
  expect(runOf('soak', soak!, { ...choices, isQuick: false, minutes: 2 }).load.durationMs).toBe(120_000);
});

import type { Kind } from '../driver/load.ts';
import {
  commonSettings,
  mostOpen,
  noFailures,
  ofKind,
  seed,
  settleMs,
  shortText,
  shortVideo,
  shortVoice,
} from './common.ts';
import type { Scenario, ScenarioAim, ScenarioLoad, Settings } from './scenario.ts';

/** Everything as published, but what happens to those who find no place. */
const load: ScenarioLoad = {
  seed,
  clients: 100,
  arrivalsPerSecond: 5,
  durationMs: 120_000,
  settleMs,
  // Whether there is a reply or not: 53 requests a second of 100 clients leave each 1.9 s, less than a voice and a video take with a pause.
  pace: { loop: 'every', everyMs: { min: 1_000, max: 3_000 } },
  mix: { text: shortText, voice: shortVoice, video: shortVideo },
  waitForSlotMs: 0,
  idleClients: 0,
  toleratesKills: false,
};

const settings: Settings = {
  ...commonSettings,
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-1000',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '1000-2000',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '2000-3000',
  // Then a client's next message may come before the reply to its last: it must not have to wait for it, or that is measured.
  PARLEY_MAX_PROCESSING_PER_CONVERSATION: '10',
  // As people see it: a first piece, and then more.
  PARLEY_SIMULATED_PIECES: '8',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '0',
};

const kinds: readonly Kind[] = ['text', 'voice', 'video'];

const aims: readonly ScenarioAim[] = [
  noFailures,
  ...kinds.flatMap((kind): ScenarioAim[] => [
    {
      name: `Above simulated, ${kind}, p50`,
      unit: 'ms',
      limit: { embedded: 3, distributed: 10 },
      figure: ofKind(kind, ({ aboveSimulatedMs }) => aboveSimulatedMs?.p50),
    },
    {
      name: `Above simulated, ${kind}, p99`,
      unit: 'ms',
      limit: { embedded: 15, distributed: 40 },
      figure: ofKind(kind, ({ aboveSimulatedMs }) => aboveSimulatedMs?.p99),
    },
  ]),
];

const quickLoad = {
  clients: 10,
  arrivalsPerSecond: 20,
  durationMs: 4_000,
  pace: { loop: 'every', everyMs: { min: 300, max: 600 } },
} as const;
const quickSettings = {
  // All that a client says: whatever else the machine does at that moment, no message is one too many.
  PARLEY_MAX_PENDING_PER_CLIENT: '20',
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-100',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '100-200',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '200-300',
};

export const published: Scenario = {
  description:
    '100 clients, arriving 5 a second, each sends text, voice or video every 1–3 s; 2 minutes. A published test of a comparable system.',
  load,
  // There were 100 at once, so the cap was raised then, too.
  settings: { ...settings, PARLEY_MAX_CLIENTS: '100' },
  aims,
  quick: { load: quickLoad, settings: quickSettings },
};

export const published50: Scenario = {
  description: 'The same with the cap of 50: each stays for 45–50 s, the others wait in line until one leaves.',
  load: {
    ...load,
    // The first 50 are in after 10 s and gone after a minute, so the other 50 have their time as well before the two minutes are over.
    stayMs: { min: 45_000, max: 50_000 },
    // The last of them waits for less than 50 s.
    waitForSlotMs: 60_000,
  },
  settings: { ...settings, PARLEY_MAX_CLIENTS: '50', PARLEY_MAX_WAIT_FOR_SLOT_MS: '60000' },
  aims: [...aims, mostOpen(50)],
  quick: {
    load: { ...quickLoad, stayMs: { min: 1_000, max: 1_500 } },
    settings: { ...quickSettings, PARLEY_MAX_CLIENTS: '5' },
  },
};

import { growth, slopePerHour } from '../runner/trend.ts';
import { commonSettings, noFailures, shortText, shortVideo, shortVoice } from './common.ts';
import { busyLoad } from './loops.ts';
import type { Facts, Prelude, Scenario } from './scenario.ts';

const historyReads = { perSecond: 5, pageSize: 50 };

/**
 * At full speed until everything that is kept up to a bound has reached it: above all the ids by which repeats of the last 8,192 messages
 * of each partition are known. What grows after is not bounded. A partition may have one of the 50 clients alone: then that takes 460,000
 * messages, of which some 3,000 are answered in a second.
 */
const fill: Prelude = { name: 'fill', load: { ...busyLoad, durationMs: 240_000 }, memoryAt: 'end' };

/** The same for what is kept of media, which are slower: the ids of the 10,000 objects that were looked at last. And what is loaded for the first of them. */
const fillMedia: Prelude = {
  name: 'media',
  load: { ...busyLoad, durationMs: 90_000, mix: { voice: shortVoice, video: shortVideo }, historyReads },
  memoryAt: 'end',
};

export const soak: Scenario = {
  description:
    '50 clients talk as people would, only faster, for 20 minutes or as long as is asked for: what grows is a leak.',
  load: {
    ...busyLoad,
    durationMs: 20 * 60_000,
    // Some 40 messages a second: about a twentieth of the machine, so that nothing waits and memory is what stays.
    pace: { loop: 'closed', thinkMs: { min: 500, max: 1_500 } },
    mix: { text: { ...shortText, share: 8 }, voice: shortVoice, video: shortVideo },
    historyReads,
  },
  settings: {
    ...commonSettings,
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0-20',
    PARLEY_SIMULATED_VOICE_DELAY_MS: '100-300',
    PARLEY_SIMULATED_VIDEO_DELAY_MS: '100-300',
    PARLEY_SIMULATED_PIECES: '8',
  },
  preludes: [fillMedia, fill],
  readsMemoryAfter: true,
  aims: [
    noFailures,
    {
      name: 'Memory slope after warm-up, all servers',
      unit: 'MiB per hour',
      limit: 1,
      figure: ({ system }) => slopePerHour(system, ({ residentMib }) => sumOf(residentMib)),
    },
    {
      // Resident memory goes up and down with how far V8 lets the heap grow; this does not.
      name: 'What the server keeps, after over before',
      unit: 'MiB per hour',
      limit: 1,
      figure: keptPerHour,
    },
    {
      name: 'Open handles, last quarter over the one after warm-up',
      unit: 'more',
      // As many as one client that connects, or one more file of the log, may have open at a time.
      limit: 5,
      figure: ({ system }) => growth(system, ({ handles }) => sumOf(handles))?.difference,
    },
    {
      name: 'Records that read models are behind, at the end',
      unit: '',
      // What half a second brings.
      limit: 100,
      figure: ({ system }) => growth(system, ({ lagRecords }) => lagRecords)?.last,
    },
    {
      name: 'Event-loop delay p99, last quarter over the one after warm-up',
      unit: 'ms more',
      limit: 5,
      figure: ({ system }) => growth(system, ({ loopDelayP99Ms }) => loopDelayP99Ms)?.difference,
    },
  ],
  quick: {
    load: { clients: 10, durationMs: 4_000, pace: { loop: 'closed', thinkMs: { min: 20, max: 60 } } },
    preludes: [fillMedia, fill].map((prelude) => ({
      ...prelude,
      load: { ...prelude.load, clients: 10, durationMs: 2_000 },
    })),
  },
};

function keptPerHour({ driver, preludes, after }: Facts): number | undefined {
  const before = preludes['fill'];
  return before === undefined || after === undefined
    ? undefined
    : ((after.liveMib - before.liveMib) * 3_600_000) / driver.ranMs;
}

function sumOf(byProcess: Readonly<Record<string, number>>): number {
  return Object.values(byProcess).reduce((sum, value) => sum + value, 0);
}

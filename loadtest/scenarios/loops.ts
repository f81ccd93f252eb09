import { commonSettings, noFailures, ofKind, seed, settleMs, shortText, shortVideo, shortVoice } from './common.ts';
import type { Scenario, ScenarioAim, ScenarioLoad } from './scenario.ts';

/** As many as the cap lets in, each says the next thing when it has its reply. */
export const busyLoad: ScenarioLoad = {
  seed,
  clients: 50,
  arrivalsPerSecond: 0,
  // Long enough for a hundred collections of garbage, and a p99 of some thousand replies.
  durationMs: 60_000,
  settleMs,
  pace: { loop: 'closed', thinkMs: { min: 0, max: 0 } },
  mix: { text: shortText },
  waitForSlotMs: 0,
  idleClients: 0,
  toleratesKills: false,
};

const quickLoad = { clients: 10, durationMs: 1_500 };

/** The server is all that takes time. */
export const atOnce = { ...commonSettings, PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };

export const steady: Scenario = {
  description: '50 clients say the next thing as soon as they have the reply to the last, which the bot gives at once.',
  load: busyLoad,
  settings: atOnce,
  aims: [
    noFailures,
    {
      name: 'Messages answered',
      unit: 'per second',
      limit: { embedded: 5_000, distributed: 2_000 },
      isAtLeast: true,
      figure: ({ driver }) => (driver.answered * 1_000) / driver.ranMs,
    },
    {
      name: 'Reply, p99',
      unit: 'ms',
      limit: { embedded: 25, distributed: 60 },
      figure: ofKind('text', ({ replyMs }) => replyMs.p99),
    },
  ],
  quick: { load: quickLoad },
};

/** 50 of them say so many things at once: together 2,000, of which 500 may be in processing. */
const messagesPerClient = 40;

export const burst: Scenario = {
  description:
    '2,000 messages at once, 40 by each of 50 clients, where 500 may be in processing; each takes the bot 0.5–1.5 s.',
  load: { ...busyLoad, durationMs: 10_000, pace: { loop: 'burst', messagesPerClient } },
  settings: {
    ...commonSettings,
    PARLEY_SIMULATED_TEXT_DELAY_MS: '500-1500',
    // All of a client's must be taken, and may be answered side by side: else one of each conversation is in processing, and the 500 are never reached.
    PARLEY_MAX_PENDING_PER_CLIENT: String(messagesPerClient),
    PARLEY_MAX_PROCESSING_PER_CONVERSATION: String(messagesPerClient),
  },
  aims: [
    noFailures,
    {
      name: 'Most in processing in one partition',
      unit: '',
      // A tenth of the 500, for each of the ten.
      limit: 50,
      figure: ({ audit }) => audit.messages.mostInPartition,
    },
    {
      name: 'Most in processing at once, as sampled',
      unit: '',
      // Conversations fall on partitions by their hash, and one with few has nothing left to do first.
      limit: 400,
      isAtLeast: true,
      figure: ({ system }) => Math.max(0, ...system.map(({ processing }) => processing)),
    },
  ],
  quick: {
    load: { clients: 10, durationMs: 1_000 },
    settings: { PARLEY_SIMULATED_TEXT_DELAY_MS: '50-150' },
  },
};

/** A hundred a second is faster than any model speaks. */
const pieceIntervalMs = 10;

const inPieces = {
  ...atOnce,
  PARLEY_SIMULATED_PIECES: '100',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: String(pieceIntervalMs),
};

const pieceDelay: ScenarioAim = {
  name: 'Piece delay, p99',
  unit: 'ms',
  limit: 10,
  figure: ({ driver }) => (driver.betweenPiecesMs.count === 0 ? undefined : driver.betweenPiecesMs.p99),
};

export const streams: Scenario = {
  description: '50 clients, each reply comes in 100 pieces, one every 10 ms; they pause for 0–1 s in between.',
  load: {
    ...busyLoad,
    // Replies begin at all times, not all at the same moment.
    pace: { loop: 'closed', thinkMs: { min: 0, max: 1_000 } },
    pieceIntervalMs,
  },
  settings: inPieces,
  aims: [noFailures, pieceDelay],
  quick: { load: quickLoad, settings: { PARLEY_SIMULATED_PIECES: '20' } },
};

export const slow: Scenario = {
  description:
    '50 clients say something every 0.5–1.5 s, replies come in 100 pieces; five read less than they are sent, and are told more in each frame.',
  load: {
    ...busyLoad,
    durationMs: 30_000,
    // What is under way to a slow reader comes first: some 64 KiB, in 20 s.
    settleMs: 60_000,
    // They go on saying things when they have not read the reply: or they would never be behind.
    pace: { loop: 'every', everyMs: { min: 500, max: 1_500 } },
    // A reply in 100 frames each second is 10 kB. In fewer frames it is less than what they read: nobody need be cut off.
    slowReaders: { clients: 5, bytesPerSecond: 3_000 },
    pieceIntervalMs,
  },
  // A client's next message may come before the reply to its last has ended: it must not have to wait for it.
  settings: { ...inPieces, PARLEY_MAX_PROCESSING_PER_CONVERSATION: '10' },
  aims: [noFailures, { ...pieceDelay, name: 'Piece delay of the others, p99' }],
  quick: {
    load: { ...quickLoad, slowReaders: { clients: 2, bytesPerSecond: 20_000 } },
    settings: { PARLEY_SIMULATED_PIECES: '20' },
  },
};

export const history: Scenario = {
  description:
    '50 clients talk, pausing for 50–150 ms; beside it the newest pages of 50 of their conversations are read, 200 a second.',
  load: {
    ...busyLoad,
    // Some 400 messages a second: half of what there is to do is left to the reads.
    pace: { loop: 'closed', thinkMs: { min: 50, max: 150 } },
    historyReads: { perSecond: 200, pageSize: 50 },
  },
  settings: atOnce,
  aims: [noFailures],
  quick: { load: { ...quickLoad, historyReads: { perSecond: 20, pageSize: 50 } } },
};

export const storm: Scenario = {
  description:
    '50 clients lose their connections 20 times each within 10 s, while replies come in, and take their sessions up again.',
  load: {
    ...busyLoad,
    durationMs: 20_000,
    // Compiled and in full swing when it begins.
    storm: { reconnects: 20, withinMs: 10_000, fromMs: 5_000 },
  },
  settings: {
    ...commonSettings,
    // A reply takes 0.2–0.7 s, so that most connections are lost in the middle of one.
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0-500',
    PARLEY_SIMULATED_PIECES: '20',
    PARLEY_SIMULATED_PIECE_INTERVAL_MS: '10',
  },
  aims: [
    noFailures,
    {
      name: 'Resumed, p99',
      unit: 'ms',
      limit: { embedded: 25, distributed: 300 },
      figure: ({ driver }) => (driver.resumedMs.count === 0 ? undefined : driver.resumedMs.p99),
    },
    {
      // What was missed and what comes then is told of the fold: a storm of those who come back asks nothing of history.
      name: 'Reads of history, for each time that a client came back',
      unit: '',
      limit: 0,
      figure: ({ driver: { resumedMs }, system }) => {
        const reads = system.at(-1)?.historyReads;
        return reads === undefined || resumedMs.count === 0 ? undefined : reads / resumedMs.count;
      },
    },
  ],
  quick: { load: { clients: 10, durationMs: 2_000, storm: { reconnects: 3, withinMs: 1_000, fromMs: 500 } } },
};

export const chaos: Scenario = {
  description:
    '50 clients talk while the server, or one process of the deployment after the other, is killed and started again.',
  load: {
    ...busyLoad,
    // Some ten kills.
    durationMs: 90_000,
    // A deployment gives a dead process's partitions to nobody for 10 s, a dead gateway's sessions for 15.
    settleMs: 60_000,
    pace: { loop: 'closed', thinkMs: { min: 0, max: 500 } },
    mix: { text: { ...shortText, share: 8 }, voice: shortVoice, video: shortVideo },
    toleratesKills: true,
  },
  settings: {
    ...commonSettings,
    // Something is under way at any moment.
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0-500',
    PARLEY_SIMULATED_VOICE_DELAY_MS: '0-500',
    PARLEY_SIMULATED_VIDEO_DELAY_MS: '0-500',
    PARLEY_SIMULATED_PIECES: '8',
    PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20',
  },
  kills: { everyMs: { min: 2_000, max: 10_000 } },
  aims: [noFailures],
  quick: { load: { clients: 10, durationMs: 5_000 }, kills: { everyMs: { min: 500, max: 1_500 } } },
};

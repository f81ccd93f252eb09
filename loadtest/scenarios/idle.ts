import { noFailures, ofKind } from './common.ts';
import { atOnce, busyLoad } from './loops.ts';
import type { Facts, Prelude, Scenario, ScenarioLoad } from './scenario.ts';

const idleClients = 10_000;
const busy: ScenarioLoad = { ...busyLoad, durationMs: 20_000 };

/** One client that hardly says anything: the others are what is looked at. */
const waiting: ScenarioLoad = {
  ...busy,
  clients: 1,
  idleClients,
  pace: { loop: 'closed', thinkMs: { min: 1_000, max: 1_000 } },
  durationMs: 45_000,
};

/** Two heartbeats of each client, one every 15 s, and some more. */
const memoryAtSecond = 40;

const alone: Prelude = { name: 'alone', load: busy, memoryAt: 'end' };
const many: Prelude = { name: 'many', load: waiting, memoryAt: memoryAtSecond };

/** What one session more costs the server, in kilobytes. */
function kilobytesPerSession({ preludes }: Facts): number | undefined {
  const [without, with_] = [preludes['alone'], preludes['many']];
  if (without === undefined || with_ === undefined) return undefined;
  const sessions = Math.max(...with_.driver.ticks.map(({ connected }) => connected));
  return ((with_.residentMib - without.residentMib) * 2 ** 20) / 1_000 / sessions;
}

export const idle: Scenario = {
  description:
    '10,000 clients, each with a connection of its own, that have said one thing and go on with nothing but heartbeats; 50 others talk.',
  load: { ...busy, idleClients },
  // All of them, and room for sessions that have just ended.
  settings: { ...atOnce, PARLEY_MAX_CLIENTS: '10100' },
  preludes: [alone, many],
  aims: [
    noFailures,
    { name: 'Server memory for a session', unit: 'kB', limit: 60, figure: kilobytesPerSession },
    {
      name: 'Reply p99 of 50 clients, beside idle ones over alone',
      unit: 'times',
      limit: 1.5,
      figure: (facts) => {
        const p99 = ofKind('text', ({ replyMs }) => replyMs.p99);
        const before = facts.preludes['alone'];
        const [with_, without] = [
          p99(facts),
          before === undefined ? undefined : p99({ ...facts, driver: before.driver }),
        ];
        return with_ === undefined || without === undefined ? undefined : with_ / without;
      },
    },
  ],
  quick: {
    load: { clients: 5, idleClients: 100, durationMs: 1_500 },
    preludes: [
      { ...alone, load: { ...busy, clients: 5, durationMs: 1_500 } },
      { ...many, load: { ...waiting, idleClients: 100, durationMs: 3_000 }, memoryAt: 2 },
    ],
  },
};

import { table } from '../markdown.ts';
import type { FaultRow, ShardingFigures, UnfairnessRow } from './sharding.ts';
import { erlangLoss, unfairnessBound } from './unfairness.ts';
import { amount, percent } from './wording.ts';

/** Of shards that are too large to be played in a minute; the formula was compared with what was played. */
const slotCounts = [10, 100, 1_000, 10_000, 40_000];
const loads = [0.8, 0.9, 0.95, 0.98, 1];

/** The design of admission by shards, and what the simulation says of it. */
export function admissionSection({ limit, unfairness, crowded, faults }: ShardingFigures): string {
  return `K shards each fold a log of their own, with a quota of their own: parts of the limit L. A client's shard is a hash of its id, so that all requests of a client meet in one log, and
one session per client holds as before. Every shard keeps its quota in every prefix of its log, by the very rules that are there today; so L is kept in whatever mixture of prefixes
of all logs, since the quotas are L together. No shard needs to know anything of another, nor any clock of another's.

**Quotas that move.** A fixed quota may be full while others have room. A shard can give part of it away by two facts. \`QuotaGiven\` in the giver's log counts only if the slots are
free at that place in that log, which the fold decides; from there on they are nobody's. Whoever has read that it counted appends \`QuotaTaken\` to the other's log, which counts once
for each gift, however often it is there. So at any moment the quotas and what is under way are L: a crash or a delay in between leaves slots idle until somebody
passes the gift on, and never makes one too many. There is nobody to elect, and nothing to lock. The product does not have this: its quotas are \`PARLEY_MAX_CLIENTS\` of each shard.

\`loadtest/capacity\` plays both, with \`src/domain/admission\` for the fold. Clients come at random and stay as long as they like; some go without a word. After every record of any log the
sessions open in all shards together are compared with L. ${crowded.shards} shards, L = ${crowded.limit}, ${crowded.load} times as many clients as slots; gateways die, freeze and start again under their names, logs are away for longer than a lease, readers
crash and begin from a snapshot, clocks of logs differ by up to a minute, records come late, twice and in another order, bearers of gifts die:

${faultsTable(faults)}

"Taken first" is the wrong order of the two facts, to show that what is broken is seen.

**What it costs those who come.** Without faults, L = ${amount(limit)}, nobody waits in line. Load is how many would be in if nobody were refused, over L. Refused are shares of all who come. One
log refuses too when all is full; at load 1.2 it must.

${unfairnessTable(unfairness)}

${percent(whileRoom(unfairness))} of those whom shards refused came while another shard had room; what is unfair is what they refuse beyond one log, which at load 1.2 is full, too. The formula is Erlang's
loss formula for one shard, exact for any distribution of stays. All rows of a load have the same clients in the same twenty minutes, so they differ from it by chance, and together. The bound follows from balls into bins. Clients are dealt to shards independently, so those who would be in a shard of q slots are Poisson
distributed with mean a = load · q. By Erlang's formula the share refused is P(X = q) / P(X ≤ q). Up to load 1 the median of X is at most q, so P(X ≤ q) ≥ ½;
and q! ≥ √(2πq) (q/e)^q. Hence

    refused ≤ 2 P(X = q) ≤ √(2 / (π q)) · e^(−q (load − 1 − ln load))

Over load 1 the bound is of what is refused beyond one log's refusals: slots are never idle for a larger share of the time than at load 1, so these are at most √(2 / (π q)) / load. If
all clients come at once and stay, the share refused is E max(0, X − q) / a, which is smaller than Erlang's. So unfairness falls with the root of the quota when all slots
are wanted, and exponentially with the quota as soon as some are spare: what counts is slots for each shard, not how many shards there are. By the formula:

${formulaTable()}

With ten thousand slots in each shard, a limit that is 5 % above what comes at the peak makes fixed quotas as good as one log, and quotas need not move.

In the simulation each client comes once. Real ones come again, to the same shard. Where M clients belong to a shard on average, connected or not, single shards have more for
good, by about 1 / √M of them: 1 % with ten thousand. That margin has to be in the quotas too, or quotas have to move.`;
}

function faultsTable(faults: readonly FaultRow[]): string {
  const names = {
    fixed: 'fixed quotas',
    'given first': 'quotas that move, given first',
    'taken first': 'quotas that move, taken first',
  };
  return table(
    ['', 'runs', 'records', 'deaths and absences', 'gifts that counted', 'most open at once', 'runs over the limit'],
    faults.map(({ quotas, runs, records, faults: count, transfers, mostOpen, broken }) => [
      names[quotas],
      ...[runs, ...(broken === runs ? [] : [records, count, transfers])].map(amount),
      ...(broken === runs ? ['–', '–', '–', 'over the limit'] : [amount(mostOpen)]),
      broken === 0 ? '0' : `**${broken}**`,
    ]),
  );
}

function unfairnessTable(rows: readonly UnfairnessRow[]): string {
  const single = (load: number) => rows.find((row) => row.shards === 1 && row.load === load)?.refusedShare ?? 0;
  return table(
    [
      'shards',
      'slots of each',
      'load',
      'refused',
      'by the formula',
      'bound',
      'one log, same clients',
      'quotas that move',
    ],
    rows
      .filter(({ shards }) => shards > 1)
      .map(({ shards, slots, load, refusedShare, expectedShare, boundShare, movingShare }) => [
        amount(shards),
        amount(slots),
        String(load),
        percent(refusedShare),
        percent(expectedShare),
        load > 1 ? `one log’s + ${percent(boundShare)}` : percent(boundShare),
        percent(single(load)),
        movingShare === null ? '–' : percent(movingShare),
      ]),
  );
}

/** Of all who were refused by one of several shards. */
function whileRoom(rows: readonly UnfairnessRow[]): number {
  const divided = rows.filter(({ shards }) => shards > 1);
  const sum = (of: (row: UnfairnessRow) => number) => divided.reduce((total, row) => total + of(row) * row.requests, 0);
  return sum(({ refusedWhileRoomShare }) => refusedWhileRoomShare) / sum(({ refusedShare }) => refusedShare);
}

/** Refused, and in brackets the bound. */
function formulaTable(): string {
  // What is too small for the machine's numbers is not nothing.
  const tiny = (share: number) => percent(Math.max(share, Number.MIN_VALUE));
  return table(
    ['slots of a shard', ...loads.map((load) => `load ${load}`)],
    slotCounts.map((slots) => [
      amount(slots),
      ...loads.map((load) => `${tiny(erlangLoss(slots, slots * load))} (${tiny(unfairnessBound(slots, load))})`),
    ]),
  );
}

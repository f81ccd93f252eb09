import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { regressions } from './regressions.ts';
import { type Rule, rules } from './rules.ts';
import { type Omissions, type Scenario, scenarioOf } from './scenario.ts';
import { search, type Verdict } from './search.ts';
import { shrink } from './shrink.ts';
import { type Outcome, simulate } from './simulate.ts';

const usage = `npm run simulate                      1,000 histories of new seeds
npm run simulate -- --seeds 5000      as many histories; --from N begins at that seed
npm run simulate -- --fixed 750       before them as many whose seeds are always the same, and those of regressions.ts
npm run simulate -- --until-failure   until a rule is broken
npm run simulate -- --seed N          one history as a story; --without fault,client leaves some of it out, --for MS shortens it
npm run simulate -- --seed N --shrink drops faults and clients as long as it still fails; --rule NAME, if it breaks several`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    fixed: { type: 'string', default: '0' },
    'until-failure': { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    rule: { type: 'string' },
    without: { type: 'string' },
    for: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** Seeds are shown, typed and kept: nine digits are enough of them. */
const seedLimit = 1_000_000_000;

function omissions(): Omissions {
  const names = values.without?.split(',') ?? [];
  const isClient = (name: string) => /^c\d+$/.test(name);
  return {
    faults: new Set(names.filter((name) => !isClient(name))),
    clients: new Set(names.filter(isClient)),
    activeMs: values.for === undefined ? undefined : Number(values.for),
  };
}

async function tell(seed: number): Promise<boolean> {
  const scenario = scenarioOf(seed, omissions());
  const outcome = await simulate(scenario, { keepsStory: true });
  console.log(headOf(scenario));
  console.log(outcome.story.join('\n'));
  console.log(endOf(outcome));
  return outcome.findings.length === 0;
}

function headOf({
  seed,
  nodes,
  clients,
  rates,
  activeMs,
  config: { limits },
  usesHistory,
  continues,
  usesTokens,
}: Scenario): string {
  const faults = Object.entries(rates).map(([name, rate]) => `${name} ${rate.toPrecision(2)}`);
  return [
    `Seed ${seed}: ${Math.round(activeMs / 1_000)} s of faults, then peace.`,
    `Processes: ${nodes.map(({ name, roles }) => `${name} (${roles.join(', ')})`).join('; ')}`,
    `Clients: ${clients.map(({ clientId, kind }) => `${clientId} (${kind})`).join(', ')}`,
    `Limits: ${limits.maxClients} clients, ${limits.partitions} partitions of ${limits.maxProcessingPerPartition} messages each`,
    `Faults, a share of operations or a number a minute: ${faults.join(', ') || 'none'}`,
    usesHistory ? 'The model reads what was said before.' : 'The model reads nothing but the message.',
    ...(continues ? ['The model goes on from what a lost worker had said.'] : []),
    ...(usesTokens ? ['Clients show access tokens.'] : []),
    '',
  ].join('\n');
}

function endOf({ seed, findings, digest, elapsedMs, tasks, records }: Outcome): string {
  const broken = findings.map(({ rule, what }) => `  ${rule}: ${what}\n    ${rules[rule]}`);
  return [
    '',
    `${Math.round(elapsedMs / 1_000)} s of virtual time, ${tasks} steps, ${records} records; ${digest}`,
    findings.length === 0 ? 'Every rule holds.' : `Broken:\n${broken.join('\n')}`,
    `npm run simulate -- --seed ${seed}`,
  ].join('\n');
}

async function makeSmaller(seed: number): Promise<boolean> {
  const { findings } = await simulate(scenarioOf(seed));
  const rule = (values.rule as Rule | undefined) ?? findings[0]?.rule;
  if (rule === undefined) {
    console.log(`Seed ${seed} breaks no rule.`);
    return true;
  }
  const { omissions: left, tried } = await shrink(seed, rule);
  const without = [...left.faults, ...left.clients].join(',');
  const options = [
    ...(without === '' ? [] : [`--without ${without}`]),
    ...(left.activeMs === undefined ? [] : [`--for ${Math.ceil(left.activeMs)}`]),
  ];
  console.log(`${rule} still breaks in the smallest of ${tried} histories:`);
  console.log(`npm run simulate -- --seed ${seed} ${options.join(' ')}`);
  return false;
}

function* seedsToTry(): Iterable<number> {
  const fixed = Number(values.fixed);
  if (fixed > 0) for (const { seed } of regressions) yield seed;
  for (let seed = 1; seed <= fixed; seed += 1) yield seed;
  const count = values['until-failure'] ? Number.POSITIVE_INFINITY : Number(values.seeds ?? 1_000);
  const from = values.from === undefined ? undefined : Number(values.from);
  for (let tried = 0; tried < count; tried += 1) yield from === undefined ? randomInt(seedLimit) : from + tried;
}

async function searchMany(): Promise<boolean> {
  const begunMs = performance.now();
  const total = { histories: 0, failed: 0, virtualMs: 0, tasks: 0, faults: 0 };
  const line = () => {
    const seconds = (performance.now() - begunMs) / 1_000;
    const { histories, failed, virtualMs, tasks, faults } = total;
    return (
      `${histories} histories in ${seconds.toFixed(1)} s (${(histories / seconds).toFixed(1)} a second), ` +
      `${(virtualMs / 3_600_000).toFixed(1)} virtual hours, ${tasks} steps, ${faults} faults: ${failed} failed`
    );
  };
  let shownMs = begunMs;
  await search({
    seeds: seedsToTry(),
    width: availableParallelism(),
    onVerdict(verdict) {
      count(total, verdict);
      for (const { rule, what } of verdict.findings) console.log(`seed ${verdict.seed}: ${rule}: ${what}`);
      if (performance.now() - shownMs > 5_000) {
        shownMs = performance.now();
        console.log(line());
      }
      return values['until-failure'] && verdict.findings.length > 0;
    },
  });
  console.log(line());
  console.log(`Histories: ${total.histories - total.failed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

function count(
  total: { histories: number; failed: number; virtualMs: number; tasks: number; faults: number },
  { findings, elapsedMs, tasks, faults }: Verdict,
): void {
  total.histories += 1;
  if (findings.length > 0) total.failed += 1;
  total.virtualMs += elapsedMs;
  total.tasks += tasks;
  total.faults += faults;
}

async function run(): Promise<boolean> {
  if (values.help) {
    console.log(usage);
    return true;
  }
  if (values.seed === undefined) return searchMany();
  return values.shrink ? makeSmaller(Number(values.seed)) : tell(Number(values.seed));
}

process.exitCode = (await run()) ? 0 : 1;

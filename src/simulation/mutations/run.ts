import { randomInt } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Rule } from '../rules.ts';
import { scenarioOf } from '../scenario.ts';
import { search, type Verdict } from '../search.ts';
import { mutatedTree } from './mutated-tree.ts';
import { type Mutation, mutations } from './mutations.ts';

const usage = `npm run simulate:mutations                     plants each fault and searches until a rule that is to find it is broken
npm run simulate:mutations -- NAME NAME ...    those only; a beginning of a name will do
--from N     the first seed; without it seeds are new
--seeds N    so many histories at most, 2,000 if nothing is said
--threads N  histories at once, 2 if nothing is said
--any        every rule counts: what a new fault breaks`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string' },
    seeds: { type: 'string', default: '2000' },
    threads: { type: 'string', default: '2' },
    any: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const seedLimit = 1_000_000_000;

/** What became of the search for one fault. */
interface Result {
  readonly name: string;
  /** The seed that found it, and the rules it breaks; undefined: none did. */
  readonly found: { readonly seed: number; readonly rules: readonly string[] } | undefined;
  /** Until it was found: those tried, and those of them whose histories were run. */
  readonly seeds: number;
  readonly histories: number;
  readonly seconds: number;
}

/** Seeds whose histories may show the fault; `taken` counts the others, too. */
class Seeds implements Iterable<number> {
  taken = 0;
  readonly #mutation: Mutation;

  constructor(mutation: Mutation) {
    this.#mutation = mutation;
  }

  *[Symbol.iterator](): Iterator<number> {
    const { mayShow = () => true } = this.#mutation;
    while (this.taken < Number(values.seeds)) {
      const seed = this.#next();
      this.taken += 1;
      if (mayShow(scenarioOf(seed))) yield seed;
    }
  }

  #next(): number {
    return values.from === undefined ? randomInt(seedLimit) : Number(values.from) + this.taken;
  }
}

/** The rules by which a history finds the fault. */
function findsOf({ rules }: Mutation, { findings }: Verdict): Rule[] {
  return [...new Set(findings.map(({ rule }) => rule))].filter((rule) => values.any || rules.includes(rule));
}

/** The rules that the tree as it is breaks with this seed: they tell nothing about the fault. */
async function rulesBrokenWithout(seed: number): Promise<ReadonlySet<Rule>> {
  const broken = new Set<Rule>();
  await search({
    seeds: [seed],
    width: 1,
    onVerdict({ findings }) {
      for (const { rule } of findings) broken.add(rule);
      return true;
    },
  });
  return broken;
}

async function searchFor(mutation: Mutation): Promise<Result> {
  const begunMs = performance.now();
  using tree = mutatedTree(mutation.name);
  const searchUrl = new URL('src/simulation/search.ts', pathToFileURL(`${tree.folder}/`));
  const mutated = (await import(searchUrl.href)) as { readonly search: typeof search };
  const seeds = new Seeds(mutation);
  let histories = 0;
  let found: Result['found'];
  let isOver = false;
  while (found === undefined && !isOver) {
    const suspects: Verdict[] = [];
    await mutated.search({
      seeds,
      width: Number(values.threads),
      onVerdict(verdict) {
        histories += 1;
        if (findsOf(mutation, verdict).length > 0) suspects.push(verdict);
        return suspects.length > 0;
      },
    });
    isOver = suspects.length === 0;
    for (const suspect of suspects) {
      const known = await rulesBrokenWithout(suspect.seed);
      const rules = findsOf(mutation, suspect).filter((rule) => !known.has(rule));
      if (rules.length > 0) found ??= { seed: suspect.seed, rules };
    }
  }
  return { name: mutation.name, found, seeds: seeds.taken, histories, seconds: (performance.now() - begunMs) / 1_000 };
}

function lineOf({ name, found, seeds, histories, seconds }: Result): string {
  const what = found === undefined ? 'MISSED' : `seed ${found.seed}: ${found.rules.join(', ')}`;
  return `${name.padEnd(34)} ${String(seeds).padStart(5)} seeds (${String(histories).padStart(4)} run) ${seconds.toFixed(1).padStart(7)} s  ${what}`;
}

async function run(): Promise<boolean> {
  if (values.help) {
    console.log(usage);
    return true;
  }
  const chosen = mutations.filter(
    ({ name }) => positionals.length === 0 || positionals.some((beginning) => name.startsWith(beginning)),
  );
  const results: Result[] = [];
  for (const mutation of chosen) {
    const result = await searchFor(mutation);
    results.push(result);
    console.log(lineOf(result));
  }
  const missed = results.filter(({ found }) => found === undefined);
  if (results.length > 1) console.log(['', ...results.map(lineOf)].join('\n'));
  console.log(`Mutations: ${results.length - missed.length} found, ${missed.length} missed`);
  return missed.length === 0 && chosen.length > 0;
}

process.exitCode = (await run()) ? 0 : 1;

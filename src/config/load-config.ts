import { assemble, type Config } from './config.ts';
import { parseSettings } from './parse-settings.ts';
import { brokenRelations } from './relations.ts';

/** The environment cannot be used. `problems` has one sentence for each thing that is wrong; no secret is in any. */
export class ConfigInvalid extends Error {
  override readonly name = 'ConfigInvalid';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Names and values to the configuration. An empty value counts as not given. Throws ConfigInvalid with every problem at once. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const { values, problems } = parseSettings(env);
  // Relations compare whole sets of good values: beside a bad one they would only repeat its problem in other words.
  const all = values === undefined ? problems : [...problems, ...brokenRelations(values)];
  if (values === undefined || all.length > 0) throw new ConfigInvalid(all);
  return deepFreeze(assemble(values));
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}

import { closest, distance } from 'fastest-levenshtein';
import { assemble, type Config } from './config.ts';
import { brokenRelations } from './relations.ts';
import type { Setting } from './setting.ts';
import { type SettingName, settings, type Values } from './settings.ts';

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

const ownNames = /^PARLEY_/;
const names = Object.keys(settings) as SettingName[];
const maxShownLength = 80;

/** Every value by its setting's name, or the problems. `values` is undefined when one could not be read. */
function parseSettings(env: Readonly<Record<string, string | undefined>>): {
  values: Values | undefined;
  problems: readonly string[];
} {
  const problems = unknownNames(env);
  const values: Partial<Record<SettingName, unknown>> = {};
  let complete = true;
  for (const name of names) {
    const { value, problem } = parseSetting(name, env[name]?.trim() ?? '');
    values[name] = value;
    if (problem === undefined) continue;
    problems.push(problem);
    complete = false;
  }
  return { values: complete ? (values as Values) : undefined, problems };
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env)
    .filter((name) => ownNames.test(name) && env[name] !== undefined && !Object.hasOwn(settings, name))
    .sort()
    .map((name) => `${shown(name)} is not a setting; ${hintFor(name)}`);
}

/** Of a name's letters after PARLEY_: a name that differs in more is hardly a typing error, and the nearest one would mislead. */
const maxMistypedShare = 0.4;

function hintFor(name: string): string {
  const nearest = closest(name, names);
  const isNear = distance(name, nearest) <= maxMistypedShare * name.replace(ownNames, '').length;
  return isNear ? `the nearest one is ${nearest}` : 'docs/configuration.md lists them';
}

function parseSetting(name: SettingName, given: string): { value?: unknown; problem?: string } {
  const setting: Setting<unknown> = settings[name];
  const text = given === '' ? setting.default : given;
  if (text === '') return {};
  const value = setting.type.parse(text);
  if (value !== undefined) return { value };
  return { problem: `${name}=${setting.secret ? '(secret)' : shown(text)}: expected ${setting.type.expected}` };
}

/** A value within a line of text: no line break in it, not endless, and no password of a URL. */
function shown(text: string): string {
  const quoted = JSON.stringify(text.replace(/\/\/[^@/]*@/g, '//(secret)@'));
  return quoted.length <= maxShownLength ? quoted.slice(1, -1) : `${quoted.slice(1, maxShownLength)}…`;
}

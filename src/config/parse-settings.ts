import { closest } from 'fastest-levenshtein';
import type { Setting } from './setting.ts';
import { type SettingName, settings, type Values } from './settings.ts';

const ownNames = /^PARLEY_/;
const names = Object.keys(settings) as SettingName[];
const maxShownLength = 80;

/** Every value by its setting's name, or the problems. `values` is undefined when one could not be read. */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): {
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
    .map((name) => `${shown(name)} is not a setting; the nearest one is ${closest(name, names)}`);
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

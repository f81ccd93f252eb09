import type { Aim } from '../result.ts';
import type { Facts, Profile, ScenarioAim } from '../scenarios/scenario.ts';

/** Each aim of a scenario with what came of it. What was not measured has not met its aim. */
export function evaluate(aims: readonly ScenarioAim[], facts: Facts, profile: Profile): readonly Aim[] {
  return aims.map(({ name, unit, limit: of, isAtLeast = false, figure: figureOf }) => {
    const limit = typeof of === 'number' ? of : of[profile];
    const figure = figureOf(facts) ?? null;
    const isMet = figure !== null && (isAtLeast ? figure >= limit : figure <= limit);
    return { name, unit, limit, isAtLeast, figure, isMet };
  });
}

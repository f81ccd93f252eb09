import { idle } from './idle.ts';
import { burst, chaos, history, slow, steady, storm, streams } from './loops.ts';
import { published, published50 } from './published.ts';
import type { Scenario } from './scenario.ts';
import { soak } from './soak.ts';

/** By the names that `npm run load` takes. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  published,
  'published-50': published50,
  steady,
  burst,
  streams,
  slow,
  soak,
  storm,
  history,
  idle,
  chaos,
};

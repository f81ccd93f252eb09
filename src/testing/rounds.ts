/** How often a test repeats what it draws at random. */
export interface Rounds {
  /** In `npm test` and CI: enough for what only real parts can show. The simulation searches the rest (docs/simulation.md). */
  readonly usual: number;
  /** When a search is asked for with `TEST_LONG=1`, for example `TEST_LONG=1 npm run test:faults -- kill`. */
  readonly long: number;
}

/** The number of rounds of this run. */
export function rounds({ usual, long }: Rounds): number {
  return process.env['TEST_LONG'] === '1' ? long : usual;
}

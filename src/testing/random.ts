/** The seed of every run: what passed with a commit passes with it again. */
const fixedSeed = 20_261_122;

/**
 * The seeds that a seeded test runs with, each as a test of its own that names it: the fixed one, and one that hardly any run had before.
 * TEST_SEED, set to the seed that a failure names, is then the only one.
 */
export const testSeeds: readonly number[] = seedsFrom(process.env['TEST_SEED']);

function seedsFrom(given: string | undefined): readonly number[] {
  // Below 2^31, which fast-check takes as it is.
  return given === undefined ? [fixedSeed, Math.floor(Math.random() * 2 ** 31)] : [Number(given)];
}

/**
 * Random numbers in [0, 1), the same for the same seed. Without one it is the fresh seed, which is printed: for tests of many processes or
 * connections, whose course the machine decides as well, so that a fixed seed would repeat nothing.
 */
export function seededRandom(seed = announcedSeed()): () => number {
  let state = seed >>> 0;
  // mulberry32: 32 bits of state are plenty to choose moments and bytes.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function announcedSeed(): number {
  const seed = testSeeds.at(-1) ?? fixedSeed;
  console.info(`TEST_SEED=${seed}`);
  return seed;
}

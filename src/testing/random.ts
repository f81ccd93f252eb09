/** Random numbers in [0, 1) that can be had again: the seed is printed, and taken from TEST_SEED when it is set. */
export function seededRandom(): () => number {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  console.info(`TEST_SEED=${seed}`);
  let state = seed >>> 0;
  // mulberry32: 32 bits of state are plenty to choose moments and bytes.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

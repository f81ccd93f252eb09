/** Numbers in [0, 1), the same sequence for the same seed. */
export type Random = () => number;

/** The FNV-1a hash (32 bits) of the strings, by UTF-16 unit; a separator keeps ('ab', 'c') and ('a', 'bc') apart. */
function hashOf(seed: number, strings: readonly string[]): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const string of strings) {
    for (let i = 0; i < string.length; i++) hash = Math.imul(hash ^ string.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xffff, 0x01000193);
  }
  return hash;
}

/**
 * A generator that depends on nothing but its arguments, so that replies do not depend on the order of calls
 * (mulberry32).
 */
export function seededRandom(seed: number, ...strings: readonly string[]): Random {
  let state = hashOf(seed, strings);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the choices. */
export function pick<T>(choices: readonly [T, ...T[]], random: Random): T {
  return choices[Math.floor(random() * choices.length)] ?? choices[0];
}

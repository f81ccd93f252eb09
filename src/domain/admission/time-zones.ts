/** An IANA name begins with a letter; offsets such as `+02:00`, which some platforms take for zones, do not. */
const ianaName = /^[A-Za-z][A-Za-z0-9_+\-/]*$/;

/**
 * Whether a client in this time zone is served: a valid IANA name that matches one of the patterns. Which names are
 * valid changes with the platform's data, so `isValidIana` is an argument and the answer is no part of the fold. A
 * pattern is a name, or a beginning and `*`: `*`, `Asia/*`, `Europe/Paris`. Letter case does not matter, as it does not
 * to the platform.
 */
export function timeZoneAllowed(
  timeZone: string,
  patterns: readonly string[],
  isValidIana: (timeZone: string) => boolean,
): boolean {
  return ianaName.test(timeZone) && patterns.some((pattern) => matches(timeZone, pattern)) && isValidIana(timeZone);
}

function matches(timeZone: string, pattern: string): boolean {
  const name = timeZone.toLowerCase();
  const wanted = pattern.toLowerCase();
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
}

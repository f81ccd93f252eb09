/**
 * Version of the Unicode tables used to split and compare words (domain/conversation/search-words.ts), as a whole number: 17.0 is 1,700. They come with
 * Node, and are the only part of the runtime that a fold may depend on, because the version of each collection that does includes it (ADR 29).
 */
// biome-ignore lint/style/noRestrictedGlobals: it is recorded, and a model that was folded by other tables begins again.
const [major = 0, minor = 0] = process.versions['unicode']?.split('.').map(Number) ?? [];

/** More than any version of Unicode gives. */
const unicodeVersions = 100_000;

/** The version of a collection whose documents, or the words they are found by, depend on Unicode's tables: it rises with those of the runtime, too. */
export function withUnicode(version: number): number {
  return version * unicodeVersions + major * 100 + minor;
}

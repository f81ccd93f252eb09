/**
 * Of the Unicode tables that cut and compare words here (domain/conversation/search-words.ts), as one whole number: 17.0 is 1,700. They come with Node. A constant
 * of the runtime, and the only thing of it that a fold may depend on, because it is part of the version of each collection that does (ADR 29).
 */
// biome-ignore lint/style/noRestrictedGlobals: it is recorded, and a model that was folded by other tables begins again.
const [major = 0, minor = 0] = process.versions['unicode']?.split('.').map(Number) ?? [];

/** More than any version of Unicode gives. */
const unicodeVersions = 100_000;

/** The version of a collection whose documents, or the words they are found by, depend on Unicode's tables: it rises with those of the runtime, too. */
export function withUnicode(version: number): number {
  return version * unicodeVersions + major * 100 + minor;
}

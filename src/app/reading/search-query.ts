import { wordsOf } from '../../domain/conversation/words.ts';
import { Refused } from '../../domain/errors/catalogue.ts';

/** Words of a query. Each costs a look into the index, and nobody remembers more of a message. */
const maxQueryWords = 20;

/** UTF-16 units of a query: so many words of the greatest length that counts, and as much again between them. */
const maxQueryUnits = 2_560;

/** The words to look for, each once. Throws QUERY_INVALID unless there are 1 to 20. */
export function searchedWords(query: string): readonly string[] {
  // Before it is cut into words: a query may be as large as a frame.
  const words = query.length > maxQueryUnits ? undefined : wordsOf(query);
  if (words !== undefined && words.length > 0 && words.length <= maxQueryWords) return words;
  throw new Refused('QUERY_INVALID', undefined, {
    violations: [{ field: 'query', description: `1 to ${maxQueryWords} words of letters and numbers` }],
  });
}

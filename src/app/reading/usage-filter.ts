import { Refused } from '../../domain/errors/catalogue.ts';

const fields = ['client', 'group', 'provider', 'model'] as const;

/** Which attempts: the values that these fields must have. */
export type UsageFilter = Partial<Readonly<Record<(typeof fields)[number], string>>>;

/** A field, its value with or without quotes, and what may follow. */
const comparison =
  /^\s*(?<field>[a-z_]+)\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^\s"]+))(?:\s+AND\s+(?<rest>.+)|\s*)$/su;

/** UTF-16 units of a filter: four ids and names of the greatest length. */
const maxFilterUnits = 4_000;

/** Comparisons of client, group, provider and model, joined by AND, as AIP-160 writes them. Throws FRAME_INVALID for anything else. */
export function usageFilter(filter: string): UsageFilter {
  if (filter.length > maxFilterUnits) throw refusal(`at most ${maxFilterUnits} characters`);
  const found: Partial<Record<(typeof fields)[number], string>> = {};
  for (let rest: string | undefined = filter.trim() === '' ? undefined : filter; rest !== undefined; ) {
    const groups: Record<string, string | undefined> | undefined = comparison.exec(rest)?.groups;
    const field = fields.find((each) => each === groups?.['field']);
    if (field === undefined) throw refusal(`comparisons of ${fields.join(', ')} with =, joined by AND`);
    if (found[field] !== undefined) throw refusal(`${field} once at most`);
    found[field] = groups?.['quoted']?.replaceAll(/\\(.)/gsu, '$1') ?? groups?.['bare'] ?? '';
    rest = groups?.['rest'];
  }
  return found;
}

function refusal(description: string): Refused {
  return new Refused('FRAME_INVALID', 'the filter is invalid', { violations: [{ field: 'filter', description }] });
}

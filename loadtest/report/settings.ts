/** What a run was, as names and values; two runs are alike when these are. */
export type Rows = Readonly<Record<string, string>>;

type Json = string | number | boolean | undefined | null | readonly Json[] | { readonly [name: string]: Json };

/** An object as one name and value for each leaf, `mix.text.share` for instance. A span is one value: 1,000–3,000. */
export function leavesOf(value: object, prefix = ''): Rows {
  return Object.assign(
    {},
    ...Object.entries(value as Record<string, Json>).map(([name, leaf]) => leaves(`${prefix}${name}`, leaf)),
  );
}

function leaves(name: string, value: Json): Rows {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return { [name]: text(value) };
  const { min, max, ...others } = value as { readonly [name: string]: Json };
  if (typeof min === 'number' && typeof max === 'number' && Object.keys(others).length === 0)
    return { [name]: min === max ? text(min) : `${text(min)}–${text(max)}` };
  return leavesOf(value, `${name}.`);
}

function text(value: string | number | boolean | null): string {
  return typeof value === 'number' ? value.toLocaleString('en') : String(value);
}

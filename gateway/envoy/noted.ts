/** What a configuration is made of, in the words of JSON and YAML; what has a reason to be told carries it. */
export type Configuration =
  | string
  | number
  | boolean
  | Noted
  | readonly Configuration[]
  | { readonly [name: string]: Configuration };

/** A value, and the sentence that stands above it in the file. */
export class Noted {
  readonly why: string;
  readonly value: Configuration;

  constructor(why: string, value: Configuration) {
    this.why = why;
    this.value = value;
  }
}

/** The value, with the reason for it. */
export function because(why: string, value: Configuration): Noted {
  return new Noted(why, value);
}

/** Looks at bytes to say what they are. */
export interface MediaInspector {
  /** The IANA media types (without parameters) that these bytes, the first of an object, may be of; empty when they are of none it knows. Never rejects. */
  contentTypes(head: Uint8Array): Promise<readonly string[]>;
  /** How many of an object's first bytes it wants to see. */
  readonly headBytes: number;
}

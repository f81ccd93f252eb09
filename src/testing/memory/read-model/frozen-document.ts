import type { Document } from '../../../ports/read-model.ts';

/**
 * The document as every store would give it back: fields that are `undefined` are dropped. Frozen, so that all readers may share it. Throws
 * TypeError for what JSON cannot hold.
 */
export function frozenDocument(document: Document): Document {
  return frozen(document) as Document;
}

function frozen(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozen));
  if (typeof value === 'object' && isPlain(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.freeze(Object.fromEntries(fields.map(([name, field]) => [name, frozen(field)])));
  }
  throw new TypeError(`a document cannot hold this ${typeof value}`);
}

/** No Date, Map, bytes and the like, which would come back as something else. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What a Range header asks for of an object: bytes `start` up to and without `end`; undefined: all of it; or nothing that it has. */
export type ByteRange = { readonly start: number; readonly end: number } | undefined | 'unsatisfiable';

const rangeForm = /^bytes=(\d*)-(\d*)$/i;

/** The requested range, by RFC 9110 §14. Malformed and multiple ranges (no player sends them) get the whole object, as the RFC allows. */
export function byteRange(header: string | undefined, sizeBytes: number): ByteRange {
  const [, first, last] = rangeForm.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || first + last === '') return undefined;
  if (first === '') return last === '' || Number(last) === 0 ? 'unsatisfiable' : suffix(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < start) return undefined;
  return start < sizeBytes ? { start, end } : 'unsatisfiable';
}

function suffix(lengthBytes: number, sizeBytes: number): ByteRange {
  return { start: Math.max(0, sizeBytes - lengthBytes), end: sizeBytes };
}

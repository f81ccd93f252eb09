import { maxIdLength } from '../../domain/limits.ts';

const replayForm = /^(.*)~replay-(\d{1,6})$/su;

/** Characters reserved for the longest suffix, so that all replays of one message share their prefix. */
const maxSuffixLength = '~replay-1000000'.length;

/**
 * The client message id of a message's replay, deterministic: `ada-7` is replayed as `ada-7~replay-1`, and that as `ada-7~replay-2`; too long ids are
 * cut, and distinguished by a hash.
 */
export function replayIdOf(clientMessageId: string, hash: (text: string) => string): string {
  const [, stem = clientMessageId, count = '0'] = replayForm.exec(clientMessageId) ?? [];
  return `${withinLength(stem, maxIdLength - maxSuffixLength, hash)}~replay-${Number(count) + 1}`;
}

function withinLength(stem: string, maxLength: number, hash: (text: string) => string): string {
  if (stem.length <= maxLength) return stem;
  const mark = `~${hash(stem)}`;
  return `${stem.slice(0, maxLength - mark.length).toWellFormed()}${mark}`;
}

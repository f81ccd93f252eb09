const slowness = Number(process.env['TEST_SLOWNESS'] ?? 1);

/**
 * How long something that the documents promise may take here, in milliseconds: as long as promised on two cores that do
 * nothing else. `TEST_SLOWNESS=3` allows three times as long, for machines that share their cores.
 */
export function promisedMs(ms: number): number {
  return ms * slowness;
}

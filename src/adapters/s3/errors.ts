import { isNoRoom, MediaMissing, MediaUnavailable } from '../../ports/media-store.ts';

/** What the SDK's errors carry. Not asked by `instanceof`, which fails between realms (test runners). */
function fieldsOf(error: unknown): {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
} {
  return typeof error === 'object' && error !== null ? error : {};
}

/** S3's status: 404 for nothing there, 412 for something else there, 416 for a range behind the end; undefined when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  return fieldsOf(error).$metadata?.httpStatusCode;
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.some((name) => fieldsOf(error).name === name);
}

/** The bucket was removed under us. */
export function isBucketMissing(error: unknown): boolean {
  return isNamed(error, 'NoSuchBucket');
}

/** What the port says of this error: what S3 or the way to it has refused is MediaUnavailable; what callers or we did wrong stays as it is. */
export function mapError(error: unknown): unknown {
  if (error instanceof MediaMissing || error instanceof MediaUnavailable) return error;
  if (isNoRoom(error)) return error;
  if (isNamed(error, 'RangeError', 'TypeError', 'ReferenceError')) return error;
  const { name, message } = fieldsOf(error);
  return new MediaUnavailable(`S3 cannot be used: ${String(name)}: ${String(message)}`, { cause: error });
}

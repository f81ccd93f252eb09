import { randomUUID } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import type { MediaStore } from '../../../ports/media-store.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import type { S3Engine } from '../../../testing/engines/s3.ts';
import { systemClock } from '../../node/system-clock.ts';
import { openS3MediaStore, type S3MediaStoreOptions } from '../s3-media-store.ts';

export const bucket = 'parley-test-media';
/** More than a test may leave behind for others to stumble over is refused. */
const maxTestBytes = 200_000_000;

/** A deployment of its own for each test, though all share one bucket. */
export function newPrefix(): string {
  return `test-${randomUUID()}`;
}

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export function openStore(s3: S3Engine, prefix: string, more: Partial<S3MediaStoreOptions> = {}): MediaStore {
  return openS3MediaStore({
    s3: settingsOf(s3),
    prefix,
    maxObjectBytes: maxTestBytes,
    clock: systemClock,
    logger: quiet,
    ...more,
  });
}

export function settingsOf({ endpoint, region, accessKeyId, secretAccessKey }: S3Engine): S3MediaStoreOptions['s3'] {
  const credentials = { accessKeyId, secretAccessKey };
  return { endpoint, publicEndpoint: '', bucket, region, credentials, corsOrigins: ['https://chat.example'] };
}

/** Somebody else with the keys of the bucket. */
export function strangerTo({ endpoint, region, accessKeyId, secretAccessKey }: S3Engine): S3Client {
  return new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true });
}

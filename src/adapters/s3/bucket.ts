import {
  type CORSRule,
  CreateBucketCommand,
  GetBucketCorsCommand,
  HeadBucketCommand,
  PutBucketCorsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Logger } from '../../ports/telemetry.ts';
import { isNamed, statusOf } from './errors.ts';
import { preflightMaxAgeS } from './limits.ts';

export interface BucketSettings {
  readonly bucket: string;
  readonly region: string;
  /** Of web pages that may use the URLs; `*` is any; with none the bucket's rules stay as they are. */
  readonly corsOrigins: readonly string[];
}

/** The only region that a bucket is made in by not naming one. */
const defaultRegion = 'us-east-1';

/**
 * Creates the bucket if it is missing, and sets its CORS rules. Rejects with S3's errors; if the rules cannot be set or are not supported, that is
 * logged: only other origins' pages are affected.
 */
export async function prepareBucket(
  client: S3Client,
  settings: BucketSettings,
  logger: Logger,
  abortSignal: AbortSignal,
): Promise<void> {
  const { bucket: Bucket, region } = settings;
  try {
    await client.send(new HeadBucketCommand({ Bucket }), { abortSignal });
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    await createBucket(client, Bucket, region, abortSignal);
    logger.info({ bucket: Bucket }, 'created the bucket for media');
  }
  try {
    await letPagesIn(client, settings, abortSignal);
  } catch (error) {
    if (![403, 405, 501].includes(statusOf(error) ?? 0)) throw error;
    const cors = [ruleFor(settings.corsOrigins)];
    logger.warn({ err: error, bucket: Bucket, cors }, 'could not set the CORS rules of the bucket: set them by hand');
  }
}

async function createBucket(client: S3Client, Bucket: string, region: string, abortSignal: AbortSignal): Promise<void> {
  const LocationConstraint = region as 'eu-west-1';
  const place = region === defaultRegion ? {} : { CreateBucketConfiguration: { LocationConstraint } };
  try {
    await client.send(new CreateBucketCommand({ Bucket, ...place }), { abortSignal });
  } catch (error) {
    // Another process was faster.
    if (!isNamed(error, 'BucketAlreadyOwnedByYou')) throw error;
  }
}

async function letPagesIn(client: S3Client, settings: BucketSettings, abortSignal: AbortSignal): Promise<void> {
  if (settings.corsOrigins.length === 0) return;
  const wanted = ruleFor(settings.corsOrigins);
  const found = await rulesOf(client, settings.bucket, abortSignal);
  if (found.some((rule) => isSame(rule, wanted))) return;
  const CORSConfiguration = { CORSRules: [wanted] };
  await client.send(new PutBucketCorsCommand({ Bucket: settings.bucket, CORSConfiguration }), { abortSignal });
}

async function rulesOf(client: S3Client, Bucket: string, abortSignal: AbortSignal): Promise<readonly CORSRule[]> {
  try {
    const { CORSRules = [] } = await client.send(new GetBucketCorsCommand({ Bucket }), { abortSignal });
    return CORSRules;
  } catch (error) {
    if (statusOf(error) === 404) return [];
    throw error;
  }
}

function ruleFor(origins: readonly string[]): CORSRule {
  return {
    AllowedMethods: ['GET', 'HEAD', 'PUT'],
    AllowedOrigins: [...origins],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['Accept-Ranges', 'Content-Length', 'Content-Range', 'ETag', 'Last-Modified'],
    MaxAgeSeconds: preflightMaxAgeS,
  };
}

/** S3 may tell the lists in another order. */
function isSame(found: CORSRule, wanted: CORSRule): boolean {
  const sorted = ({ AllowedMethods, AllowedOrigins, AllowedHeaders, ExposeHeaders, MaxAgeSeconds }: CORSRule) =>
    JSON.stringify([
      ...[AllowedMethods, AllowedOrigins, AllowedHeaders, ExposeHeaders].map((list) => list?.toSorted()),
      MaxAgeSeconds,
    ]);
  return sorted(found) === sorted(wanted);
}
